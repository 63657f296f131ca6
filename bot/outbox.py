"""Deliveries -> sends, on one channel: the loop that asks the tables what is due, and sends it.

Each message is marked as being sent before its request, and as sent after it. What a crash or a timeout leaves
between the two is unknown: it may have arrived. That is the one place where a person can get a message twice: by
mail, where it is sent once more under the same Message-ID; in Telegram, only if the operator asks for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.channels import (
    Channel,
    DeferredError,
    DeliveryError,
    EndedError,
    FormRefusedError,
    HaltedError,
    MovedError,
    RefusedError,
    StruckError,
    UnansweredError,
)
from bot.fanout import LIFETIME, Renderings, due_at
from bot.ledger import Ledger
from bot.models import Delivery, Mark, Part, Sending, Standing, Subscriber
from bot.store import deliveries, subscribers
from digest.errors import DigestError
from digest.store import engine as database
from digest.store.exclusive import exclusive

_log = structlog.get_logger()
_WIDTH = 200  # sends at once; a group that waits for its minute holds one of these places
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)
_STRIKES = 2  # dispatches in a row that an address may refuse
_LAST_SECONDS = 5.0  # for what is in flight when the program stops: half of what serve has


class ChannelError(DigestError):
    """The channel refuses us, whatever the address."""


class _LeftError(Exception):
    """The subscriber left while the message waited for its turn."""


@dataclass
class Outbox:
    """Sends what is due on `channel`, at most `width` at once; looks every `look_seconds` for what has become due."""

    engine: AsyncEngine
    channel: Channel
    renderings: Renderings
    clock: Callable[[], datetime]
    width: int = _WIDTH
    look_seconds: float = 5
    _ledger: Ledger = field(init=False)
    _running: dict[int, "asyncio.Task[None]"] = field(init=False, default_factory=dict)
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _closing: bool = field(init=False, default=False)
    _in_flight: set[int] = field(init=False, default_factory=set)
    _fault: BaseException | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.engine)

    async def run(self) -> None:
        """Sends until `close`; nothing new is begun then, what is in flight ends.

        Raises ChannelError, BusyError where another process sends, StoreError.
        """
        async with self._opened():
            while not self._closing:
                await self._begin_more()
                await self._wait(self.look_seconds)

    async def drain(self) -> None:
        """Sends until nothing is due. Raises as `run` does."""
        async with self._opened():
            while (await self._begin_more() or self._running) and not self._closing:
                await self._wait(None)

    def wake(self) -> None:
        """There is something new to send."""
        self._changed.set()

    def close(self) -> None:
        """Begin nothing new."""
        self._closing = True
        self._changed.set()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """What a process before this one was sending is unknown from now on."""
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
        """What waits for its turn gives it up; what has begun ends, or is unknown."""
        for number, task in self._running.items():
            if number not in self._in_flight:
                task.cancel()
        tasks = tuple(self._running.values())
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._ledger.close()

    async def _begin_more(self) -> bool:
        """Begins what there is room for; whether there was anything to begin."""
        room = self.width - len(self._running)
        if self._closing or room < self.width // 4 + 1:
            return bool(self._running)
        async with database.reading(self.engine) as connection:
            found = await deliveries.due(connection, self.channel.name, self.clock(), room, self._running)
        for delivery in found:
            task = asyncio.create_task(self._guarded(delivery))
            self._running[delivery.id] = task
            task.add_done_callback(partial(self._ended, delivery.id))
        return bool(found)

    def _ended(self, number: int, _task: "asyncio.Task[None]") -> None:
        del self._running[number]
        if len(self._running) <= self.width // 2:
            self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    async def _guarded(self, delivery: Delivery) -> None:
        """One delivery's fault costs no other its place; a failing database or channel ends the run."""
        try:
            await self._deliver(delivery)
        except (DigestError, HaltedError) as error:
            self._fault = error if isinstance(error, DigestError) else ChannelError(_halted(error))
            self.close()
        except Exception:  # noqa: BLE001 - the edge of what one delivery can do
            _log.exception("delivery_failed", delivery=delivery.id)
            await self._note(delivery, Sending.FAILED, "internal")

    async def _deliver(self, delivery: Delivery) -> None:
        now = self.clock()
        if (hour := _hour(delivery)) > now and not delivery.part:
            await self._note(delivery, Sending.DUE, next_at=hour)
            return
        if reason := obstacle(delivery, now):
            state = Sending.FAILED if delivery.part or delivery.tries else Sending.SKIPPED
            await self._note(delivery, state, reason)
            return
        number, parts = await self.renderings.of(delivery)
        if not parts:
            await self._note(delivery, Sending.SKIPPED, "nothing", rendering=number)
            return
        for part in range(delivery.part, len(parts)):
            if self._closing and part > delivery.part:
                return  # the row says where to go on
            if not await self._send(delivery, number, parts, part):
                return

    async def _send(self, delivery: Delivery, rendering: int, parts: tuple[Part, ...], part: int) -> bool:
        """Whether the message `part` was sent."""

        async def before() -> None:
            self._in_flight.add(delivery.id)
            if not await self._note(delivery, Sending.SENDING, rendering=rendering, part=part):
                raise _LeftError

        try:
            await self.channel.send(delivery, parts[part], first=part == 0, before=before)
        except _LeftError:
            await self._note(delivery, Sending.SKIPPED, "left")
        except HaltedError:
            await self._note(delivery, Sending.DUE)
            raise
        except FormRefusedError as error:
            await self._replace(delivery, rendering, part, error.instead)
        except DeliveryError as error:
            await self._failed(delivery, error)
        else:
            last = part + 1 == len(parts)
            state = Sending.SENT if last else Sending.DUE
            await self._note(delivery, state, part=part + 1, tries=0, repeated=False)
            await self._forgive(delivery.subscriber)
            return True
        finally:
            self._in_flight.discard(delivery.id)
        return False

    async def _failed(self, delivery: Delivery, error: DeliveryError) -> None:
        match error:
            case UnansweredError():
                await self._note_unknown(delivery, str(error))
            case DeferredError():
                await self._defer(delivery, error)
            case EndedError():
                await self._end(delivery, str(error))
            case StruckError():
                await self._strike(delivery, str(error))
            case MovedError():
                await self._move(delivery, error.address)
            case RefusedError() | DeliveryError():
                await self._note(delivery, Sending.FAILED, str(error))

    async def _replace(
        self, delivery: Delivery, rendering: int, part: int, instead: tuple[Part, ...]
    ) -> None:
        """The messages that stand in for a refused one are parts like any other: each is sent once, and marked."""
        number = await self.renderings.replaced(delivery, rendering, part, instead)
        await self._note(delivery, Sending.DUE, rendering=number)
        self.wake()

    async def _defer(self, delivery: Delivery, error: DeferredError) -> None:
        """A pause that was asked for costs no try; any other doubles, from attempt to attempt."""
        pause = error.pause or min(_FIRST_PAUSE * (1 << min(delivery.tries, 10)), _LONGEST_PAUSE)
        tries = delivery.tries + (error.pause is None)
        await self._note(delivery, Sending.DUE, str(error), next_at=self.clock() + pause, tries=tries)

    async def _note_unknown(self, delivery: Delivery, reason: str) -> None:
        if self.channel.repeats_unknown and not delivery.repeated:
            next_at = self.clock() + _FIRST_PAUSE
            await self._note(delivery, Sending.DUE, reason, next_at=next_at, repeated=True)
        else:
            await self._note(delivery, Sending.UNKNOWN, reason)

    async def _end(self, delivery: Delivery, reason: str) -> None:
        async with database.writing(self.engine) as connection:
            await subscribers.end(connection, delivery.subscriber.id, reason, self.clock())
        await self._note(delivery, Sending.FAILED, reason)
        _log.info("subscription_ended", subscriber=delivery.subscriber.id, reason=reason)

    async def _strike(self, delivery: Delivery, reason: str) -> None:
        number = delivery.subscriber.id
        async with database.writing(self.engine) as connection:
            ended = await subscribers.strike(connection, number, reason, _STRIKES, self.clock())
        await self._note(delivery, Sending.FAILED, reason)
        _log.info("address_refused", subscriber=number, reason=reason, ended=ended)

    async def _forgive(self, subscriber: Subscriber) -> None:
        if subscriber.strikes:
            async with database.writing(self.engine) as connection:
                await subscribers.clear_strikes(connection, subscriber.id)

    async def _move(self, delivery: Delivery, address: str) -> None:
        async with database.writing(self.engine) as connection:
            moved = await subscribers.move(connection, delivery.subscriber.id, address, self.clock())
        if moved is None:  # the new address gets its own
            await self._note(delivery, Sending.SKIPPED, "moved")
        else:
            await self._note(delivery, Sending.DUE, next_at=self.clock())
            self.wake()

    async def _note(
        self,
        delivery: Delivery,
        state: Sending,
        reason: str | None = None,
        *,
        part: int | None = None,
        next_at: datetime | None = None,
        tries: int | None = None,
        rendering: int | None = None,
        repeated: bool | None = None,
    ) -> bool:
        mark = Mark(delivery.id, state, self.clock(), reason, part, next_at, tries, rendering, repeated)
        return await self._ledger.note(mark)


def obstacle(delivery: Delivery, now: datetime) -> str | None:
    """Why nothing is to be sent any more, at this moment. Pure."""
    subscriber = delivery.subscriber
    if subscriber.standing is not Standing.ACTIVE:
        return subscriber.standing.value
    if subscriber.paused_until and now.astimezone(subscriber.zone).date() < subscriber.paused_until:
        return "paused"
    if now > max(delivery.due_at, _hour(delivery)) + LIFETIME:
        return "too-late"
    return None


def _hour(delivery: Delivery) -> datetime:
    """When the subscriber wants it, by what they chose last."""
    return due_at(delivery.dispatch, delivery.subscriber.hour, delivery.subscriber.zone)


def _halted(error: HaltedError) -> str:
    return f"Nothing more can be sent: {error}"
