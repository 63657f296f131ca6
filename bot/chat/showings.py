"""An edition for who asked for it: several messages, one after another, over restarts and outages.

They are a row first (`showings`), and each is counted as gone at the last moment before it goes. So a restart goes on
with the next one, and one of which nobody knows whether it arrived is not sent again.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import structlog
from telegram.error import TelegramError

from bot.channels import DeferredError, RefusedError, UnansweredError
from bot.chat import address as addresses
from bot.chat import refusals
from bot.chat.address import Address
from bot.chat.desk import Desk
from bot.chat.limits import LimitArgs
from bot.chat.parts import Message, message
from bot.models import Showing
from bot.store import showings
from digest.store import engine as database

_log = structlog.get_logger()
_PAUSES_SECONDS = (1, 5, 15, 60, 300)  # before a message that was certainly not taken is tried again
_RESUMED = timedelta(hours=6)  # after that, nobody waits any more


class _ForgottenError(Exception):
    """The chat was forgotten in the meantime."""


async def show(desk: Desk, to: Address, messages: Iterable[Message]) -> None:
    """Has all `messages` sent to `to`, beside the updates; what is on its way there already, no second time."""
    parts = [each.part() for each in messages]
    async with database.writing(desk.app.engine) as connection:
        if await showings.is_under_way(connection, str(to), parts):
            return
        showing = await showings.add(connection, str(to), parts, desk.clock())
    desk.spawn(_go_on(desk, showing))


async def resume(desk: Desk) -> None:
    """Goes on with what a process before this one left undone."""
    async with database.writing(desk.app.engine) as connection:
        found = await showings.left(connection, desk.clock() - _RESUMED)
    for showing in found:
        desk.spawn(_go_on(desk, showing))


async def _go_on(desk: Desk, showing: Showing) -> None:
    with suppress(_ForgottenError):
        for part in range(showing.part, len(showing.parts)):
            if not await _sent(desk, showing, part):
                break
    async with database.writing(desk.app.engine) as connection:
        await showings.end(connection, showing.id)


async def _sent(desk: Desk, showing: Showing, part: int) -> bool:
    """Whether the next message may follow."""
    for pause_seconds in _PAUSES_SECONDS:
        try:
            await _say(desk, showing, part)
        except TelegramError as error:
            meant = refusals.delivery_error(error)
            _log.warning("showing_met", showing=showing.id, part=part, error=type(error).__name__)
            if isinstance(meant, UnansweredError | RefusedError):
                return True
            if not isinstance(meant, DeferredError):
                return False
            await _count(desk, showing, part)
            await asyncio.sleep(max(pause_seconds, meant.pause.total_seconds() if meant.pause else 0))
        else:
            return True
    return False


async def _say(desk: Desk, showing: Showing, part: int) -> None:
    async def before() -> None:
        await _count(desk, showing, part + 1)

    what = message(showing.parts[part])
    await desk.outgoing.say(addresses.parse(showing.address), what, silent=True, limits=LimitArgs(before))


async def _count(desk: Desk, showing: Showing, gone: int) -> None:
    async with database.writing(desk.app.engine) as connection:
        if not await showings.note(connection, showing.id, gone):
            raise _ForgottenError
