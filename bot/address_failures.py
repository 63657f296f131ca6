"""Refusals of addresses, held until the run has shown whether they are about the addresses.

Nothing counts against a reader before: their delivery stays due meanwhile, so that a kill costs one more attempt and
nothing else. Where the brake stops the channel, what is held goes back to the queue. Where a run ends without it, an
address that does not exist ends, and every other one that was refused has failed: for two weeks, and it ends too. No
address ends in a run in which nobody was served, or because of words that many hear; whom they ended before is
subscribed again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.brake import Brake, RecipientAnswer, Weight
from bot.channels import DeferredError, DeliveryError, EndedError, HaltedError, RefusedError, StruckError
from bot.ledger import Ledger
from bot.models import Delivery, Mark, Sending, Standing
from bot.store import subscribers
from digest.store import engine as database

_log = structlog.get_logger()
_HELD = timedelta(hours=1)  # longer than most runs; one that lasts longer asks again
_DOUBT = timedelta(days=2)  # in which an end is taken back where many are refused alike
_PATIENCE = timedelta(days=14)  # that an address may fail

Held = EndedError | StruckError | RefusedError | DeferredError


def is_held(error: DeliveryError) -> bool:
    """Whether what the far end said is weighed before it counts."""
    is_failing = isinstance(error, DeferredError) and error.is_failing
    return is_failing or (isinstance(error, Held) and bool(error.likeness))


def ends(error: DeliveryError, weight: Weight, failing_since: datetime, now: datetime) -> bool:
    """Whether an address ends in a run in which others were served, by what it was refused with. Pure.

    `failing_since` is when it began to fail. Words that many hear end nobody at once, and words that blame nobody do so
    never where many hear them.
    """
    match error:
        case EndedError() if weight is Weight.FEW:
            return True
        case RefusedError():
            return False
        case StruckError(is_certain=False) if weight is not Weight.FEW:
            return False
    return now - failing_since >= _PATIENCE


@dataclass
class AddressFailures:
    """The refusals of `channel` that are held until their run is over."""

    engine: AsyncEngine
    channel: str
    ledger: Ledger
    clock: Callable[[], datetime]
    brake: Brake = field(default_factory=Brake)
    _held: dict[int, tuple[Delivery, DeliveryError]] = field(default_factory=dict)

    def served(self, delivery: Delivery) -> None:
        """The far end took a message: what is held of this delivery has passed."""
        self._held.pop(delivery.id, None)
        self.brake.note(delivery.subscriber.id, _answer(delivery), self.clock())

    async def hold(self, delivery: Delivery, error: DeliveryError) -> None:
        """Keeps `error`. A delivery that was put off is marked by the caller. Raises HaltedError: the brake tripped."""
        self._held[delivery.id] = delivery, error
        if not isinstance(error, DeferredError):
            await self._mark(delivery, Sending.DUE, str(error), next_at=self.clock() + _HELD)
        answer = _answer(delivery, error)
        if answer.likeness and self.brake.note(delivery.subscriber.id, answer, self.clock()):
            await self._revive(error)
            raise _about_us(error)

    async def release(self) -> None:
        """The run was stopped: what is held is due again, behind what has not been tried."""
        held, self._held = self._held, {}
        for delivery, error in held.values():
            if not isinstance(error, DeferredError):
                await self._mark(delivery, Sending.DUE, next_at=self.clock())

    async def settle(self) -> None:
        """The run is over: what is held counts now. Raises HaltedError where it is about us after all."""
        if not self._held:
            return
        weights = self.brake.weights([_answer(*each) for each in self._held.values()])
        for delivery, error in self._held.values():
            if weights[_answer(delivery, error)] is Weight.OURS and not isinstance(error, DeferredError):
                await self._revive(error)
                raise _about_us(error)
        proven = self.brake.has_served or await self._is_alone()
        held, self._held = self._held, {}
        for delivery, error in held.values():
            await self._count(delivery, error, weights[_answer(delivery, error)], proven=proven)

    async def _revive(self, error: DeliveryError) -> None:
        """Whom such a refusal ended a moment ago, before many heard it, is subscribed again."""
        if isinstance(error, EndedError):
            now = self.clock()
            async with database.writing(self.engine) as connection:
                await subscribers.revive(connection, self.channel, str(error), now - _DOUBT, now)

    async def _is_alone(self) -> bool:
        """Whether there is one reader only, so that nobody else can vouch for the channel."""
        async with database.reading(self.engine) as connection:
            return await subscribers.count_active(connection, self.channel) <= 1

    async def _count(self, delivery: Delivery, error: DeliveryError, weight: Weight, *, proven: bool) -> None:
        if not isinstance(error, RefusedError) and weight is not Weight.OURS:
            await self._fail(delivery.subscriber.id, error, weight, proven=proven)
        if not isinstance(error, DeferredError):
            await self._mark(delivery, Sending.FAILED, str(error))

    async def _fail(self, number: int, error: DeliveryError, weight: Weight, *, proven: bool) -> None:
        now, strike = self.clock(), isinstance(error, StruckError)
        async with database.writing(self.engine) as connection:
            failing = await subscribers.fail(connection, number, now, strike=strike)
            if failing is None or failing.standing is not Standing.ACTIVE:  # forgotten or gone meanwhile
                return
            ended = proven and ends(error, weight, failing.failing_since or now, now)
            if ended:
                await subscribers.end(connection, number, str(error), now)
        _log.info("address_refused", subscriber=number, reason=str(error), ended=ended)

    async def _mark(
        self, delivery: Delivery, state: Sending, reason: str | None = None, next_at: datetime | None = None
    ) -> None:
        await self.ledger.note(delivery.id, Mark(state, reason, next_at=next_at))


def _answer(delivery: Delivery, error: DeliveryError | None = None) -> RecipientAnswer:
    domain = delivery.subscriber.address.rpartition("@")[2]
    return RecipientAnswer(domain, error.likeness if error else "")


def _about_us(error: DeliveryError) -> HaltedError:
    sentence = (
        f"many readers are refused alike, so it is about us and counts against nobody: {error.likeness}."
    )
    return HaltedError(sentence).alike(error.likeness)
