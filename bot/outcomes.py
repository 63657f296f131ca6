"""What a send came to: for its delivery, and for the subscription."""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.address_failures import AddressFailures, is_held
from bot.channels import DeferredError, DeliveryError, EndedError, MovedError, UnansweredError
from bot.ledger import Ledger
from bot.models import Delivery, Mark, Sending
from bot.outages import outlasting
from bot.store import deliveries, subscribers
from digest.backoff import Backoff
from digest.store import engine as database

T = TypeVar("T")

_log = structlog.get_logger()
_BACKOFF = Backoff(timedelta(seconds=15), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Notes them in `ledger`, and refusals in `failures`; with `repeats`, what may have arrived is sent once more."""

    engine: AsyncEngine
    ledger: Ledger
    clock: Callable[[], datetime]
    failures: AddressFailures
    _: KW_ONLY
    repeats: bool

    async def sent(self, delivery: Delivery, message: int, *, last: bool) -> None:
        """`message` was taken, the `last` that was to be sent or not."""
        mark = Mark(
            Sending.SENT if last else Sending.DUE,
            part=delivery.done(message),
            tries=0,
            repeated=False,
            settled=message if message in delivery.again else None,
        )
        await self.ledger.note(delivery.id, mark)
        self.failures.served(delivery)
        if delivery.subscriber.strikes or delivery.subscriber.failing_since:
            await self._written(partial(subscribers.clear_strikes, number=delivery.subscriber.id))

    async def failed(self, delivery: Delivery, message: int, error: DeliveryError, *, last: bool) -> bool:
        """It was not, or nobody knows. Gives whether the delivery is due again at once.

        Raises HaltedError where so many are refused alike that it is about us.
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
        """Marks `delivery`; what is None stays as it is."""
        mark = Mark(state, reason, next_at=next_at, tries=tries, rendering=rendering)
        await self.ledger.note(delivery.id, mark)

    async def sending(self, delivery: Delivery, rendering: int, message: int, *, once_more: bool) -> bool:
        """Marks `message` as being sent. False where it is not wanted any more, or another process is at it."""
        day = self.clock().astimezone(delivery.subscriber.zone).date()
        mark = Mark(Sending.SENDING, rendering=rendering, in_flight=message, once_more=once_more, day=day)
        return await self.ledger.note(delivery.id, mark)

    async def replaced(self, delivery: Delivery, rendering: int, message: int, count: int) -> None:
        """In `rendering`, `count` messages stand in for `message`, which the far end does not take in this form."""
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
        """A pause that was asked for costs no try; any other doubles, from attempt to attempt."""
        pause = error.pause or _BACKOFF.pause(delivery.tries)
        tries = delivery.tries + (error.pause is None)
        await self.note(delivery, Sending.DUE, str(error), next_at=self.clock() + pause, tries=tries)

    async def _note_unknown(self, delivery: Delivery, message: int, reason: str, *, last: bool) -> bool:
        """What is behind `message` goes out at once; `message` itself once more where the channel repeats it."""
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
        if moved is None:  # the new address gets its own
            await self.note(delivery, Sending.SKIPPED, "moved")
        else:
            await self.note(delivery, Sending.DUE, next_at=self.clock())
        return moved is not None

    async def _written(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `change` comes to, committed: the message has gone out, so an outage of the database is waited for."""

        async def write() -> T:
            async with database.writing(self.engine) as connection:
                return await change(connection)

        return await outlasting("outcomes", write)
