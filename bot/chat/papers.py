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
from digest.models import VersionId
from digest.store import editions, papers, searching
from digest.store import engine as database

_AT_ONCE = 5  # papers that one message may ask for
_QUESTION = 500  # characters
_FOUND = 8
_SOUGHT = 200  # characters of a search
_LISTED = re.compile(r"^\d{1,3}\. ", re.MULTILINE)
_VERSION = r"([0-9]{4}\.[0-9]{4,5}v[1-9][0-9]{0,2}|[a-z-]{2,8}/[0-9]{7}v[1-9][0-9]{0,2})"


def handlers(desk: Desk) -> list[Handler]:
    """What this module answers to; the last takes every text that nothing else took."""
    return [
        on_command("today", partial(today, desk)),
        on_command("digest", partial(digest, desk)),
        on_command("paper", partial(paper, desk)),
        on_command("ask", partial(ask, desk)),
        on_command("search", partial(search, desk)),
        CallbackQueryHandler(partial(reading_tapped, desk), pattern=rf"^r:{_VERSION}:([1-9][0-9]?)$"),
        CallbackQueryHandler(partial(paper_tapped, desk), pattern=rf"^p:{_VERSION}$"),
        CallbackQueryHandler(partial(ask_tapped, desk), pattern=rf"^q:{_VERSION}$"),
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
        await desk.answer(came, says.which_paper if not came.words else says.no_such_name(came.words[:80]))
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
            came, says.how_to_ask if came.replied and _papers(came.replied) else says.not_understood
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
        await desk.answer(came, says.how_to_ask)
    else:
        await _answer(desk, came, reader, subject, question)


async def _answer(desk: Desk, came: Incoming, reader: Subscriber, subject: PaperRef, question: str) -> None:
    if len(question) > _QUESTION:
        await desk.answer(came, words.of(reader.choices.language).question_too_long(_QUESTION))
    else:
        await on_demand.take(desk, came, reader, subject, Wish.ANSWER, question)


async def ask_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Asks for the question; the answer to that message names the paper by itself."""
    if tap := await _tapped(desk, update):
        came, ref = tap
        reader = await desk.reader(came)
        await desk.answer(came, words.of(reader.choices.language).your_question(ref), prompt=True)


async def paper_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """A paper of the digest, opened."""
    if tap := await _tapped(desk, update):
        came, ref = tap
        await on_demand.take(desk, came, await desk.reader(came), ref, Wish.READING)


async def _tapped(desk: Desk, update: Update) -> tuple[Incoming, PaperRef] | None:
    """The tap, and the paper that its button names; None, and a word to the person, where the button is forged."""
    query = update.callback_query
    if query is None or (came := incoming(update)) is None:
        return None
    if came.kind is Kind.CHANNEL:  # its readers are many; each reads on in a chat of their own
        named = (query.data or "").split(":")[1]
        await desk.acknowledge(query, url=f"https://t.me/{desk.bot.username}?start={payload(named)}")
        return None
    refs = ids.find((query.data or "").split(":")[1])
    if len(refs) == 1:
        await desk.acknowledge(query)
        return came, refs[0]
    language = (await desk.reader(came)).choices.language
    await desk.acknowledge(query, str(words.of(language).stale_button), alert=True)
    return None


async def reading_tapped(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """A page of a paper's reading: beside the digest, or in place of the page that is open."""
    match = context.matches[0] if context.matches else None
    if match is None or (tap := await _tapped(desk, update)) is None:
        return
    came, ref = tap
    reader = await desk.reader(came)
    version, page = ids.version(str(ref)), int(match[2])
    library = desk.app.library_in(reader.choices.language)
    async with database.reading(desk.app.engine) as connection:
        record = await papers.find(connection, version)
    found = (await library.stored([record]))[version][1] if record else None
    if record is None or found is None:
        await on_demand.take(desk, came, reader, ref, Wish.READING)
        return
    shown = composing.reading(record, found, page, reader.choices.language)
    if _is_pager(update, version):
        await desk.show(came, shown)
    else:
        await desk.outgoing.say(came.address, shown, reply_to=came.message)


def _is_pager(update: Update, version: VersionId) -> bool:
    """Whether the tap came from a reading's own pages: only these have a button with their number."""
    found = update.effective_message
    markup = found.reply_markup if found else None
    buttons = [button for row in (markup.inline_keyboard if markup else ()) for button in row]
    return any(re.fullmatch(r"\d+/\d+", button.text) for button in buttons) and all(
        str(button.callback_data).startswith(f"r:{version}:") for button in buttons
    )


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


def payload(name: str) -> str:
    """The payload of a deep link to a paper: it may hold neither dot nor slash (Bot API, deep linking)."""
    return "paper_" + name.replace("/", "_").replace(".", "-")


def _subject(came: Incoming) -> PaperRef | None:
    """The paper that the message which is answered is about: the first that it names, unless it is a list of them."""
    named = _papers(came.replied) if came.replied else []
    if came.replied and len({ref.paper for ref in named}) > 1 and _LISTED.search(came.replied.text or ""):
        return None
    return named[0] if named else None


def _papers(shown: telegram.Message) -> list[PaperRef]:
    """What the links of a message name, or else its text."""
    return ids.find(arrivals.links(shown)) or ids.find(shown.text or shown.caption or "")


def _is_mentioned(found: telegram.Message, username: str) -> bool:
    kinds: list[str | None] = [MessageEntity.MENTION]
    named = (*found.parse_entities(kinds).values(), *found.parse_caption_entities(kinds).values())
    return f"@{username}".lower() in {name.lower() for name in named}
