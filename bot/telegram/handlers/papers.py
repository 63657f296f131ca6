"""Requests for papers: by command, link, button, or a question in a conversation.

Recognition of questions to the bot among the conversations of a group.

Members reply to a paper's message to discuss it among themselves. So the bot answers only replies that read as a
question or contain nothing but papers.

Requests for papers and editions by command, link or button.

Buttons of a paper: its card, the pages of its reading, and a question about it.
"""

import re
from functools import partial

import telegram
from telegram import MessageEntity, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot.core.models import Kind, Subscriber, Wish
from bot.telegram import incoming as arrivals
from bot.telegram import messages, requests, templates
from bot.telegram.context import BotContext
from bot.telegram.handlers import privacy, prompts, settings
from bot.telegram.incoming import ORIGINAL, Handler, IncomingMessage, incoming, on_command
from bot.telegram.messages import Place
from bot.telegram.templates import Button, rows
from digest.core import ids
from digest.core.ids import PaperRef
from digest.core.models import VersionId
from digest.db import engine as database
from digest.db import papers
from digest.db import papers as records

_TAIL = r"[\s!！。.~～…)）\]】\"'”’」*_\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]*"
_ENDS = re.compile(rf"(?:[?？]|吗|呢|什么|怎么|为何|多少){_TAIL}\Z")
_BEGINS = re.compile(
    r"(?:请问|请解释|请说明|请总结|请介绍|解释|说明一下|总结|概括|介绍一下|什么|为什么|为何|为啥|怎么|怎样|如何|哪|谁|多少|几|是否"
    r"|能否|可否|有没有|有无|是不是|能不能|会不会"
    r"|(?:what(?! an? )|why|how|which|who|whose|where|when|explain|summari[sz]e|compare)\b)",
    re.IGNORECASE,
)
# Similar beginnings that ask nothing: praise, surprise, past time.
_SAYS = re.compile(
    r"(?:解释|总结|概括|介绍)(?:得|的)|什么鬼|怎么(?:可能|又)|哪里哪里|谁懂|几(?:乎|(?:天|周|年)(?:前|后|没))|多少有点"
    r"|(?:when|where) (?:i|we)\b|who knows\b|how (?:cool|nice|great|interesting|funny|sad)\b",
    re.IGNORECASE,
)
_EXCLAIMS = re.compile(r"[!！]+\s*\Z")
_BETWEEN = re.compile(r"[\s,，、;；。]+")


def is_question(text: str) -> bool:
    """Return whether `text` begins or ends like a question or a request to explain, in Chinese or English."""
    text = text.strip()
    if not any(map(str.isalnum, text)):
        return False
    if _ENDS.search(text):
        return True
    return bool(_BEGINS.match(text) and not _SAYS.match(text) and not _EXCLAIMS.search(text))


def is_only_papers(text: str) -> bool:
    """Return whether `text` names papers and says nothing else."""
    words = list(filter(None, _BETWEEN.split(text)))
    return bool(words) and all(map(ids.find, words))


_AT_ONCE = 5  # papers in one message
_QUESTION = 500  # characters of a question
_FOUND = 8
_SOUGHT = 200  # characters of a search
_LISTED = re.compile(r"^\d{1,3}\. ", re.MULTILINE)


def handlers(desk: BotContext) -> list[Handler]:
    """List the handlers of this module. The last one takes every text that no other handler took."""
    return [
        on_command("paper", partial(paper, desk)),
        on_command("ask", partial(ask, desk)),
        on_command("search", partial(search, desk)),
        CallbackQueryHandler(partial(search_tapped, desk), pattern=r"^search:$"),
        MessageHandler((filters.TEXT | filters.CAPTION) & ~filters.COMMAND & ORIGINAL, partial(text, desk)),
    ]


async def paper(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show a paper by its identifier, link or DOI."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    refs = ids.find(came.words)
    if not refs:
        says = templates.words(reader.choices.language)
        await desk.answer(
            came, says.which_paper(came.talks) if not came.words else says.no_such_name(came.words[:80])
        )
        return
    await wanted(desk, came, reader, refs)


async def text(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
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
    elif prompt := prompts.prompt_named(came.replied):
        await _given(desk, came, reader, prompt)
    elif asked is not None:
        await _answer(desk, came, reader, asked, came.text)
    elif await settings.given(desk, came, reader):
        pass
    elif is_spoken_to:
        says = templates.words(reader.choices.language)
        await desk.answer(
            came,
            says.how_to_ask(came.talks) if came.replied and _papers(came.replied) else says.not_understood,
        )


async def _given(desk: BotContext, came: IncomingMessage, reader: Subscriber, prompt: str) -> None:
    """Handle the reply to a prompt of the bot."""
    if prompt == prompts.SEARCH:
        await _find(desk, came, reader)
    elif prompt == prompts.EMAIL:
        await privacy.sign_up(desk, came, reader)
    else:
        await settings.replied(desk, came, reader, prompt)


async def wanted(desk: BotContext, came: IncomingMessage, reader: Subscriber, refs: list[PaperRef]) -> None:
    """Request each of `refs`, up to the limit. A paper named with and without its version is requested once."""
    versioned = {ref.paper for ref in refs if ref.version is not None}
    refs = [ref for ref in refs if ref.version is not None or ref.paper not in versioned]
    refused = await requests.take(desk, came, reader, refs[:_AT_ONCE])
    if len(refs) > _AT_ONCE:
        await desk.answer(came, templates.words(reader.choices.language).too_many(_AT_ONCE, len(refs)))
    for refusal in refused:
        await desk.answer(came, refusal)


async def ask(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer a question about a paper, which the command names or the replied message shows."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    says = templates.words(reader.choices.language)
    name, question = [*came.words.split(maxsplit=1), "", ""][:2]
    refs = ids.find(name)
    subject = refs[0] if refs else _subject(came)
    question = (question if refs else came.words).strip()
    if subject is None or not question:
        await desk.answer(came, says.how_to_ask(came.talks))
    else:
        await _answer(desk, came, reader, subject, question)


async def _answer(
    desk: BotContext, came: IncomingMessage, reader: Subscriber, subject: PaperRef, question: str
) -> None:
    says = templates.words(reader.choices.language)
    if len(question) > _QUESTION:
        await desk.answer(came, says.question_too_long(_QUESTION))
    elif not any(map(str.isalnum, question)):  # nothing to read, such as only zero-width characters
        await desk.answer(came, says.how_to_ask(came.talks))
    else:
        for refusal in await requests.take(desk, came, reader, [subject], Wish.ANSWER, question):
            await desk.answer(came, refusal)


async def search(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Search past editions for papers that contain all the words."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    if came.words:
        await _find(desk, came, reader)
    else:
        await desk.answer(came, templates.words(reader.choices.language).how_to_search)


async def search_tapped(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the words to search."""
    if came := await desk.tap(update, "help"):
        language = (await desk.reader(came)).choices.language
        await prompts.ask(desk, came, language, templates.words(language).reply_with[prompts.SEARCH])


async def _find(desk: BotContext, came: IncomingMessage, reader: Subscriber) -> None:
    language = reader.choices.language
    sought = came.words[:_SOUGHT]
    async with database.reading(desk.app.engine) as connection:
        found = await papers.search(connection, sought, language, _FOUND)
    buttons = [Button(str(number), f"p:{hit.version}") for number, hit in enumerate(found, start=1)]
    html = templates.render("found", language, hits=found, query=sought)
    await desk.answer(came, html, rows(buttons, 8), public=True)


def _is_for_the_bot(found: telegram.Message, came: IncomingMessage) -> bool:
    """Return whether a reply in a group to a message of the bot is meant for the bot."""
    if came.replied is None or _names_people(found):
        return False
    return (
        prompts.is_prompt(came.replied)
        or is_question(came.text)
        or is_only_papers(f"{came.text} {arrivals.links(found)}")
    )


def _subject(came: IncomingMessage) -> PaperRef | None:
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


_VERSION = r"([0-9]{4}\.[0-9]{4,5}v[1-9][0-9]{0,2}|[a-z-]{2,8}/[0-9]{7}v[1-9][0-9]{0,2})"


def tap_handlers(desk: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        CallbackQueryHandler(
            partial(reading_tapped, desk), pattern=rf"^r:{_VERSION}:([1-9][0-9]?)(?::([pc]))?$"
        ),
        CallbackQueryHandler(partial(paper_tapped, desk), pattern=rf"^[pk]:{_VERSION}$"),
        CallbackQueryHandler(partial(ask_tapped, desk), pattern=rf"^q:{_VERSION}$"),
    ]


async def paper_tapped(desk: BotContext, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Open the card of a paper beside the digest, or show the card again in place of the reading."""
    match = context.matches[0] if context.matches else None
    if match is None or (tap := await _tapped(desk, update)) is None:
        return
    came, ref = tap
    reader = await desk.reader(came)
    known = await requests.find(desk, ref, reader.choices.language)
    if known is None:
        await wanted(desk, came, reader, [ref])
    elif match[0].startswith("k:"):
        await desk.show(came, requests.card(known, reader.choices, opens=True))
    else:
        await desk.answer(came, requests.card(known, reader.choices, opens=True))


async def reading_tapped(desk: BotContext, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Show a page of a paper's reading, beside the digest or in place of the open page or card."""
    match = context.matches[0] if context.matches else None
    if match is None or (tap := await _tapped(desk, update)) is None:
        return
    came, ref = tap
    reader = await desk.reader(came)
    version, page = ids.version(str(ref)), int(match[2])
    library = desk.app.library_in(reader.choices.language)
    async with database.reading(desk.app.engine) as connection:
        record = await records.find(connection, version)
    found = (await library.stored([record]))[version][1] if record else None
    if record is None or found is None:
        await wanted(desk, came, reader, [ref])
        return
    place = Place(match[3] or (Place.PAGE if _is_pager(update, version) else Place.BESIDE))
    shown = messages.reading(record, found, page, reader.choices, over_card=place is Place.CARD)
    if place:
        await desk.show(came, shown)
    else:
        await desk.answer(came, shown, replies=True)


async def ask_tapped(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the question. The prompt names the paper, so the reply needs no other context."""
    if tap := await _tapped(desk, update):
        came, ref = tap
        reader = await desk.reader(came)
        language = reader.choices.language
        await prompts.ask(desk, came, language, templates.words(language).your_question(ref))


async def _tapped(desk: BotContext, update: Update) -> tuple[IncomingMessage, PaperRef] | None:
    """Return the tap and the paper of its button. If the button is forged, tell the person and return None."""
    query = update.callback_query
    if query is None:
        return None
    named = str(query.data).split(":")[1]
    refs = ids.find(named)
    if len(refs) == 1:
        came = await desk.tap(update, payload(named))
        return (came, refs[0]) if came else None
    language = await desk.language_of(query.from_user.id, query.from_user.language_code)
    await desk.acknowledge(query, str(templates.words(language).stale_button), alert=True)
    return None


def _is_pager(update: Update, version: VersionId) -> bool:
    """Return whether the tap came from a reading page of an earlier version, whose buttons did not say so."""
    found = update.effective_message
    markup = found.reply_markup if found else None
    buttons = [button for row in (markup.inline_keyboard if markup else ()) for button in row]
    return any(re.fullmatch(r"\d+/\d+", button.text) for button in buttons) and all(
        str(button.callback_data).startswith(f"r:{version}:") for button in buttons
    )


def payload(name: str) -> str:
    """Return the payload of a deep link to a paper. It may contain neither dots nor slashes (Bot API, deep linking)."""
    return "paper_" + name.replace("/", "_").replace(".", "-")
