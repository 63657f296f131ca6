"""Editions by day: the newest, a given one, or one chosen from a list."""

import asyncio
import re
from datetime import date
from functools import partial

from telegram import Update
from telegram.ext import CallbackQueryHandler, ContextTypes

from bot import daily_run
from bot.core.models import Subscriber
from bot.delivery.fanout import matching
from bot.telegram import messages, words
from bot.telegram.context import Desk
from bot.telegram.incoming import Handler, Incoming, incoming, on_command
from bot.telegram.parts import Button, rows
from digest.db import editions
from digest.db import engine as database

_DAYS = 9  # days to choose from
LINK = re.compile(r"day(?:_(\d{4}-\d{2}-\d{2}))?", re.ASCII)
"""The payload of a deep link to the edition of a day, or to the newest one."""


def handlers(desk: Desk) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("today", partial(today, desk)),
        on_command("digest", partial(digest, desk)),
        CallbackQueryHandler(partial(day_tapped, desk), pattern=r"^day:(\d{4}-\d{2}-\d{2})?$"),
        CallbackQueryHandler(partial(days_tapped, desk), pattern=r"^days:$"),
    ]


async def today(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the newest edition."""
    if came := incoming(update):
        await _show(desk, came, await desk.reader(came), None)


async def digest(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the edition of a day, or a list of days if none is given."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    if not came.words:
        await _offer_days(desk, came, reader)
        return
    try:
        chosen = date.fromisoformat(came.words)
    except ValueError:
        await desk.answer(came, words.of(reader.choices.language).which_day(came.words[:80]))
        return
    await _show(desk, came, reader, chosen)


async def day_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the edition of a day after a tap on its button."""
    given = str(update.callback_query and update.callback_query.data).partition(":")[2]
    if came := await desk.tap(update, f"day_{given}" if given else "day"):
        await show_day(desk, came, await desk.reader(came), given)


async def days_tapped(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the list of days after a tap."""
    if came := await desk.tap(update, "help"):
        await _offer_days(desk, came, await desk.reader(came))


async def _offer_days(desk: Desk, came: Incoming, reader: Subscriber) -> None:
    says = words.of(reader.choices.language)
    async with database.reading(desk.app.engine) as connection:
        found = await editions.archived(connection, _DAYS)
    buttons = [Button(str(each), f"day:{each}") for each in found]
    await desk.answer(came, says.choose_day if found else says.no_edition_yet, rows(buttons, 3))


async def show_day(desk: Desk, came: Incoming, reader: Subscriber, given: str | None) -> None:
    """Show the edition of the day that a button or link names, or the newest if it names none."""
    try:
        chosen = date.fromisoformat(given) if given else None
    except ValueError:
        chosen = None  # forged: showing the newest edition does no harm
    await _show(desk, came, reader, chosen)


async def _show(desk: Desk, came: Incoming, reader: Subscriber, wanted_day: date | None) -> None:
    says = words.of(reader.choices.language)
    async with database.reading(desk.app.engine) as connection:
        closed = await (editions.find(connection, wanted_day) if wanted_day else editions.last(connection))
    edition = await daily_run.stored(desk.app, closed.date, reader.choices.language) if closed else None
    if edition is None:
        await desk.answer(came, says.no_edition(wanted_day) if wanted_day else says.no_edition_yet)
        return
    shown = matching(edition, reader.choices)
    if not shown.entries and not shown.replacements:
        await desk.answer(came, says.nothing_matches(edition.date))
        return
    composed = await asyncio.to_thread(messages.digest, shown, reader.choices)
    await desk.replies.send(came.address, composed)
