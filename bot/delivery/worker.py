"""The delivery worker of one channel: finds due deliveries in the tables, sends them, and tries others after a refusal.

Each message is marked as being sent before its request, and as sent after it (`attempts`). After a crash or timeout in
between its delivery is unknown: it may have arrived. Later messages are still sent. This is the only case in which a
person can get a message twice: by mail, which is repeated under the same Message-ID; in Telegram, only if the operator
resends it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from math import sqrt

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Delivery, Sending
from bot.db import deliveries
from bot.delivery import outages
from bot.delivery.address_failures import AddressFailures
from bot.delivery.attempts import DeliveryAttempts, DeliveryResults
from bot.delivery.batched_writer import BatchedWriter, LedgerClosedError
from bot.delivery.channel import Channel, HaltedError
from bot.delivery.renderings import Renderings
from digest.core.errors import DigestError, StoreUnavailableError
from digest.db import engine as database
from digest.db.locks import exclusive

_TRIALS = 3  # on a half-dead list one in eight would look refused
_OTHERS = (
    3  # messages accepted between two refusals of one recipient: then the refusal concerns only that one
)
_GOLDEN = (sqrt(5) - 1) / 2  # the fractional parts of its multiples are spread evenly between 0 and 1


class RefusalScope(StrEnum):
    """The meaning of a refusal of us."""

    ALONE = "alone"
    """It concerns only this recipient."""
    DOUBTFUL = "doubtful"
    """Others have to be tried."""
    CLEAR = "clear"
    """The channel refuses us."""


@dataclass
class Trials:
    """Decides which recipients to try after a refusal of us, until one is served or the channel is clearly refused.

    One recipient's refusal may concern only them, and a list may contain many adjacent addresses that do not exist. So
    a few others are tried, one at a time, before the channel counts as refused. It uses no database and no clock, and
    is kept across the channel's pauses. Recipients are subscriber ids.
    """

    sent: int = 0
    """The number of accepted messages."""
    are_on: bool = False
    """True if one message at a time is sent, because the latest answer is a refusal of us."""
    refused: dict[int, int] = field(default_factory=dict)
    """Recipients who met a refusal of us and go last, with the number of messages accepted by then."""
    _left: int = _TRIALS
    _begun: int = 0
    _latest: int | None = None
    """The recipient of the current trial."""

    def place(self, count: int) -> int:
        """Return the position of the next recipient to try among `count`: far from the previous ones."""
        self._begun += 1
        return int(count * (self._begun * _GOLDEN % 1))

    def try_on(self, recipient: int) -> None:
        """Record that the next result of `recipient` is a trial."""
        self._latest = recipient

    def served(self, recipient: int) -> None:
        """Record that a message was accepted, so we are not refused."""
        self.sent += 1
        self.are_on, self._left = False, _TRIALS
        self.refused.pop(recipient, None)

    def met(self, recipient: int, *, is_answer: bool) -> RefusalScope:
        """Record a refusal of us for `recipient`, and return its meaning; `is_answer`: it is the answer to a single
        message.
        """
        before = self.refused.get(recipient, self.sent)
        if is_answer and not self.are_on and self.sent - before >= _OTHERS:
            return RefusalScope.ALONE
        self.refused[recipient] = self.sent
        is_trial, self.are_on = self.are_on and recipient == self._latest, True
        self._left = max(self._left - is_trial, 0)
        return RefusalScope.DOUBTFUL if is_answer and self._left else RefusalScope.CLEAR


_log = structlog.get_logger()
_WIDTH = 200  # simultaneous sends; a group that waits for its minute takes one of these places
# For messages in flight at a stop, and then for the marks: together half of the time of `serve`.
_LAST_SECONDS, _LAST_MARKS_SECONDS = 4.0, 1.0
_MARKS_SECONDS = 60.0  # for the marks if only the channel stops


class ChannelError(DigestError):
    """The channel refuses us, whatever the address."""


@dataclass
class DeliveryWorker:
    """Sends due deliveries on `channel`, at most `width` at once, checking for new ones every `look_seconds`.

    A subscriber gets one delivery at a time.
    """

    engine: AsyncEngine
    channel: Channel
    renderings: Renderings
    clock: Callable[[], datetime]
    width: int = _WIDTH
    look_seconds: float = 5
    has_sent: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    """Set once a message was accepted."""
    _ledger: BatchedWriter = field(init=False)
    _outcomes: DeliveryResults = field(init=False)
    _attempts: DeliveryAttempts = field(init=False)
    _trials: Trials = field(init=False, default_factory=Trials)
    _running: dict[int, "asyncio.Task[None]"] = field(init=False, default_factory=dict)
    """Tasks by subscriber id."""
    _in_flight: set[int] = field(init=False, default_factory=set)
    """The subscribers in `_running` with a message in flight."""
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _closing: bool = field(init=False, default=False)
    _fault: BaseException | None = field(init=False, default=None)
    _refusal: HaltedError | None = field(init=False, default=None)
    """The latest refusal of us since it was opened."""

    def __post_init__(self) -> None:
        self._ledger = BatchedWriter(self.engine, self.clock)
        failures = AddressFailures(self.engine, self.channel.name, self._ledger, self.clock)
        repeats = self.channel.repeats_unknown
        self._outcomes = DeliveryResults(self.engine, self._ledger, self.clock, failures, repeats=repeats)
        self._attempts = DeliveryAttempts(
            self.engine,
            self.channel,
            self.renderings,
            self.clock,
            self._outcomes,
            in_flight=self._in_flight,
            is_ending=lambda: self._is_ending,
            is_refused=lambda: self._fault is not None,
            served=self._served,
            met=self._met,
            wake=self.wake,
        )

    async def run(self) -> None:
        """Send until `close`; then start nothing new and finish the messages in flight.

        Outages of the database are waited out. Raises ChannelError, after which it may be run again; BusyError if
        another process is sending; StoreError.
        """
        tries = 0
        async with self._opened():
            while not self._is_ending:
                try:
                    if not await self._begin_more() and not self._running and await self._settle():
                        continue
                except StoreUnavailableError as error:
                    outages.note(f"{self.channel.name} deliveries", error, tries)
                    await self._wait(outages.pause_seconds(tries))
                    tries += 1
                else:
                    tries = 0
                    await self._wait(self.look_seconds)

    async def drain(self) -> None:
        """Send until nothing is due. Raises as `run` does."""
        async with self._opened():
            while not self._is_ending:
                if await self._begin_more() or self._running:
                    await self._wait(None)
                elif not await self._settle():
                    break

    def wake(self) -> None:
        """Check for new deliveries now."""
        self._changed.set()

    def close(self) -> None:
        """Start nothing new."""
        self._closing = True
        self._changed.set()

    @property
    def is_refused(self) -> bool:
        """Return whether the latest answer is a refusal of us."""
        return self._trials.are_on

    @property
    def _is_ending(self) -> bool:
        return self._closing or self._fault is not None

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """Lock the channel, and mark messages that an earlier process was sending as unknown."""
        self._fault = self._refusal = None
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
        """Cancel waiting sends, and let those in flight finish, become due again, or become unknown."""
        self._cut_short()
        tasks = set(self._running.values())
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
            for task in stuck:
                task.cancel()
        tasks = {*tasks, *self._releasing()}
        seconds = _LAST_MARKS_SECONDS if self._closing else _MARKS_SECONDS
        if tasks:
            await asyncio.wait(tasks, timeout=seconds / 2)  # they may have something to record
        await self._ledger.close(seconds / 2)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut_short(self, but: int | None = None) -> None:
        """Cancel waiting sends, except those to the subscriber `but`."""
        for number, task in self._running.items():
            if number not in self._in_flight and number != but:
                task.cancel()

    def _releasing(self) -> set["asyncio.Task[None]"]:
        """Release held refusals if the run was stopped, so that they count against nobody."""
        if self._fault is not None and not isinstance(self._fault, ChannelError):
            return set()
        return {asyncio.create_task(self._outcomes.failures.release())}

    async def _settle(self) -> bool:
        """Apply held refusals when nothing is left to send. Returns whether some deliveries are due again at once."""
        if self._is_ending:
            return False
        try:
            return await self._outcomes.failures.settle()
        except HaltedError as error:
            self._trials.are_on = self._trials.are_on or bool(error.likeness)
            self._halt(error)
            return False

    def _halt(self, error: HaltedError) -> None:
        self._fault = self._fault or ChannelError(f"Nothing more can be sent: {error}")
        self.wake()

    def _served(self, delivery: Delivery) -> None:
        self._trials.served(delivery.subscriber.id)
        self.has_sent.set()

    def _met(self, delivery: Delivery, error: HaltedError) -> bool:
        """Record a refusal of us. Returns whether it concerns only the recipient."""
        found = self._trials.met(delivery.subscriber.id, is_answer=bool(error.likeness))
        if found is RefusalScope.ALONE:
            return True
        self._refusal = error
        if found is RefusalScope.CLEAR:
            self._halt(error)
        else:
            self._cut_short(but=delivery.subscriber.id)
        return False

    async def _begin_more(self) -> bool:
        """Start deliveries if there is room. Returns whether there were any to start."""
        is_trial = self._trials.are_on
        width = 1 if is_trial else self.width
        room = width - len(self._running)
        if self._is_ending or room < width // 4 + 1:
            return bool(self._running)
        found = await (self._next_trial() if is_trial else self._next(room))
        if self._trials.are_on and not is_trial:  # we were refused meanwhile: what comes next is a trial
            return True
        for delivery in found:
            self._begin(delivery)
        return bool(found)

    def _begin(self, delivery: Delivery) -> None:
        number = delivery.subscriber.id
        if number in self._running:
            return
        self._trials.try_on(number)
        task = self._running[number] = asyncio.create_task(self._guarded(delivery))
        task.add_done_callback(partial(self._ended, number))

    async def _next(self, room: int) -> list[Delivery]:
        """Return due deliveries, with recipients who met a refusal of us last."""
        others = await self._due(room, {*self._running, *self._trials.refused})
        return others or await self._due(room, self._running)

    async def _next_trial(self) -> list[Delivery]:
        """Return a trial delivery: to a recipient without a refusal of us, or else to one with a refusal, but not twice
        in a row.
        """
        refused = tuple(self._trials.refused)
        async with database.reading(self.engine) as connection:
            count = await deliveries.count_due(connection, self.channel.name, self.clock(), refused)
        if count:
            return await self._due(1, refused, skipped=self._trials.place(count))
        if self._refusal is None:
            return await self._due(1, ())
        self._halt(self._refusal)
        return []

    async def _due(self, limit: int, held: Iterable[int], skipped: int = 0) -> list[Delivery]:
        async with database.reading(self.engine) as connection:
            name = self.channel.name
            return await deliveries.due(connection, name, self.clock(), limit, held, skipped=skipped)

    def _ended(self, number: int, _task: "asyncio.Task[None]") -> None:
        del self._running[number]
        if self._trials.are_on or len(self._running) <= self.width // 2:
            self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    async def _guarded(self, delivery: Delivery) -> None:
        """Send one delivery. Its error affects no other; a failing database or channel ends the run."""
        try:
            await self._attempts.make(delivery)
        except LedgerClosedError:
            _log.warning("mark_given_up", delivery=delivery.id)
        except HaltedError as error:
            self._met(delivery, error)
        except DigestError as error:
            self._fault = error
            self.wake()
        except Exception:  # noqa: BLE001 - the edge of what one delivery can do
            _log.exception("delivery_failed", delivery=delivery.id)
            await self._outcomes.note(delivery, Sending.FAILED, "internal")
