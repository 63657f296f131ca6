"""Attempts at one delivery: its messages one after the other, each marked before and after, and their results.

The subscriber is checked again before anything is sent: changes of the subscription, pause or delivery time made in the
meantime apply. The results take effect on the delivery and the subscription.
"""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.models import Delivery, Mark, Part, Sending, Subscriber, SubscriberStatus
from bot.db import deliveries, subscribers
from bot.delivery import outages
from bot.delivery.address_failures import AddressFailures, is_held
from bot.delivery.batched_writer import BatchedWriter
from bot.delivery.channel import (
    Channel,
    CutShortError,
    DeferredError,
    DeliveryError,
    EndedError,
    FormRefusedError,
    HaltedError,
    MovedError,
    UnansweredError,
    unsent,
)
from bot.delivery.fanout import DELIVERY_LIFETIME
from bot.delivery.outages import outlasting
from bot.delivery.renderings import Renderings
from bot.subscriptions import preferences
from digest.core.backoff import Backoff
from digest.db import engine as database

T = TypeVar("T")

_log = structlog.get_logger()
_BACKOFF = Backoff(timedelta(seconds=15), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class DeliveryResults:
    """Records results in `ledger` and refusals in `failures`. With `repeats`, a message that may have arrived is
    resent.
    """

    engine: AsyncEngine
    ledger: BatchedWriter
    clock: Callable[[], datetime]
    failures: AddressFailures
    _: KW_ONLY
    repeats: bool

    async def sent(self, delivery: Delivery, message: int, *, last: bool) -> None:
        """Record that `message` was accepted; `last` tells whether it was the last one to send."""
        mark = Mark(
            Sending.SENT if last else Sending.DUE,
            part=delivery.done(message),
            tries=0,
            repeated=False,
            settled=message if message in delivery.again else None,
        )
        await self.ledger.note(delivery.id, mark)
        self.failures.served(delivery)
        if delivery.subscriber.consecutive_refusals or delivery.subscriber.failing_since:
            await self._written(partial(subscribers.clear_strikes, number=delivery.subscriber.id))

    async def failed(self, delivery: Delivery, message: int, error: DeliveryError, *, last: bool) -> bool:
        """Record that `message` failed or has unknown delivery. Returns whether the delivery is due again at once.

        Raises HaltedError if so many are refused alike that the cause is ours.
        """
        if is_held(error):
            if isinstance(error, DeferredError):
                await self._defer(delivery, error)
            await self.failures.hold(delivery, error)
            return False
        match error:
            case UnansweredError():
                return await self._note_unknown(delivery, message, str(error), last=last)
            case DeferredError():
                await self._defer(delivery, error)
            case EndedError():
                await self._end(delivery, str(error))
            case MovedError():
                return await self._move(delivery, error.address)
            case _:
                await self.note(delivery, Sending.FAILED, str(error))
        return False

    async def note(
        self,
        delivery: Delivery,
        state: Sending,
        reason: str | None = None,
        *,
        next_at: datetime | None = None,
        tries: int | None = None,
        rendering: int | None = None,
    ) -> None:
        """Mark `delivery`; values that are None stay unchanged."""
        mark = Mark(state, reason, next_at=next_at, tries=tries, rendering=rendering)
        await self.ledger.note(delivery.id, mark)

    async def sending(self, delivery: Delivery, rendering: int, message: int, *, once_more: bool) -> bool:
        """Mark `message` as being sent. Returns False if it is no longer wanted or another process is sending it."""
        day = self.clock().astimezone(delivery.subscriber.zone).date()
        mark = Mark(Sending.SENDING, rendering=rendering, in_flight=message, once_more=once_more, day=day)
        return await self.ledger.note(delivery.id, mark)

    async def replaced(self, delivery: Delivery, rendering: int, message: int, count: int) -> None:
        """Replace `message`, whose form was refused, by `count` messages of `rendering`."""
        change = partial(
            deliveries.replace_message,
            number=delivery.id,
            rendering=rendering,
            message=message,
            count=count,
            at=self.clock(),
        )
        await self._written(change)

    async def _defer(self, delivery: Delivery, error: DeferredError) -> None:
        """Postpone the delivery. A pause that the server names costs no try; others double with each attempt."""
        pause = error.pause or _BACKOFF.pause(delivery.tries)
        tries = delivery.tries + (error.pause is None)
        await self.note(delivery, Sending.DUE, str(error), next_at=self.clock() + pause, tries=tries)

    async def _note_unknown(self, delivery: Delivery, message: int, reason: str, *, last: bool) -> bool:
        """Record that the delivery of `message` is unknown. It is resent once if the channel allows that; later ones
        follow at once.
        """
        if self.repeats and not delivery.repeated and message not in delivery.again:
            mark = Mark(Sending.DUE, reason, next_at=self.clock() + _BACKOFF.first, repeated=True)
            await self.ledger.note(delivery.id, mark)
            return False
        mark = Mark(
            Sending.UNKNOWN if last else Sending.DUE,
            reason,
            part=delivery.done(message),
            tries=0,
            repeated=False,
            unknown=message,
        )
        await self.ledger.note(delivery.id, mark)
        return not last

    async def _end(self, delivery: Delivery, reason: str) -> None:
        number = delivery.subscriber.id
        await self._written(partial(subscribers.end, number=number, reason=reason, at=self.clock()))
        await self.note(delivery, Sending.FAILED, reason)
        _log.info("subscription_ended", subscriber=delivery.subscriber.id, reason=reason)

    async def _move(self, delivery: Delivery, address: str) -> bool:
        number = delivery.subscriber.id
        moved = await self._written(
            partial(subscribers.move, number=number, address=address, at=self.clock())
        )
        if moved is None:  # the new address has its own delivery
            await self.note(delivery, Sending.SKIPPED, "moved")
        else:
            await self.note(delivery, Sending.DUE, next_at=self.clock())
        return moved is not None

    async def _written(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Commit `change` and return its result. The message was sent, so outages of the database are waited out."""

        async def write() -> T:
            async with database.writing(self.engine) as connection:
                return await change(connection)

        return await outlasting("outcomes", write)


class _UnwantedError(Exception):
    """The subscriber left or paused while the message waited, or another process has sent it."""


@dataclass(frozen=True)
class DeliveryAttempts:
    """Sends deliveries on `channel`.

    `is_ending` tells whether to stop after the current message, `is_refused` whether to start none at all. `served` is
    called for each delivery with an accepted message; `met` for each refusal of us, and returns whether it concerns
    only that recipient; `wake` is called if something is due again at once. `in_flight` are the subscribers with a
    message in flight, or answered but not yet marked.
    """

    engine: AsyncEngine
    channel: Channel
    renderings: Renderings
    clock: Callable[[], datetime]
    outcomes: DeliveryResults
    in_flight: set[int]
    is_ending: Callable[[], bool]
    is_refused: Callable[[], bool]
    served: Callable[[Delivery], None]
    met: Callable[[Delivery, HaltedError], bool]
    wake: Callable[[], None]

    async def make(self, delivery: Delivery) -> None:
        """Send the rest of `delivery`, as far as it is accepted. Raises HaltedError and DigestError."""
        now = self.clock()
        if (hour := _hour(delivery)) > now and not delivery.part:
            await self.outcomes.note(delivery, Sending.DUE, next_at=hour)
            return
        if reason := obstacle(delivery, now):
            await self._drop(delivery, reason)
            return
        ready = delivery.campaign.is_ready_in(delivery.subscriber.preferences.language)
        if delivery.rendering is None and not ready:  # another language was chosen meanwhile
            await self.outcomes.note(delivery, Sending.HELD)
            return
        if await self.outcomes.failures.puts_off(delivery):
            return
        number, parts = await outages.outlasting("messages", partial(self.renderings.of, delivery))
        if not parts:
            await self.outcomes.note(delivery, Sending.SKIPPED, "nothing", rendering=number)
            return
        left = delivery.left(len(parts))
        if not left:
            await self.outcomes.note(delivery, Sending.SENT)
        for message in left:
            if self.is_ending() and message != left[0]:
                return  # the row tells where to continue
            if not await self._send(delivery, number, parts[message], message, last=message == left[-1]):
                return

    async def _send(
        self, delivery: Delivery, rendering: int, part: Part, message: int, *, last: bool
    ) -> bool:
        """Send the `message` with content `part`. Returns whether it was sent. `last` marks the last message."""
        if self.is_refused():  # refused in the meantime: the row stays due
            return False
        try:
            before = _Before(self, delivery, rendering, message).mark
            await self.channel.send(delivery, part, first=message == 0, before=before)
        except _UnwantedError:
            await self._note_unwanted(delivery)
        except HaltedError as error:
            is_alone = self.met(
                delivery, error
            )  # before anything is awaited, so that no other message starts
            await self._note_refused(delivery, is_alone=is_alone)
        except CutShortError:
            await self.outcomes.note(delivery, Sending.DUE, next_at=self.clock())
            raise
        except FormRefusedError as error:
            await self._replace(delivery, rendering, message, error.instead)
        except DeliveryError as error:
            self.in_flight.add(delivery.subscriber.id)  # it was answered: a stop waits until that is recorded
            if await self.outcomes.failed(delivery, message, error, last=last):
                self.wake()
        else:
            self.served(delivery)
            await self.outcomes.sent(delivery, message, last=last)
            return True
        finally:
            self.in_flight.discard(delivery.subscriber.id)
        return False

    async def _note_unwanted(self, delivery: Delivery) -> None:
        if reason := await self._hindrance(delivery):
            await self._drop(delivery, reason)
        else:
            _log.warning("sent_elsewhere", delivery=delivery.id)

    async def _note_refused(self, delivery: Delivery, *, is_alone: bool) -> None:
        if is_alone:
            await self.outcomes.note(delivery, Sending.FAILED, "refused-alone")
        else:
            await self.outcomes.note(delivery, Sending.DUE, next_at=self.clock())

    async def _drop(self, delivery: Delivery, reason: str) -> None:
        """Send nothing more of the delivery, for `reason`."""
        state = Sending.FAILED if delivery.part or delivery.tries else Sending.SKIPPED
        await self.outcomes.note(delivery, state, reason)

    async def _hindrance(self, delivery: Delivery) -> str | None:
        """Return why the subscriber no longer wants the delivery; None if there is no such reason."""
        subscriber = await outages.outlasting("subscribers", partial(self._reader, delivery.subscriber.id))
        return (
            obstacle(replace(delivery, subscriber=subscriber), self.clock())
            if subscriber
            else SubscriberStatus.LEFT.value
        )

    async def _reader(self, number: int) -> Subscriber | None:
        async with database.reading(self.engine) as connection:
            return await subscribers.get(connection, number)

    async def _replace(
        self, delivery: Delivery, rendering: int, message: int, instead: tuple[Part, ...]
    ) -> None:
        """Replace a refused message by others, each of which is sent once and marked."""
        replaced = partial(self.renderings.replaced, delivery, rendering, message, instead)
        number = await outages.outlasting("messages", replaced)
        await self.outcomes.replaced(delivery, number, message, len(instead))
        self.wake()


@dataclass
class _Before:
    """The last moment before a message is sent. A channel may reach it more than once."""

    attempts: DeliveryAttempts
    delivery: Delivery
    rendering: int
    message: int
    is_marked: bool = False

    async def mark(self) -> None:
        """Mark the message as being sent. Raises CutShortError if the channel was refused in the meantime."""
        attempts = self.attempts
        if attempts.is_refused():
            raise CutShortError
        attempts.in_flight.add(self.delivery.subscriber.id)
        with unsent():
            is_ours = await attempts.outcomes.sending(
                self.delivery, self.rendering, self.message, once_more=self.is_marked
            )
        if not is_ours:
            raise _UnwantedError
        self.is_marked = True


def obstacle(delivery: Delivery, now: datetime) -> str | None:
    """Return why nothing may be sent at this moment, or None. Pure."""
    subscriber = delivery.subscriber
    if subscriber.status is not SubscriberStatus.ACTIVE:
        return subscriber.status.value
    if preferences.pause(subscriber, now):
        return "paused"
    if delivery.is_belied:
        return "belied"
    if now > max(delivery.due_at, _hour(delivery)) + DELIVERY_LIFETIME:
        return "too-late"
    return None


def _hour(delivery: Delivery) -> datetime:
    """Return when the subscriber wants it, by the latest choice."""
    return preferences.due_at(delivery.campaign, delivery.subscriber.hour, delivery.subscriber.zone)
