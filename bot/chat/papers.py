"""Papers and editions that people ask for: by command, by link, by a button."""

import asyncio
import re
from datetime import date
from functools import partial

import telegram
from telegram import MessageEntity, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot import day
from bot.chat import composing, on_demand, preferences, showings, words
from bot.chat import incoming as arrivals
from bot.chat.desk import Desk
from bot.chat.incoming import ORIGINAL, Handler, Incoming, incoming, on_command
from bot.chat.parts import Button, rows
from bot.fanout import matching
from bot.models import Kind, Subscriber, Wish
from digest import ids
from digest.ids import PaperRef
from digest.store import editions, searching
from digest.store import engine as database

_AT_ONCE = 5  # papers that one message may ask for
_QUESTION = 500  # characters
_FOUND = 8
_SOUGHT = 200  # characters of a search
_LISTED = re.compile(r"^\d{1,3}\. ", re.MULTILINE)


def handlers(desk: Desk) -> list[Handler]:
    """What this module answers to; the last takes every text that nothing else took."""
    return [
        on_command("today", partial(today, desk)),
        on_command("digest", partial(digest, desk)),
        on_command("paper", partial(paper, desk)),
        on_command("ask", partial(ask, desk)),
        on_command("search", partial(search, desk)),
        CallbackQueryHandler(partial(day_tapped, desk), pattern=r"^day:(\d{4}-\d{2}-\d{2})?$"),
        MessageHandler((filters.TEXT | filters.CAPTION) & ~filters.COMMAND & ORIGINAL, partial(text, desk)),
    ]


async def today(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """The newest edition."""
    if came := incoming(update):
        await _show(desk, came, await desk.reader(came), None)


async def digest(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """The edition of a day."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    try:
        chosen = date.fromisoformat(came.words) if came.words else None
    except ValueError:
        await desk.answer(came, words.of(reader.choices.language).which_day(came.words[:80]))
        return
    await _show(desk, came, reader, chosen)


async def day_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """The same by a button."""
    query = update.callback_query
    if query is None or (came := incoming(update)) is None:
        return
    await desk.acknowledge(query)
    if came.kind is Kind.CHANNEL:
        return
    given = (query.data or "").partition(":")[2]
    try:
        chosen = date.fromisoformat(given) if given else None
    except ValueError:
        chosen = None  # forged: the newest edition does no harm
    await _show(desk, came, await desk.reader(came), chosen)


async def _show(desk: Desk, came: Incoming, reader: Subscriber, wanted_day: date | None) -> None:
    says = words.of(reader.choices.language)
    async with database.reading(desk.app.engine) as connection:
        closed = await (editions.find(connection, wanted_day) if wanted_day else editions.last(connection))
    edition = await day.stored(desk.app, closed.date, reader.choices.language) if closed else None
    if edition is None:
        await desk.answer(came, says.no_edition(wanted_day) if wanted_day else says.no_edition_yet)
        return
    shown = matching(edition, reader.choices)
    if not shown.entries and not shown.replacements:
        await desk.answer(came, says.nothing_matches(edition.date))
        return
    composed = await asyncio.to_thread(composing.digest, shown, reader.choices)
    await showings.show(desk, came.address, composed)


async def paper(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """A paper by any of its names."""
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
    """Words without a command: the value of a setting, a question about a paper, or papers by their names."""
    found = update.effective_message
    if found is None or (came := incoming(update)) is None or came.kind is Kind.CHANNEL:
        return
    is_spoken_to = came.kind is Kind.PRIVATE or _is_mentioned(found, desk.bot.username)
    if came.replied is None and not is_spoken_to:
        return
    reader = await desk.reader(came)
    refs = ids.find(f"{came.text} {arrivals.links(found)}")
    asked = _subject(came)
    if reader.awaiting and not refs and asked is None and await preferences.given(desk, came, reader):
        return
    if not refs and asked is not None:
        await _answer(desk, came, reader, asked, came.text)
    elif refs:
        await wanted(desk, came, reader, refs)
    elif is_spoken_to:
        says = words.of(reader.choices.language)
        await desk.answer(
            came,
            says.how_to_ask(came.talks) if came.replied and _papers(came.replied) else says.not_understood,
        )


async def wanted(desk: Desk, came: Incoming, reader: Subscriber, refs: list[PaperRef]) -> None:
    """Has each of `refs` read, a few at a time; a paper that is named with and without its version, once."""
    versioned = {ref.paper for ref in refs if ref.version is not None}
    refs = [ref for ref in refs if ref.version is not None or ref.paper not in versioned]
    for ref in refs[:_AT_ONCE]:
        await on_demand.take(desk, came, reader, ref, Wish.READING)
    if len(refs) > _AT_ONCE:
        await desk.answer(came, words.of(reader.choices.language).too_many(_AT_ONCE, len(refs)))


async def ask(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """A question about a paper: named first, or by answering a message about it."""
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
    elif not any(map(str.isalnum, question)):  # nothing to read, such as zero-width characters alone
        await desk.answer(came, says.how_to_ask(came.talks))
    else:
        await on_demand.take(desk, came, reader, subject, Wish.ANSWER, question)


async def search(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Papers of past editions that have all the words."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    language = reader.choices.language
    if not came.words:
        await desk.answer(came, words.of(language).how_to_search)
        return
    sought = came.words[:_SOUGHT]
    async with database.reading(desk.app.engine) as connection:
        found = await searching.find(connection, sought, language, _FOUND)
    buttons = [Button(str(number), f"p:{hit.version}") for number, hit in enumerate(found, start=1)]
    html = words.render("found", language, hits=found, query=sought)
    await desk.answer(came, html, rows(buttons, 8))


def _subject(came: Incoming) -> PaperRef | None:
    """The paper that the message which is answered is about: the first that it names, unless it is a list of them."""
    named = _papers(came.replied) if came.replied else []
    if (
        came.replied
        and len({ref.paper for ref in named}) > 1
        and _LISTED.search(arrivals.shown(came.replied))
    ):
        return None
    return named[0] if named else None


def _papers(shown: telegram.Message) -> list[PaperRef]:
    """What the links of a message name, or else its text."""
    return ids.find(arrivals.links(shown)) or ids.find(arrivals.shown(shown))


def _is_mentioned(found: telegram.Message, username: str) -> bool:
    kinds: list[str | None] = [MessageEntity.MENTION]
    named = (*found.parse_entities(kinds).values(), *found.parse_caption_entities(kinds).values())
    return f"@{username}".lower() in {name.lower() for name in named}
