"""Delivery of the answer to a request: each message once, also across outages.

The number of messages sent is stored before each message (`asks.part`). A message that may have arrived is never sent
again automatically, neither after a timeout nor after a crash.
"""

from collections.abc import Sequence
from functools import partial

from telegram.error import TelegramError

from bot.core.models import ASK_LIFETIME, Ask
from bot.db import asks
from bot.delivery.channel import DeferredError, UnansweredError
from bot.telegram import address as addresses
from bot.telegram import refusals
from bot.telegram.context import Desk
from bot.telegram.parts import Message
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.replies import ForgottenError, once_taken, persistently
from digest.db import engine as database


async def hand_over(desk: Desk, ask: Ask, messages: Sequence[Message]) -> int | None:
    """Send the `messages` that are still due. The first one replaces the status message if there is one.

    Returns the id of the first message, or None if it was sent before. Retries temporary errors until the request is a
    day old. Raises TelegramError for permanent errors and for messages that may have arrived, and ForgottenError.
    """
    first = None
    for part in range(ask.part, len(messages)):
        if part == 0 and await _replaced(desk, ask, messages[0]):
            first = ask.status_message
            if len(messages) > 1:
                await _note(desk, ask, 1)
            continue
        number = await _sent(desk, ask, messages[part], part)
        first = first if part else number
    return first


async def _replaced(desk: Desk, ask: Ask, message: Message) -> bool:
    """Replace the status message by `message`. Returns False if there is none, or if somebody deleted it."""
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

    passing = (DeferredError, UnansweredError)  # editing twice has the same result as editing once
    return await persistently(change, passing, partial(_lives, desk, ask))


async def _sent(desk: Desk, ask: Ask, message: Message, part: int) -> int:
    async def say(limits: LimitArgs) -> int:
        to = addresses.parse(ask.address)
        return await desk.outgoing.say(to, message, reply_to=ask.reply_to, limits=limits)

    return await once_taken(say, part, partial(_note, desk, ask), partial(_lives, desk, ask))


def _lives(desk: Desk, ask: Ask) -> bool:
    return desk.clock() < ask.asked_at + ASK_LIFETIME


async def _note(desk: Desk, ask: Ask, part: int) -> None:
    async with database.writing(desk.app.engine) as connection:
        if not await asks.note_part(connection, ask.id, part):
            raise ForgottenError
