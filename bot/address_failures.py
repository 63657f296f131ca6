"""Refusals of addresses, held until the run has shown whether they are about the addresses.

Nothing counts against a reader before: their delivery stays due meanwhile, so that a kill costs one more attempt and
nothing else. Where the brake stops the channel, what is held goes back to the queue. Where a run ends without it,
`ruling` decides about each refusal by four things: its words, how many were refused alike, whether others were served,
and for how long the address has failed. An address that does not exist ends at once where few are refused like it; any
that certainly fails ends after two weeks, however many do. No address ends in a run in which nobody was served, or
because of words that many hear and that do not blame it; whom they ended before is subscribed again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.brake import Brake, RecipientAnswer, Weight
from bot.channels import (
    DeferredError,
    DeliveryError,
    EndedError,
    HaltedError,
    RefusedError,
    StruckError,
    blames_the_address,
)
from bot.ledger import Ledger
from bot.models import Delivery, Mark, Sending, Standing, Subscriber
from bot.store import subscribers
from digest.backoff import Backoff
from digest.store import engine as database

PATIENCE = timedelta(days=14)
"""That an address may fail."""
GAP = timedelta(days=10)
"""Without any failure an address works again; arXiv's longest holidays are shorter."""

_log = structlog.get_logger()
_HELD = timedelta(hours=1)  # longer than most runs; one that lasts longer asks again
_BEHIND = timedelta(minutes=10)  # that the other editions of a refused reader wait for the run to end
_DOUBT = timedelta(days=2)  # in which an end is taken back where many are refused alike
_NEWLY = timedelta(hours=12)  # less than from one day's edition to the next
_AGAIN = Backoff(timedelta(hours=1), timedelta(hours=6))

Held = EndedError | StruckError | RefusedError | DeferredError


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a refusal does. `counts`: the address is failing. `ends`: the subscription. `again`: the delivery is tried
    once more, else it has failed.
    """

    counts: bool
    ends: bool
    again: bool


def is_held(error: DeliveryError) -> bool:
    """Whether what the far end said is weighed before it counts."""
    is_failing = isinstance(error, DeferredError) and error.is_failing
    return is_failing or (isinstance(error, Held) and bool(error.likeness))


def ruling(error: DeliveryError, weight: Weight, failing: timedelta, *, is_proven: bool) -> Ruling:
    """What `error` does to an address that has been `failing` for so long. Pure.

    `is_proven` is whether others were served in the same run; without it nothing counts. Words that many hear end
    nobody at once: for half a day the delivery is tried again, because the far end may be at fault, for two weeks the
    address is only noted. Those that many hear and that do not certainly blame the address never end it.
    """
    blames, is_common = blames_the_address(error), weight is not Weight.FEW
    if isinstance(error, RefusedError):
        return Ruling(counts=False, ends=False, again=weight is Weight.OURS)
    counts = is_proven and (blames or weight is not Weight.OURS)
    is_over = failing >= PATIENCE and (blames or not is_common)
    ends = counts and (is_over or (isinstance(error, EndedError) and not is_common))
    again = not ends and (not is_proven or (is_common and failing < _NEWLY))
    return Ruling(counts, ends, again)


@dataclass
class AddressFailures:
    """The refusals of `channel` that are held until their run is over."""

    engine: AsyncEngine
    channel: str
    ledger: Ledger
    clock: Callable[[], datetime]
    brake: Brake = field(default_factory=Brake)
    _held: dict[int, tuple[Delivery, DeliveryError]] = field(default_factory=dict)
    """By subscriber: whoever was refused is not asked for another edition in the same run."""

    def served(self, delivery: Delivery) -> None:
        """The far end took a message: what is held of this reader has passed."""
        self._held.pop(delivery.subscriber.id, None)
        self.brake.note(delivery.subscriber.id, _answer(delivery), self.clock())

    async def puts_off(self, delivery: Delivery) -> bool:
        """Whether `delivery` waits now, because its reader was refused another one in this run."""
        held = self._held.get(delivery.subscriber.id)
        if held is None or held[0].id == delivery.id:
            return False
        await self._mark(delivery, Sending.DUE, next_at=self.clock() + _BEHIND)
        return True

    async def hold(self, delivery: Delivery, error: DeliveryError) -> None:
        """Keeps `error`. A delivery that was put off is marked by the caller. Raises HaltedError: the brake tripped."""
        reader, answer = delivery.subscriber, _answer(delivery, error)
        self._held[reader.id] = delivery, error
        if not isinstance(error, DeferredError):
            await self._mark(delivery, Sending.DUE, str(error), next_at=self.clock() + _HELD)
        if not answer.likeness:
            return
        now = self.clock()
        if self.brake.note(reader.id, answer, now, is_expected=_is_expected(reader, now)):
            await self._revive(error)
            if self.brake.tripped:  # still: nobody was served meanwhile
                raise _about_us(error)

    async def release(self) -> None:
        """The run was stopped: what is held is due again, behind what has not been tried.

        Where the brake stopped it after others had been served, addresses that the refusals blame are noted as failing,
        no more: once one of them takes a message, that is forgotten. Without it, a list whose last addresses are dead
        would look every day like a relay that begins to refuse us.
        """
        held, self._held = self._held, {}
        refused = [delivery for delivery, error in held.values() if not isinstance(error, DeferredError)]
        now = self.clock()
        await asyncio.gather(
            *(self._mark(each, Sending.DUE, next_at=now) for each in refused)
        )  # in one commit
        if self.brake.tripped and self.brake.has_served:
            async with database.writing(self.engine) as connection:
                for delivery, error in held.values():
                    if blames_the_address(error):
                        await subscribers.fail(connection, delivery.subscriber.id, now, gap=GAP, strike=False)

    async def settle(self) -> bool:
        """The run is over: what is held counts now. Gives whether some of it is tried once more at once.

        Raises HaltedError where it is about us after all, or may be.
        """
        if not self._held:
            return False
        weights = self.brake.weights([_answer(*each) for each in self._held.values()])
        is_proven = self.brake.has_served or await self._is_alone()
        common = [each for each in self._held.values() if self._is_news(*each, weights)]
        for _, error in common:
            await self._revive(error)
        if common and not is_proven:
            raise _about_us(common[0][1])
        held, self._held = self._held, {}
        pauses = [
            await self._count(delivery, error, weights[_answer(delivery, error)], is_proven=is_proven)
            for delivery, error in held.values()
        ]
        repeated = [error for delivery, error in common if delivery.tries == 1]
        if repeated:
            raise _perhaps_about_us(repeated[0])
        return timedelta(0) in pauses

    def _is_news(
        self, delivery: Delivery, error: DeliveryError, weights: dict[RecipientAnswer, Weight]
    ) -> bool:
        """Whether it is refused like half of all, and was not before."""
        if isinstance(error, DeferredError) or _is_expected(delivery.subscriber, self.clock()):
            return False
        return weights[_answer(delivery, error)] is Weight.OURS

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

    async def _count(
        self, delivery: Delivery, error: DeliveryError, weight: Weight, *, is_proven: bool
    ) -> timedelta | None:
        """Has `error` count; gives the pause until `delivery` is tried again, None where that is not for us to say."""
        reader, now = delivery.subscriber, self.clock()
        found = ruling(error, weight, _failing(reader, now), is_proven=is_proven)
        if found.counts:
            found = await self._fail(reader.id, error, weight)
        if isinstance(error, DeferredError):  # it was marked when it was put off
            return None
        if not found.again:
            await self._mark(delivery, Sending.FAILED, str(error))
            return None
        pause = _AGAIN.pause(delivery.tries) if delivery.tries or not is_proven else timedelta(0)
        mark = Mark(Sending.DUE, str(error), next_at=now + pause, tries=delivery.tries + 1)
        await self.ledger.note(delivery.id, mark)
        return pause

    async def _fail(self, number: int, error: DeliveryError, weight: Weight) -> Ruling:
        """Notes that an address fails, and ends its subscription where it is to end."""
        now, strike = self.clock(), isinstance(error, StruckError)
        async with database.writing(self.engine) as connection:
            failing = await subscribers.fail(connection, number, now, gap=GAP, strike=strike)
            if failing is None or failing.standing is not Standing.ACTIVE:  # forgotten or gone meanwhile
                return Ruling(counts=False, ends=False, again=False)
            found = ruling(error, weight, _failing(failing, now), is_proven=True)
            if found.ends:
                await subscribers.end(connection, number, str(error), now)
        _log.info("address_refused", subscriber=number, reason=str(error), ended=found.ends)
        return found

    async def _mark(
        self, delivery: Delivery, state: Sending, reason: str | None = None, next_at: datetime | None = None
    ) -> None:
        await self.ledger.note(delivery.id, Mark(state, reason, next_at=next_at))


def _failing(reader: Subscriber, now: datetime) -> timedelta:
    """For how long the address has failed by now."""
    return now - (reader.failing_since or now)


def _is_expected(reader: Subscriber, now: datetime) -> bool:
    """Whether the address has failed since an edition before the present one."""
    return _failing(reader, now) >= _NEWLY


def _answer(delivery: Delivery, error: DeliveryError | None = None) -> RecipientAnswer:
    domain = delivery.subscriber.address.rpartition("@")[2]
    return RecipientAnswer(domain, error.likeness if error else "")


def _about_us(error: DeliveryError) -> HaltedError:
    sentence = (
        f"many readers are refused alike, so it is about us and counts against nobody: {error.likeness}."
    )
    return HaltedError(sentence).alike(error.likeness)


def _perhaps_about_us(error: DeliveryError) -> HaltedError:
    sentence = (
        "half of the readers or more are refused alike while others are served, so it may be about us, and nobody is"
        f" ended for it in the next two weeks: {error.likeness}."
    )
    return HaltedError(sentence)
