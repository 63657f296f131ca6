"""Deliveries -> sends, on one channel: the loop that asks the tables what is due, and sends it.

Each message is marked as being sent before its request, and as sent after it. What a crash or a timeout leaves
between the two is unknown: it may have arrived. Those behind it go out. That is the one place where a person can get a
message twice: by mail, where it is sent once more under the same Message-ID; in Telegram, only if the operator asks for
it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import choices, outages
from bot.address_failures import AddressFailures
from bot.channels import (
    Channel,
    CutShortError,
    DeliveryError,
    FormRefusedError,
    HaltedError,
    unsent,
)
from bot.fanout import LIFETIME, Renderings, due_at
from bot.ledger import Ledger, LedgerClosedError
from bot.models import Delivery, Part, Sending, Standing, Subscriber
from bot.outcomes import Outcomes
from bot.store import deliveries, subscribers
from digest.errors import DigestError, StoreUnavailableError
from digest.store import engine as database
from digest.store.exclusive import exclusive

_log = structlog.get_logger()
_WIDTH = 200  # sends at once; a group that waits for its minute holds one of these places
_OTHERS = 3  # messages that are taken between two refusals of one: then the refusal is about that one alone
# For what is in flight when the program stops, and then for the marks: together half of what serve has.
_LAST_SECONDS, _LAST_MARKS_SECONDS = 4.0, 1.0


class ChannelError(DigestError):
    """The channel refuses us, whatever the address.

    `is_answer` is whether that was an answer to a message of one recipient, who may be alone in it.
    """

    def __init__(self, sentence: str, *, is_answer: bool = False) -> None:
        super().__init__(sentence)
        self.is_answer = is_answer


class _UnwantedError(Exception):
    """The subscriber left or paused while the message waited for its turn, or another process has sent it."""


@dataclass
class Outbox:
    """Sends what is due on `channel`, at most `width` at once; looks every `look_seconds` for what has become due."""

    engine: AsyncEngine
    channel: Channel
    renderings: Renderings
    clock: Callable[[], datetime]
    width: int = _WIDTH
    look_seconds: float = 5
    has_sent: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    """Set once a message was taken."""
    _ledger: Ledger = field(init=False)
    _outcomes: Outcomes = field(init=False)
    _running: dict[int, "asyncio.Task[None]"] = field(init=False, default_factory=dict)
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _closing: bool = field(init=False, default=False)
    _in_flight: set[int] = field(init=False, default_factory=set)
    _fault: BaseException | None = field(init=False, default=None)
    _careful: bool = field(init=False, default=False)
    """After a refusal of us one delivery goes ahead, until one is sent."""
    sent: int = field(init=False, default=0)
    """How many messages were taken."""
    _refusals: dict[int, int] = field(init=False, default_factory=dict)
    """The deliveries that met a refusal of us, which stand behind the others, and how many messages were taken then."""

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.engine, self.clock)
        failures = AddressFailures(self.engine, self.channel.name, self._ledger, self.clock)
        repeats = self.channel.repeats_unknown
        self._outcomes = Outcomes(self.engine, self._ledger, self.clock, failures, repeats=repeats)

    async def run(self) -> None:
        """Sends until `close`; nothing new is begun then, what is in flight ends.

        A database that is out of reach is waited for. Raises ChannelError, after which it may be run again; BusyError
        where another process sends, StoreError.
        """
        tries = 0
        async with self._opened():
            while not self._ending:
                try:
                    if not await self._begin_more() and not self._running:
                        await self._settle()
                except StoreUnavailableError as error:
                    outages.note(f"{self.channel.name} deliveries", error, tries)
                    await self._wait(outages.pause_seconds(tries))
                    tries += 1
                else:
                    tries = 0
                    await self._wait(self.look_seconds)

    async def drain(self) -> None:
        """Sends until nothing is due. Raises as `run` does."""
        async with self._opened():
            while (await self._begin_more() or self._running) and not self._ending:
                await self._wait(None)
            if not self._ending:
                await self._settle()

    def wake(self) -> None:
        """There is something new to send."""
        self._changed.set()

    def close(self) -> None:
        """Begin nothing new."""
        self._closing = True
        self._changed.set()

    @property
    def _ending(self) -> bool:
        return self._closing or self._fault is not None

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """What a process before this one was sending is unknown from now on."""
        self._fault = None
        self._ledger.open()
        async with exclusive(self.engine, f"{self.channel.name} deliveries"):
            async with database.writing(self.engine) as connection:
                lost = await deliveries.abandon(
                    connection, self.channel.name, self.clock(), repeats=self.channel.repeats_unknown
                )
            if lost:
                _log.warning("interrupted_sends", channel=self.channel.name, unknown=lost)
            try:
                yield
            finally:
                await self._finish()
            if self._fault is not None:
                raise self._fault

    async def _finish(self) -> None:
        """What waits for its turn gives it up; what has begun ends, is due again, or is unknown."""
        for number, task in self._running.items():
            if number not in self._in_flight:
                task.cancel()
        tasks = set(self._running.values())
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
            for task in stuck:
                task.cancel()
        tasks = {*tasks, *self._releasing()}
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_MARKS_SECONDS / 2)  # they may have something to note
        await self._ledger.close(_LAST_MARKS_SECONDS / 2)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _releasing(self) -> set["asyncio.Task[None]"]:
        """What is refused and held counts against nobody where the run was stopped."""
        if self._fault is not None and not isinstance(self._fault, ChannelError):
            return set()
        return {asyncio.create_task(self._outcomes.failures.release())}

    async def _settle(self) -> None:
        """Nothing is left to send: what was refused counts now."""
        try:
            await self._outcomes.failures.settle()
        except HaltedError as error:
            self._halt(error)

    def _halt(self, error: HaltedError) -> None:
        self._fault = self._fault or ChannelError(_halted(error), is_answer=bool(error.likeness))
        self._careful = True
        self.wake()

    def _is_alone(self, delivery: Delivery, error: HaltedError) -> bool:
        """Whether only `delivery` meets a refusal of us, which others did not meet since it did so before."""
        before = self._refusals.get(delivery.id, self.sent)
        self._refusals[delivery.id] = self.sent
        if not error.likeness or self.sent - before < _OTHERS:
            return False
        del self._refusals[delivery.id]
        return True

    async def _begin_more(self) -> bool:
        """Begins what there is room for; whether there was anything to begin."""
        width = 1 if self._careful else self.width
        room = width - len(self._running)
        if self._ending or room < width // 4 + 1:
            return bool(self._running)
        found = await self._due(room, {*self._running, *self._refusals}) or await self._due(
            room, self._running
        )
        for delivery in found:
            task = asyncio.create_task(self._guarded(delivery))
            self._running[delivery.id] = task
            task.add_done_callback(partial(self._ended, delivery.id))
        return bool(found)

    async def _due(self, limit: int, held: Iterable[int]) -> list[Delivery]:
        async with database.reading(self.engine) as connection:
            return await deliveries.due(connection, self.channel.name, self.clock(), limit, held)

    def _ended(self, number: int, _task: "asyncio.Task[None]") -> None:
        del self._running[number]
        if self._careful or len(self._running) <= self.width // 2:
            self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    async def _guarded(self, delivery: Delivery) -> None:
        """One delivery's fault costs no other its place; a failing database or channel ends the run."""
        try:
            await self._deliver(delivery)
        except LedgerClosedError:
            _log.warning("mark_given_up", delivery=delivery.id)
        except HaltedError as error:
            self._halt(error)
        except DigestError as error:
            self._fault = error
            self.wake()
        except Exception:  # noqa: BLE001 - the edge of what one delivery can do
            _log.exception("delivery_failed", delivery=delivery.id)
            await self._outcomes.note(delivery, Sending.FAILED, "internal")

    async def _deliver(self, delivery: Delivery) -> None:
        now = self.clock()
        if (hour := _hour(delivery)) > now and not delivery.part:
            await self._outcomes.note(delivery, Sending.DUE, next_at=hour)
            return
        if reason := obstacle(delivery, now):
            await self._drop(delivery, reason)
            return
        ready = delivery.dispatch.is_ready_in(delivery.subscriber.choices.language)
        if delivery.rendering is None and not ready:  # another language was chosen meanwhile
            await self._outcomes.note(delivery, Sending.HELD)
            return
        number, parts = await outages.outlasting("messages", partial(self.renderings.of, delivery))
        if not parts:
            await self._outcomes.note(delivery, Sending.SKIPPED, "nothing", rendering=number)
            return
        left = delivery.left(len(parts))
        if not left:
            await self._outcomes.note(delivery, Sending.SENT)
        for message in left:
            if self._ending and message != left[0]:
                return  # the row says where to go on
            if not await self._send(delivery, number, parts[message], message, last=message == left[-1]):
                return

    async def _send(
        self, delivery: Delivery, rendering: int, part: Part, message: int, *, last: bool
    ) -> bool:
        """Whether `part`, the delivery's `message`, was sent: the `last` that is to be, or not."""

        is_marked = False

        async def before() -> None:
            nonlocal is_marked
            if self._fault is not None:
                raise CutShortError
            self._in_flight.add(delivery.id)
            with unsent():
                is_ours = await self._outcomes.sending(delivery, rendering, message, once_more=is_marked)
            if not is_ours:
                raise _UnwantedError
            is_marked = True

        if self._fault is not None:  # the channel was refused meanwhile, and the row is due as it was
            return False
        try:
            await self.channel.send(delivery, part, first=message == 0, before=before)
        except _UnwantedError:
            if reason := await self._hindrance(delivery):
                await self._drop(delivery, reason)
            else:
                _log.warning("sent_elsewhere", delivery=delivery.id)
        except HaltedError as error:
            if self._is_alone(delivery, error):
                await self._outcomes.note(delivery, Sending.FAILED, "refused-alone")
            else:
                self._halt(error)  # before anything is waited for: nothing more is to begin
                await self._outcomes.note(delivery, Sending.DUE, next_at=self.clock())
        except CutShortError:
            await self._outcomes.note(delivery, Sending.DUE, next_at=self.clock())
            raise
        except FormRefusedError as error:
            await self._replace(delivery, rendering, message, error.instead)
        except DeliveryError as error:
            self._in_flight.add(delivery.id)  # it was answered: a stop waits until that is noted
            if await self._outcomes.failed(delivery, message, error, last=last):
                self.wake()
        else:
            self._careful = False
            self.sent += 1
            self._refusals.pop(delivery.id, None)
            await self._outcomes.sent(delivery, message, last=last)
            self.has_sent.set()
            return True
        finally:
            self._in_flight.discard(delivery.id)
        return False

    async def _drop(self, delivery: Delivery, reason: str) -> None:
        """Nothing more of it is sent, for `reason`."""
        state = Sending.FAILED if delivery.part or delivery.tries else Sending.SKIPPED
        await self._outcomes.note(delivery, state, reason)

    async def _hindrance(self, delivery: Delivery) -> str | None:
        """Why the subscriber does not want it any more; None where that is not the reason."""
        reader = await outages.outlasting("subscribers", partial(self._reader, delivery.subscriber.id))
        return obstacle(replace(delivery, subscriber=reader), self.clock()) if reader else Standing.LEFT.value

    async def _reader(self, number: int) -> Subscriber | None:
        async with database.reading(self.engine) as connection:
            return await subscribers.get(connection, number)

    async def _replace(
        self, delivery: Delivery, rendering: int, message: int, instead: tuple[Part, ...]
    ) -> None:
        """The messages that stand in for a refused one are parts like any other: each is sent once, and marked."""
        replaced = partial(self.renderings.replaced, delivery, rendering, message, instead)
        number = await outages.outlasting("messages", replaced)
        await self._outcomes.replaced(delivery, number, message, len(instead))
        self.wake()


def obstacle(delivery: Delivery, now: datetime) -> str | None:
    """Why nothing is to be sent any more, at this moment. Pure."""
    subscriber = delivery.subscriber
    if subscriber.standing is not Standing.ACTIVE:
        return subscriber.standing.value
    if choices.pause(subscriber, now):
        return "paused"
    if delivery.is_belied:
        return "belied"
    if now > max(delivery.due_at, _hour(delivery)) + LIFETIME:
        return "too-late"
    return None


def _hour(delivery: Delivery) -> datetime:
    """When the subscriber wants it, by what they chose last."""
    return due_at(delivery.dispatch, delivery.subscriber.hour, delivery.subscriber.zone)


def _halted(error: HaltedError) -> str:
    return f"Nothing more can be sent: {error}"
