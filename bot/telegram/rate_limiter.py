"""The rate limiter of the bot's requests, and its handling of Telegram's 429 responses.

Messages wait for their turn (`pacing`); all other requests pass at once. After a 429, requests in its scope wait, or
fail with RetryAfter before they are sent if the pause is too long.

A 429 names no scope, so the scope is inferred. Most concern one chat, whose pause may last hours (43,838 s were
reported) while all others are served. Telegram limits the bot as a whole too
(https://core.telegram.org/bots/faq#broadcasting-to-users), and then refuses one chat after another. So a pause applies
to its chat alone. Only refusals of different chats in a row, with nothing accepted in between, suggest a limit for the
whole bot; even then, one message at a time is sent as a probe. Times are seconds of one monotonic clock.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from telegram.error import RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter

from bot.telegram.http import (
    FloodError,
    NotSentError,
    ServerFaultError,
    TelegramThrottledError,
    UnansweredRequestError,
    pause_of,
)
from bot.telegram.pacing import Scope, SendQueue, Ticket


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A Bot API method and the chat that it concerns."""

    endpoint: str
    chat: int | str | None

    @property
    def is_message(self) -> bool:
        """Return whether the request counts towards Telegram's message limits."""
        if self.endpoint == "sendChatAction" or self.is_draft:
            return False
        return self.endpoint.startswith(("send", "copy", "forward", "editMessage"))

    @property
    def is_draft(self) -> bool:
        """Return whether the request shows a message draft."""
        return self.endpoint.endswith("Draft")

    @property
    def scope(self) -> Scope:
        """The scope of a 429 response: the chat, or the method itself if it has no chat (setMyCommands).

        Drafts count as typing (https://core.telegram.org/api/bots/ai). Drafts and "typing" actions have scopes of their
        own, so that too many of them never delay an answer.
        """
        if self.endpoint == "sendChatAction":
            return f"{self.endpoint} {self.chat}"
        alone = self.is_draft or (self.chat is None and not self.is_message)
        return self.endpoint if alone else self.chat

    @property
    def heeded(self) -> tuple[Scope, ...]:
        """The scopes whose pauses delay this request."""
        shows_work = self.is_draft or self.endpoint == "sendChatAction"
        return (self.scope, self.chat) if shows_work else (self.scope,)


def call_of(endpoint: str, data: dict[str, Any]) -> ApiCall:
    """Build the call of a method from its parameters `data`."""
    return ApiCall(endpoint, _chat_of(data))


def _chat_of(data: dict[str, Any]) -> int | str | None:
    chat = data.get("chat_id")
    if isinstance(chat, str):
        return int(chat) if chat.removeprefix("-").isdecimal() else chat.lower()
    return chat if isinstance(chat, int) else None


_BACKOFF_SECONDS = (1, 2, 4)  # after a 429 that names no pause
_SIGN = 3  # different chats refused in a row, with nothing accepted in between
LONGEST_PAUSE_SECONDS = 60.0
"""Longest pause of all messages before the next probe, in seconds. A longer pause concerns one chat only."""


class RequestAttempts:
    """The attempts of one request: whether to retry it, and after what pause."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = timedelta(seconds=patience_seconds)
        self._floods = 0
        self._throttled = 0
        self.another = True

    def pause_after(self, error: RetryAfter | TelegramThrottledError) -> timedelta:
        """Return the pause of the request's scope. Afterwards `another` tells whether to retry the request."""
        if isinstance(error, RetryAfter):
            pause = pause_of(error)
            self.another = pause <= self._patience and self._floods == 0
            self._floods += 1
        else:
            pause = timedelta(seconds=_BACKOFF_SECONDS[min(self._throttled, len(_BACKOFF_SECONDS) - 1)])
            self.another = self._throttled < len(_BACKOFF_SECONDS)
            self._throttled += 1
        return pause


class BotLimitDetector:
    """Detection of a limit for the whole bot, and of the time of the next probe.

    The limit is suspected after refusals of three different chats in a row, or of one message without a chat. Then one
    message at a time is sent as a probe, to a chat that is not paused. After the n-th refused probe, all messages pause
    for 2 ** (n - 1) seconds, at most 60. Any accepted message ends the suspicion.
    """

    def __init__(self) -> None:
        self._refused: set[Scope] = set()
        self._probes = 0
        self.suspected = False

    def taken(self) -> None:
        """Record that Telegram accepted a message, or refused it for its content."""
        self._refused.clear()
        self._probes = 0
        self.suspected = False

    def refused(self, scope: Scope, *, probe: bool) -> float:
        """Record a 429 for `scope` and return the pause for all messages, in seconds."""
        self._refused.add(scope)
        if not self.suspected:
            self.suspected = len(self._refused) >= _SIGN or scope is None
            return 0
        if not probe:  # sent before the suspicion: it adds no evidence
            return 0
        self._probes += 1
        return min(2.0 ** min(self._probes - 1, 10), LONGEST_PAUSE_SECONDS)


_log = structlog.get_logger()

_UNHEARD = (NotSentError, UnansweredRequestError, ServerFaultError)
"""Errors that are not answers of the Bot API."""
_Answer = bool | dict[str, Any] | list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LimitArgs:
    """The `rate_limit_args` of a bot's method. Without them a message counts as an answer that somebody waits for.

    `before` is awaited before each attempt, at the last moment when nothing has been sent; its exception is raised
    instead of sending. With `once` a 429 is raised instead of waited out: the sender has stored the message.
    """

    before: Callable[[], Awaitable[None]] | None = None
    once: bool = False


class Bulk(LimitArgs):
    """Limits for a message that nobody waits for: it is sent after all answers."""

    __slots__ = ()


BULK = Bulk()


class RateLimiter(BaseRateLimiter[LimitArgs]):
    """The single rate limiter for all requests of a bot except getUpdates.

    `rate` is the maximum of messages a second (0: only the limits of each chat; None: no limits, but pauses are
    obeyed). At most `width` messages are in flight (None: any number), so that none starts before there is a connection
    for it. A chat's pause of up to `patience_seconds` is waited out, and the request tried once more. Every message
    waits out a pause of all messages, however often it is repeated. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        rate: float | None = 30,
        *,
        width: int | None = None,
        patience_seconds: float = 10,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._pacing = SendQueue(rate, clock())
        self._width = width
        self._patience = patience_seconds
        self._clock = clock
        self._sleep = sleep
        self._waiting: dict[Ticket, asyncio.Future[None]] = {}
        self._on_the_way: set[Ticket] = set()
        self._naps: set[asyncio.Task[None]] = set()
        self._alarm: tuple[float, asyncio.Task[None]] | None = None
        self._floods = BotLimitDetector()
        self._probe: Ticket | None = None
        self._open = True

    async def initialize(self) -> None:
        """Accept requests, also after a shutdown."""
        self._open = True

    async def shutdown(self) -> None:
        """Refuse requests: waiting and new ones fail with NotSentError."""
        self._open = False
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_closed())
        tasks = [*self._naps, *([self._alarm[1]] if self._alarm else [])]
        for task in tasks:
            task.cancel()
        self._alarm = None
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def per_second(self) -> float | None:
        """The learned rate in messages a second; None without such a limit."""
        return self._pacing.per_second

    def begin_at(self, per_second: float) -> None:
        """Start from a rate that was learned before."""
        self._pacing.begin_at(per_second)

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, _Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: LimitArgs | None,
    ) -> _Answer:
        """Send the request when it is allowed, and return the answer.

        Raises what `callback` and `before` raise; RetryAfter, unsent, if a pause is longer than the patience;
        NotSentError if the limiter shuts down.
        """
        request = call_of(endpoint, data)
        urgent = not isinstance(rate_limit_args, Bulk)
        ticket = self._pacing.ticket(request.scope, urgent=urgent) if request.is_message else None
        try:
            limits = rate_limit_args or LimitArgs()
            return await self._send(request, ticket, limits, lambda: callback(*args, **kwargs))
        finally:
            if ticket is not None:
                self._arrived(ticket)

    async def _send(
        self,
        request: ApiCall,
        ticket: Ticket | None,
        limits: LimitArgs,
        attempt: Callable[[], Awaitable[_Answer]],
    ) -> _Answer:
        attempts = RequestAttempts(self._patience)
        while True:
            await self._admit(request, ticket, limits.before)
            try:
                answer = await attempt()
            except (RetryAfter, TelegramThrottledError) as error:
                self._heed(request, ticket, attempts.pause_after(error))
                if limits.once or not attempts.another:
                    raise
            except TelegramError as error:
                if ticket and not isinstance(error, _UNHEARD):
                    self._note_taken()
                raise
            else:
                if ticket:
                    self._note_taken()
                return answer

    async def _admit(
        self, request: ApiCall, ticket: Ticket | None, before: Callable[[], Awaitable[None]] | None
    ) -> None:
        while True:
            await (self._turn(ticket) if ticket else self._pass(request))
            if before is None:
                return
            await before()
            if ticket is not None:
                self._pacing.departed(ticket.scope, self._clock())
            if ticket is None or (self._open and not self._is_paused(request.scope)):
                return  # otherwise a pause or the shutdown came in the meantime

    async def _turn(self, ticket: Ticket) -> None:
        """Wait until the message may be sent. Cancelling gives up its place in the queue."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        try:
            self._refuse_if_closed()
            self._refuse_if_paused(ticket.scope)
            self._leave_the_way(ticket)
            self._pacing.join(ticket, self._clock())
            self._step()
            await future
        finally:
            self._waiting.pop(ticket, None)
            self._pacing.leave(ticket, self._clock())

    async def _pass(self, request: ApiCall) -> None:
        """Wait until a request that is not a message may be sent. A pause of all messages does not apply to it."""
        self._refuse_if_closed()
        while (seconds := max(map(self._paused_seconds, request.heeded))) > 0:
            for scope in request.heeded:
                self._refuse_if_paused(scope)
            nap = asyncio.ensure_future(self._nap(seconds))
            self._naps.add(nap)
            try:
                await asyncio.wait({nap})
            finally:
                nap.cancel()
                self._naps.discard(nap)
            self._refuse_if_closed()

    def _heed(self, request: ApiCall, ticket: Ticket | None, pause: timedelta) -> None:
        """Record a pause of the request's scope, and of all messages if the whole bot seems limited."""
        now, seconds = self._clock(), pause.total_seconds()
        everything = 0.0
        if ticket:
            if seconds <= LONGEST_PAUSE_SECONDS:
                self._pacing.refused(request.scope, now)
            everything = self._floods.refused(request.scope, probe=ticket is self._probe)
            self._pacing.pause_all(now + everything)
        self._pacing.pause(request.scope, now + seconds, now)
        _log.warning("telegram_pause", endpoint=request.endpoint, seconds=seconds, everything=everything)
        self._fail_the_overdue()
        self._step()

    def _note_taken(self) -> None:
        self._pacing.taken()
        if self._floods.suspected:
            self._floods.taken()
            self._step()
        else:
            self._floods.taken()

    def _fail_the_overdue(self) -> None:
        """Fail the waiting messages whose scope is now paused for longer than the patience."""
        for ticket, future in self._waiting.items():
            if not future.done():
                try:
                    self._refuse_if_paused(ticket.scope)
                except FloodError as error:
                    future.set_exception(error)

    def _refuse_if_paused(self, scope: Scope) -> None:
        seconds = self._paused_seconds(scope)
        if seconds > self._patience:
            raise FloodError(timedelta(seconds=seconds))

    def _refuse_if_closed(self) -> None:
        if not self._open:
            raise _closed()

    def _paused_seconds(self, scope: Scope) -> float:
        return self._pacing.paused_until(scope) - self._clock()

    def _is_paused(self, scope: Scope) -> bool:
        return max(self._pacing.paused_until(scope), self._pacing.all_paused_until) > self._clock()

    def _step(self) -> None:
        """Release all messages that may be sent now, and schedule the next."""
        now = self._clock()
        while self._has_room() and (ticket := self._pacing.grant(now)):
            self._on_the_way.add(ticket)
            if self._floods.suspected:
                self._probe = ticket
            future = self._waiting[ticket]
            if not future.done():
                future.set_result(None)
        if self._has_room():  # otherwise the next message that arrives asks again
            self._set_alarm(self._pacing.next_at(now))

    def _has_room(self) -> bool:
        if not self._open or (self._floods.suspected and self._probe is not None):
            return False
        return self._width is None or len(self._on_the_way) < self._width

    def _arrived(self, ticket: Ticket) -> None:
        """Release the place of a message that was sent or given up."""
        was_full = not self._has_room()
        self._leave_the_way(ticket)
        if was_full:
            self._step()

    def _leave_the_way(self, ticket: Ticket) -> None:
        self._on_the_way.discard(ticket)
        if self._probe is ticket:
            self._probe = None

    def _set_alarm(self, at: float | None) -> None:
        if at is None or (self._alarm is not None and self._alarm[0] <= at):
            return  # an early alarm only sets the next one
        if self._alarm is not None:
            self._alarm[1].cancel()
        self._alarm = at, asyncio.ensure_future(self._ring(at))

    async def _ring(self, at: float) -> None:
        await self._nap(at - self._clock())
        self._alarm = None
        self._step()

    async def _nap(self, seconds: float) -> None:
        await self._sleep(max(0, seconds))


def _closed() -> NotSentError:
    return NotSentError("The bot is shutting down.")
