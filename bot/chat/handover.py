"""The answer to what somebody asked for -> their chat: each message once, and through Telegram's outages.

How many messages went out is a row before each of them goes (`asks.part`). What may have arrived is not sent again by
itself: neither after a timeout, nor after a crash.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import stamina
from telegram.error import TelegramError

from bot.channels import DeferredError, UnansweredError
from bot.chat import address as addresses
from bot.chat import refusals
from bot.chat.desk import Desk
from bot.chat.limits import LimitArgs
from bot.chat.parts import Message
from bot.models import ASK_LIFETIME, Ask
from bot.store import asks
from digest.store import engine as database

Made = TypeVar("Made")
_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 60.0  # between two attempts, unless Telegram names a pause


class ForgottenError(Exception):
    """Whoever asked had all about them deleted, the request too."""


async def hand_over(desk: Desk, ask: Ask, messages: Sequence[Message]) -> None:
    """Sends `messages` but those that went out already, the first in place of the status message where there is one.

    Waits out what passes, until the request has lived its day. Raises TelegramError for what does not pass, and for
    what may have arrived; ForgottenError.
    """
    for part in range(ask.part, len(messages)):
        if part or not await _replaced(desk, ask, messages[part]):
            await _sent(desk, ask, messages[part], part)
        elif len(messages) > 1:
            await _note(desk, ask, 1)


async def _replaced(desk: Desk, ask: Ask, message: Message) -> bool:
    """Whether `message` stands in place of the status message; there is none where a person has deleted it."""
    number = ask.status_message
    if number is None:
        return False

    async def change() -> bool:
        await _note(desk, ask, 0)
        try:
            await desk.outgoing.change(addresses.parse(ask.address), number, message)
        except TelegramError as error:
            if not refusals.is_gone(error):
                raise
            return False
        return True

    return await _persistently(desk, ask, change, (DeferredError, UnansweredError))  # twice is as once


async def _sent(desk: Desk, ask: Ask, message: Message, part: int) -> None:
    async def before() -> None:
        await _note(desk, ask, part + 1)

    async def send() -> None:
        try:
            await desk.outgoing.say(
                addresses.parse(ask.address), message, reply_to=ask.reply_to, limits=LimitArgs(before)
            )
        except TelegramError as error:
            if not isinstance(refusals.delivery_error(error), UnansweredError):
                await _note(desk, ask, part)
            raise

    await _persistently(desk, ask, send, (DeferredError,))


async def _persistently(
    desk: Desk, ask: Ask, send: Callable[[], Awaitable[Made]], passing: tuple[type[Exception], ...]
) -> Made:
    def pause(error: Exception) -> bool | float:
        if not isinstance(error, TelegramError) or desk.clock() >= ask.asked_at + ASK_LIFETIME:
            return False
        meant = refusals.delivery_error(error)
        if isinstance(meant, DeferredError) and meant.pause is not None:
            return meant.pause.total_seconds()
        return isinstance(meant, passing)

    async for attempt in stamina.retry_context(
        on=pause, attempts=None, timeout=None, wait_initial=_FIRST_SECONDS, wait_max=_LONGEST_SECONDS
    ):
        with attempt:
            return await send()
    raise AssertionError  # stamina returns or raises


async def _note(desk: Desk, ask: Ask, part: int) -> None:
    async with database.writing(desk.app.engine) as connection:
        if not await asks.note_part(connection, ask.id, part):
            raise ForgottenError
