"""Delivery results: their effects on the delivery and the subscription."""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.models import Delivery, Mark, Sending
from bot.db import deliveries, subscribers
from bot.delivery.address_failures import AddressFailures, is_held
from bot.delivery.channel import DeferredError, DeliveryError, EndedError, MovedError, UnansweredError
from bot.delivery.ledger import Ledger
from bot.delivery.outages import outlasting
from digest.core.backoff import Backoff
from digest.db import engine as database

T = TypeVar("T")

_log = structlog.get_logger()
_BACKOFF = Backoff(timedelta(seconds=15), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Records results in `ledger` and refusals in `failures`. With `repeats`, a message that may have arrived is
    resent.
    """

    engine: AsyncEngine
    ledger: Ledger
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
        if delivery.subscriber.strikes or delivery.subscriber.failing_since:
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
