"""Buttons of a paper: its card, the pages of its reading, and a question about it."""

import re
from functools import partial

from telegram import Update
from telegram.ext import CallbackQueryHandler, ContextTypes

from bot.telegram import cards, requests, words
from bot.telegram.cards import Place
from bot.telegram.context import Desk
from bot.telegram.handlers import papers, prompts
from bot.telegram.incoming import Handler, Incoming
from digest.core import ids
from digest.core.ids import PaperRef
from digest.core.models import VersionId
from digest.db import engine as database
from digest.db import papers as records

_VERSION = r"([0-9]{4}\.[0-9]{4,5}v[1-9][0-9]{0,2}|[a-z-]{2,8}/[0-9]{7}v[1-9][0-9]{0,2})"


def handlers(desk: Desk) -> list[Handler]:
    """List the handlers of this module."""
    return [
        CallbackQueryHandler(
            partial(reading_tapped, desk), pattern=rf"^r:{_VERSION}:([1-9][0-9]?)(?::([pc]))?$"
        ),
        CallbackQueryHandler(partial(paper_tapped, desk), pattern=rf"^[pk]:{_VERSION}$"),
        CallbackQueryHandler(partial(ask_tapped, desk), pattern=rf"^q:{_VERSION}$"),
    ]


async def paper_tapped(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Open the card of a paper beside the digest, or show the card again in place of the reading."""
    match = context.matches[0] if context.matches else None
    if match is None or (tap := await _tapped(desk, update)) is None:
        return
    came, ref = tap
    reader = await desk.reader(came)
    known = await requests.find(desk, ref, reader.choices.language)
    if known is None:
        await papers.wanted(desk, came, reader, [ref])
    elif match[0].startswith("k:"):
        await desk.show(came, requests.card(known, reader.choices, opens=True))
    else:
        await desk.answer(came, requests.card(known, reader.choices, opens=True))


async def reading_tapped(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
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
        await papers.wanted(desk, came, reader, [ref])
        return
    place = Place(match[3] or (Place.PAGE if _is_pager(update, version) else Place.BESIDE))
    shown = cards.reading(record, found, page, reader.choices, over_card=place is Place.CARD)
    if place:
        await desk.show(came, shown)
    else:
        await desk.answer(came, shown, replies=True)


async def ask_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the question. The prompt names the paper, so the reply needs no other context."""
    if tap := await _tapped(desk, update):
        came, ref = tap
        reader = await desk.reader(came)
        language = reader.choices.language
        await prompts.ask(desk, came, language, words.of(language).your_question(ref))


async def _tapped(desk: Desk, update: Update) -> tuple[Incoming, PaperRef] | None:
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
    await desk.acknowledge(query, str(words.of(language).stale_button), alert=True)
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
