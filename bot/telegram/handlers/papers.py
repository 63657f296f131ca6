"""Requests for papers and editions by command, link or button."""

import re
from functools import partial

import telegram
from telegram import MessageEntity, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot.core.models import Kind, Subscriber, Wish
from bot.telegram import incoming as arrivals
from bot.telegram import questions, requests, words
from bot.telegram.context import Desk
from bot.telegram.handlers import preferences, privacy, prompts
from bot.telegram.incoming import ORIGINAL, Handler, Incoming, incoming, on_command
from bot.telegram.parts import Button, rows
from digest.core import ids
from digest.core.ids import PaperRef
from digest.db import engine as database
from digest.db import papers

_AT_ONCE = 5  # papers in one message
_QUESTION = 500  # characters of a question
_FOUND = 8
_SOUGHT = 200  # characters of a search
_LISTED = re.compile(r"^\d{1,3}\. ", re.MULTILINE)


def handlers(desk: Desk) -> list[Handler]:
    """List the handlers of this module. The last one takes every text that no other handler took."""
    return [
        on_command("paper", partial(paper, desk)),
        on_command("ask", partial(ask, desk)),
        on_command("search", partial(search, desk)),
        CallbackQueryHandler(partial(search_tapped, desk), pattern=r"^search:$"),
        MessageHandler((filters.TEXT | filters.CAPTION) & ~filters.COMMAND & ORIGINAL, partial(text, desk)),
    ]


async def paper(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show a paper by its identifier, link or DOI."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    refs = ids.find(came.words)
    if not refs:
        says = words.of(reader.choices.language)
        await desk.answer(
            came, says.which_paper(came.talks) if not came.words else says.no_such_name(came.words[:80])
        )
        return
    await wanted(desk, came, reader, refs)


async def text(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle text without a command: the value of a setting, a question about a paper, or names of papers."""
    found = update.effective_message
    if found is None or (came := incoming(update)) is None or came.kind is Kind.CHANNEL:
        return
    is_spoken_to = came.kind is Kind.PRIVATE or _is_mentioned(found, desk.bot.username)
    if not (is_spoken_to or _is_for_the_bot(found, came)):
        return
    reader = await desk.reader(came)
    refs = ids.find(f"{came.text} {arrivals.links(found)}")
    asked = _subject(came)
    if refs:
        await wanted(desk, came, reader, refs)
    elif prompt := prompts.named(came.replied):
        await _given(desk, came, reader, prompt)
    elif asked is not None:
        await _answer(desk, came, reader, asked, came.text)
    elif await preferences.given(desk, came, reader):
        pass
    elif is_spoken_to:
        says = words.of(reader.choices.language)
        await desk.answer(
            came,
            says.how_to_ask(came.talks) if came.replied and _papers(came.replied) else says.not_understood,
        )


async def _given(desk: Desk, came: Incoming, reader: Subscriber, prompt: str) -> None:
    """Handle the reply to a prompt of the bot."""
    if prompt == prompts.SEARCH:
        await _find(desk, came, reader)
    elif prompt == prompts.EMAIL:
        await privacy.sign_up(desk, came, reader)
    else:
        await preferences.replied(desk, came, reader, prompt)


async def wanted(desk: Desk, came: Incoming, reader: Subscriber, refs: list[PaperRef]) -> None:
    """Request each of `refs`, up to the limit. A paper named with and without its version is requested once."""
    versioned = {ref.paper for ref in refs if ref.version is not None}
    refs = [ref for ref in refs if ref.version is not None or ref.paper not in versioned]
    refused = await requests.take(desk, came, reader, refs[:_AT_ONCE])
    if len(refs) > _AT_ONCE:
        await desk.answer(came, words.of(reader.choices.language).too_many(_AT_ONCE, len(refs)))
    for refusal in refused:
        await desk.answer(came, refusal)


async def ask(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer a question about a paper, which the command names or the replied message shows."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    says = words.of(reader.choices.language)
    name, question = [*came.words.split(maxsplit=1), "", ""][:2]
    refs = ids.find(name)
    subject = refs[0] if refs else _subject(came)
    question = (question if refs else came.words).strip()
    if subject is None or not question:
        await desk.answer(came, says.how_to_ask(came.talks))
    else:
        await _answer(desk, came, reader, subject, question)


async def _answer(desk: Desk, came: Incoming, reader: Subscriber, subject: PaperRef, question: str) -> None:
    says = words.of(reader.choices.language)
    if len(question) > _QUESTION:
        await desk.answer(came, says.question_too_long(_QUESTION))
    elif not any(map(str.isalnum, question)):  # nothing to read, such as only zero-width characters
        await desk.answer(came, says.how_to_ask(came.talks))
    else:
        for refusal in await requests.take(desk, came, reader, [subject], Wish.ANSWER, question):
            await desk.answer(came, refusal)


async def search(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Search past editions for papers that contain all the words."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    if came.words:
        await _find(desk, came, reader)
    else:
        await desk.answer(came, words.of(reader.choices.language).how_to_search)


async def search_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the words to search."""
    if came := await desk.tap(update, "help"):
        language = (await desk.reader(came)).choices.language
        await prompts.ask(desk, came, language, words.of(language).reply_with[prompts.SEARCH])


async def _find(desk: Desk, came: Incoming, reader: Subscriber) -> None:
    language = reader.choices.language
    sought = came.words[:_SOUGHT]
    async with database.reading(desk.app.engine) as connection:
        found = await papers.search(connection, sought, language, _FOUND)
    buttons = [Button(str(number), f"p:{hit.version}") for number, hit in enumerate(found, start=1)]
    html = words.render("found", language, hits=found, query=sought)
    await desk.answer(came, html, rows(buttons, 8), public=True)


def _is_for_the_bot(found: telegram.Message, came: Incoming) -> bool:
    """Return whether a reply in a group to a message of the bot is meant for the bot."""
    if came.replied is None or _names_people(found):
        return False
    return (
        prompts.is_one(came.replied)
        or questions.is_question(came.text)
        or questions.is_only_papers(f"{came.text} {arrivals.links(found)}")
    )


def _subject(came: Incoming) -> PaperRef | None:
    """Return the first paper of the replied message, or None if it is a list of several."""
    named = _papers(came.replied) if came.replied else []
    if (
        came.replied
        and len({ref.paper for ref in named}) > 1
        and _LISTED.search(arrivals.shown(came.replied))
    ):
        return None
    return named[0] if named else None


def _papers(shown: telegram.Message) -> list[PaperRef]:
    """Return the papers that a message's links name, or else those in its text."""
    return ids.find(arrivals.links(shown)) or ids.find(arrivals.shown(shown))


def _names_people(found: telegram.Message) -> bool:
    """Return whether the message mentions somebody by name."""
    named = {MessageEntity.MENTION, MessageEntity.TEXT_MENTION}
    return any(each.type in named for each in (*found.entities, *found.caption_entities))


def _is_mentioned(found: telegram.Message, username: str) -> bool:
    kinds: list[str | None] = [MessageEntity.MENTION]
    named = (*found.parse_entities(kinds).values(), *found.parse_caption_entities(kinds).values())
    return f"@{username}".lower() in {name.lower() for name in named}
