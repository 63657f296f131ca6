"""Answers to people: each message once, across restarts and outages; one chat's work in order, chats in parallel.

An answer is sent at once if Telegram takes it. Otherwise it is stored (`showings`) and sent later. An edition is always
stored first, because it takes several messages. Each message is counted as sent just before it is sent. So a restart
continues with the next one, and a message that may have arrived is not sent again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

import stamina
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from telegram.error import TelegramError

from bot.core.models import REQUEST_LIFETIME, PendingAnswer
from bot.db import pending_answers
from bot.delivery.channel import DeferredError, DeliveryRefusedError, UnansweredError
from bot.telegram import http
from bot.telegram import incoming as addresses
from bot.telegram.channel import TelegramChannel
from bot.telegram.incoming import Address
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.templates import Message, message
from digest.db import engine as database

_AT_ONCE = 256
ANY_NUMBER = 100_000
"""A limit for work that only waits for Telegram: a sleeping task costs next to nothing."""

QueuedWork = Callable[[], Awaitable[None]]
"""A unit of work in the queue. Raises nothing."""


class ChatQueues:
    """Queues of work by key: in order for one key, in parallel for different keys.

    Work that waits behind its own key takes no place from other keys.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._queues: dict[Hashable, deque[QueuedWork]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def waiting(self, key: Hashable) -> int:
        """Return how many units of work wait for `key`, without the one in progress."""
        return len(self._queues.get(key, ()))

    def is_busy(self, key: Hashable) -> bool:
        """Return whether work for `key` is in progress."""
        return key in self._queues

    def join(self, key: Hashable, work: QueuedWork) -> None:
        """Add `work` after earlier work for `key`."""
        if key in self._queues:
            self._queues[key].append(work)
            return
        self._queues[key] = deque([work])
        task = asyncio.create_task(self._work_off(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_off(self, key: Hashable) -> None:
        queue = self._queues[key]
        try:
            while queue and not self._closing:
                async with self._places:
                    if not self._closing:
                        await queue.popleft()()
        finally:
            del self._queues[key]

    async def close(self, patience_seconds: float) -> int:
        """Start no more work, and wait up to `patience_seconds` for the rest. Returns how many were cancelled."""
        self._closing = True
        if not self._tasks:
            return 0
        _, cut_off = await asyncio.wait(self._tasks, timeout=patience_seconds)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        return len(cut_off)


Made = TypeVar("Made")
_log = structlog.get_logger()
_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 60.0  # between two attempts, unless Telegram names a pause


class ForgottenError(Exception):
    """The person deleted all their data in the meantime, the request included."""


class Replies:
    """Answers that are sent later: in order within a chat, with editions in parallel."""

    def __init__(self, engine: AsyncEngine, outgoing: TelegramChannel, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._outgoing = outgoing
        self._clock = clock
        self._turns = ChatQueues(ANY_NUMBER)

    async def say(
        self,
        to: Address,
        what: Message,
        before: Callable[[], Awaitable[None]],
        *,
        reply_to: int | None = None,
        prompt: bool = False,
    ) -> int:
        """Send `what` and return the id of the message, or 0 if it is sent later.

        `before` is awaited just before sending. Raises TelegramError for permanent errors, and if the message may have
        arrived.
        """
        if self._turns.is_busy(to.chat):  # after the answers that already wait
            await self.keep(to, what, reply_to=reply_to, prompt=prompt)
            return 0
        try:
            return await self._outgoing.say(
                to, what, reply_to=reply_to, prompt=prompt, limits=LimitArgs(before, once=True)
            )
        except TelegramError as error:
            if not isinstance(http.delivery_error(error), DeferredError):
                raise
        await self.keep(to, what, reply_to=reply_to, prompt=prompt)
        return 0

    async def keep(
        self, to: Address, what: Message, *, reply_to: int | None = None, prompt: bool = False
    ) -> None:
        """Store `what`, and send it as soon as Telegram takes it."""
        new = PendingAnswer(0, str(to), (what.part(),), reply_to=reply_to, prompt=prompt, silent=False)
        async with database.writing(self._engine) as connection:
            kept = await pending_answers.add(connection, new, self._clock())
        self._join(kept)

    async def send(self, to: Address, messages: Iterable[Message]) -> None:
        """Send all `messages` in the background, unless the same ones are already on their way."""
        new = PendingAnswer(0, str(to), tuple(each.part() for each in messages))
        async with database.writing(self._engine) as connection:
            if await pending_answers.is_under_way(connection, new.address, new.parts):
                return
            kept = await pending_answers.add(connection, new, self._clock())
        self._join(kept)

    async def resume(self) -> None:
        """Continue with the answers that an earlier process left unsent."""
        async with database.writing(self._engine) as connection:
            left = await pending_answers.left(connection, self._clock() - REQUEST_LIFETIME)
        for showing in left:
            self._join(showing)

    async def close(self) -> None:
        """Cancel the sending. The rows show what is left to do."""
        await self._turns.close(0)

    def _join(self, showing: PendingAnswer) -> None:
        key = ("edition", showing.id) if showing.silent else addresses.parse_address(showing.address).chat
        self._turns.join(key, partial(self._guarded, showing))

    async def _guarded(self, showing: PendingAnswer) -> None:
        """Send one answer and log its errors, because nobody else would see them."""
        try:
            await self._go_on(showing)
        except Exception:  # noqa: BLE001 - the bot must live on
            _log.exception("work_failed", showing=showing.id)

    async def _go_on(self, showing: PendingAnswer) -> None:
        until = self._clock() + REQUEST_LIFETIME
        with suppress(ForgottenError):
            for part in range(showing.part, len(showing.parts)):
                if not await self._sent(showing, part, until):
                    break
        async with database.writing(self._engine) as connection:
            await pending_answers.end(connection, showing.id)

    async def _sent(self, showing: PendingAnswer, part: int, until: datetime) -> bool:
        """Send one message. Returns whether the next one may follow."""

        async def say(limits: LimitArgs) -> None:
            await self._outgoing.say(
                addresses.parse_address(showing.address),
                message(showing.parts[part]),
                reply_to=showing.reply_to,
                prompt=showing.prompt,
                silent=showing.silent,
                limits=limits,
            )

        try:
            await once_taken(say, part, partial(self._count, showing), lambda: self._clock() < until)
        except TelegramError as error:
            _log.warning("showing_met", showing=showing.id, part=part, error=type(error).__name__)
            return isinstance(http.delivery_error(error), UnansweredError | DeliveryRefusedError)
        return True

    async def _count(self, showing: PendingAnswer, gone: int) -> None:
        async with database.writing(self._engine) as connection:
            if not await pending_answers.note(connection, showing.id, gone):
                raise ForgottenError


async def once_taken(
    say: Callable[[LimitArgs], Awaitable[Made]],
    part: int,
    count: Callable[[int], Awaitable[None]],
    goes_on: Callable[[], bool],
) -> Made:
    """Call `say` for the message `part` of several until Telegram takes it or `goes_on` is false, and return its
    result.

    `count` stores how many messages are sent. It counts this one just before sending, and takes it back if it was not
    taken. Raises TelegramError, and whatever `count` raises.
    """

    async def attempt() -> Made:
        try:
            return await say(LimitArgs(partial(count, part + 1), once=True))
        except TelegramError as error:
            if isinstance(http.delivery_error(error), DeferredError):
                await count(part)
            raise

    return await persistently(attempt, (DeferredError,), goes_on)


async def persistently(
    send: Callable[[], Awaitable[Made]], passing: tuple[type[Exception], ...], goes_on: Callable[[], bool]
) -> Made:
    """Call `send` until it succeeds, retrying the temporary errors `passing` (kinds of DeliveryError) while `goes_on`.

    Raises TelegramError.
    """

    def pause(error: Exception) -> bool | float:
        if not isinstance(error, TelegramError) or not goes_on():
            return False
        meant = http.delivery_error(error)
        if isinstance(meant, DeferredError) and meant.pause is not None:
            return meant.pause.total_seconds()
        return isinstance(meant, passing)

    async for attempt in stamina.retry_context(
        on=pause, attempts=None, timeout=None, wait_initial=_FIRST_SECONDS, wait_max=_LONGEST_SECONDS
    ):
        with attempt:
            return await send()
    raise AssertionError  # stamina returns or raises
