"""Decides whether refusals concern the addresses or us, and which subscriptions end.

What many addresses answer alike concerns us, whatever it says: Gmail said "550 5.1.1 The email account that you tried
to reach does not exist" to everybody for hours in December 2020. So equal refusals are weighed before any subscription
is changed. Only a series of refusals without a success in between, of recipients who did not fail before, says that the
remote server refuses us now: then `Brake` stops the channel, and held deliveries return to the queue. What the refusals
of a run concern is judged by their share after all were tried. Until then nothing counts against a subscriber, and the
delivery stays due, so a kill costs only one more attempt.

`ruling` decides about each refusal by its words, how many were refused alike, whether others were served, and how long
the address has failed. An address that does not exist is ended at once if few are refused like it; one that certainly
fails is ended after two weeks, however many do. None is ended in a run that served nobody, nor because of words that
many hear and that do not blame it; subscriptions that such words ended earlier are restored.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Delivery, Mark, Sending, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.delivery.batched_writer import BatchedWriter
from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    DeliveryRefusedError,
    EndedError,
    HaltedError,
    StruckError,
    blames_the_address,
)
from digest.core.backoff import Backoff
from digest.db import engine as database

_MANY = 3  # recipients; fewer are chance
_ROW = 10  # recipients in a row after a success: on a half-dead list one in a thousand
_BRAKE_HELD, _OURS = 1 / 10, 1 / 2  # of all that were tried
_REMEMBERED = timedelta(hours=6)  # less than between two daily editions: yesterday proves nothing today


class Weight(StrEnum):
    """The weight of equal refusals."""

    FEW = "few"
    """The refusals are believed."""
    MANY = "many"
    """They end no subscription at once."""
    OURS = "ours"
    """They may concern us: they end no subscription at once, and only words that blame the address count."""


def weigh(domains: Collection[str], tried: int) -> Weight:
    """Weigh equal refusals of recipients at these `domains`, one entry each, of `tried` recipients. Pure.

    Half of all, over more than one domain, concern us; a tenth is too many for chance. On a list of two or three, two
    are many.
    """
    refused = len(domains)
    if len(set(domains)) < 2 or (refused < _MANY and 2 * refused <= tried) or refused < 2:
        return Weight.FEW
    if refused >= _MANY and refused >= _OURS * tried:
        return Weight.OURS
    return Weight.MANY if refused >= _BRAKE_HELD * tried else Weight.FEW


def is_outage(refused: int, tried: int) -> bool:
    """Return whether so many of one domain are refused alike that the domain may be at fault. Pure."""
    return refused >= _MANY and refused >= _OURS * tried


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """The answer to a recipient at `domain`: the likeness of the refusal, or "" for an accepted message."""

    domain: str
    likeness: str = ""


@dataclass
class RefusalCircuitBreaker:
    """The answers to the recipients of a run, one each. It starts again after hours without an answer.

    It lives in memory only: refused deliveries stay due until the run has shown the cause, so a kill loses only the
    attempt.
    """

    tripped: str = ""
    """The likeness of the refusals that stopped the channel, until a message is accepted."""
    has_served: bool = False
    """True if any message was accepted in this run."""
    _answers: dict[int, RecipientAnswer] = field(default_factory=dict)
    _row: dict[int, RecipientAnswer] = field(default_factory=dict)
    """Recipients refused since the last success that had not failed before."""
    _latest: datetime | None = None

    def note(
        self, recipient: int, answer: RecipientAnswer, at: datetime, *, is_expected: bool = False
    ) -> bool:
        """Record the answer to `recipient`. Returns whether the channel must stop.

        A refusal that `is_expected`, because the address has failed for long, says nothing about the remote server. Nor
        does a repeated one in this run, unless the channel was stopped.
        """
        self._forget(at)
        before = self._answers.get(recipient)
        self._answers[recipient] = answer
        if not answer.likeness:
            self.has_served, self.tripped = True, ""
            self._row.clear()
            return False
        if is_expected or (before == answer and not self.tripped):
            return False
        self._row[recipient] = answer
        if answer.likeness != self.tripped:
            self.tripped = answer.likeness if self._is_refused(answer.likeness) else ""
        return bool(self.tripped)

    def _forget(self, at: datetime) -> None:
        if self._latest is not None and at - self._latest > _REMEMBERED:
            self._answers.clear()
            self._row.clear()
            self.has_served = False
        self._latest = at

    def _is_refused(self, likeness: str) -> bool:
        if not self.has_served:
            return len(self._row) >= _MANY
        alike = [each.domain for each in self._row.values() if each.likeness == likeness]
        return len(alike) >= _ROW and len(set(alike)) > 1

    def weights(self, answers: Collection[RecipientAnswer]) -> dict[RecipientAnswer, Weight]:
        """Return the weight of each of these refusals in the whole run."""
        tried = Counter(each.domain for each in self._answers.values())
        alike: dict[str, list[str]] = {}
        for each in self._answers.values():
            alike.setdefault(each.likeness, []).append(each.domain)
        return {each: self._weight(each, alike.get(each.likeness, []), tried) for each in set(answers)}

    def _weight(self, answer: RecipientAnswer, alike: list[str], tried: Counter[str]) -> Weight:
        if not answer.likeness:
            return Weight.FEW
        if not self.has_served and len(alike) > 1:
            return Weight.OURS
        found = weigh(alike, tried.total())
        if found is Weight.FEW and is_outage(alike.count(answer.domain), tried[answer.domain]):
            return Weight.MANY
        return found


FAILURE_GRACE_PERIOD = timedelta(days=14)
"""The time that an address may fail before its subscription ends."""
FAILURE_RESET_INTERVAL = timedelta(days=10)
"""After this time without a failure an address counts as working again; arXiv's longest holidays are shorter."""

_log = structlog.get_logger()
_HELD = timedelta(hours=1)  # longer than most runs; a longer run asks again
_BEHIND = timedelta(
    minutes=10
)  # the time that other editions for a refused subscriber wait for the run to end
_DOUBT = timedelta(days=2)  # the time in which an ended subscription is restored if many are refused alike
_NEWLY = timedelta(hours=12)  # less than between the editions of two days
_AGAIN = Backoff(timedelta(hours=1), timedelta(hours=6))

Held = EndedError | StruckError | DeliveryRefusedError | DeferredError


@dataclass(frozen=True, slots=True)
class Ruling:
    """The effect of a refusal. `counts`: the address is failing. `ends`: the subscription ends. `again`: the delivery
    is retried; otherwise it has failed.
    """

    counts: bool
    ends: bool
    again: bool


def is_held(error: DeliveryError) -> bool:
    """Return whether the error is weighed before it counts."""
    is_failing = isinstance(error, DeferredError) and error.is_failing
    return is_failing or (isinstance(error, Held) and bool(error.likeness))


def ruling(error: DeliveryError, weight: Weight, failing: timedelta, *, is_proven: bool) -> Ruling:
    """Decide the effect of `error` on an address that has been `failing` for that time. Pure.

    `is_proven` tells whether others were served in the same run; without that, nothing counts. Words that many hear end
    no subscription at once: the delivery is retried for half a day, because the remote server may be at fault, and for
    two weeks the failure is only recorded. Words that many hear and that do not certainly blame the address never end
    it.
    """
    blames, is_common = blames_the_address(error), weight is not Weight.FEW
    if isinstance(error, DeliveryRefusedError):
        return Ruling(counts=False, ends=False, again=weight is Weight.OURS)
    counts = is_proven and (blames or weight is not Weight.OURS)
    is_over = failing >= FAILURE_GRACE_PERIOD and (blames or not is_common)
    ends = counts and (is_over or (isinstance(error, EndedError) and not is_common))
    again = not ends and (not is_proven or (is_common and failing < _NEWLY))
    return Ruling(counts, ends, again)


@dataclass
class AddressFailures:
    """The refusals of `channel` that are held until their run ends."""

    engine: AsyncEngine
    channel: str
    ledger: BatchedWriter
    clock: Callable[[], datetime]
    brake: RefusalCircuitBreaker = field(default_factory=RefusalCircuitBreaker)
    _held: dict[int, tuple[Delivery, DeliveryError]] = field(default_factory=dict)
    """Refusals by subscriber id. A refused subscriber gets no other edition in the same run."""

    def served(self, delivery: Delivery) -> None:
        """Record that a message was accepted, so earlier refusals of this subscriber no longer count."""
        self._held.pop(delivery.subscriber.id, None)
        self.brake.note(delivery.subscriber.id, _answer(delivery), self.clock())

    async def puts_off(self, delivery: Delivery) -> bool:
        """Postpone `delivery` if another one for its subscriber was refused in this run. Returns whether it did."""
        held = self._held.get(delivery.subscriber.id)
        if held is None or held[0].id == delivery.id:
            return False
        await self._mark(delivery, Sending.DUE, next_at=self.clock() + _BEHIND)
        return True

    async def hold(self, delivery: Delivery, error: DeliveryError) -> None:
        """Hold `error`. The caller marks a deferred delivery. Raises HaltedError if the brake trips."""
        subscriber, answer = delivery.subscriber, _answer(delivery, error)
        self._held[subscriber.id] = delivery, error
        if not isinstance(error, DeferredError):
            await self._mark(delivery, Sending.DUE, str(error), next_at=self.clock() + _HELD)
        if not answer.likeness:
            return
        now = self.clock()
        if self.brake.note(subscriber.id, answer, now, is_expected=_is_expected(subscriber, now)):
            await self._revive(error)
            if self.brake.tripped:  # still: nobody was served meanwhile
                raise _about_us(error)

    async def release(self) -> None:
        """Return held deliveries to the queue after the run was stopped, behind those not yet tried.

        If the brake stopped it after others had been served, addresses that the refusals blame are only recorded as
        failing; an accepted message clears that. Without this, a list whose last addresses are dead would look every
        day like a relay that begins to refuse us.
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
                        await subscribers.fail(
                            connection, delivery.subscriber.id, now, gap=FAILURE_RESET_INTERVAL, strike=False
                        )

    async def settle(self) -> bool:
        """Apply the held refusals at the end of the run. Returns whether some are retried at once.

        Raises HaltedError if the refusals concern us after all, or may.
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
        """Return whether at least half of all are refused alike, and this address was not failing before."""
        if isinstance(error, DeferredError) or _is_expected(delivery.subscriber, self.clock()):
            return False
        return weights[_answer(delivery, error)] is Weight.OURS

    async def _revive(self, error: DeliveryError) -> None:
        """Restore subscriptions that this refusal ended recently, before many heard it."""
        if isinstance(error, EndedError):
            now = self.clock()
            async with database.writing(self.engine) as connection:
                await subscribers.revive(connection, self.channel, str(error), now - _DOUBT, now)

    async def _is_alone(self) -> bool:
        """Return whether there is only one subscriber, so that nobody else can prove that the channel works."""
        async with database.reading(self.engine) as connection:
            return await subscribers.count_active(connection, self.channel) <= 1

    async def _count(
        self, delivery: Delivery, error: DeliveryError, weight: Weight, *, is_proven: bool
    ) -> timedelta | None:
        """Apply `error`. Returns the pause before `delivery` is retried, or None if it is not retried or was already
        marked.
        """
        subscriber, now = delivery.subscriber, self.clock()
        found = ruling(error, weight, _failing(subscriber, now), is_proven=is_proven)
        if found.counts:
            found = await self._fail(subscriber.id, error, weight)
        if isinstance(error, DeferredError):  # it was marked when it was deferred
            return None
        if not found.again:
            await self._mark(delivery, Sending.FAILED, str(error))
            return None
        pause = _AGAIN.pause(delivery.tries) if delivery.tries or not is_proven else timedelta(0)
        mark = Mark(Sending.DUE, str(error), next_at=now + pause, tries=delivery.tries + 1)
        await self.ledger.note(delivery.id, mark)
        return pause

    async def _fail(self, number: int, error: DeliveryError, weight: Weight) -> Ruling:
        """Record that an address fails, and end its subscription if the ruling says so."""
        now, strike = self.clock(), isinstance(error, StruckError)
        async with database.writing(self.engine) as connection:
            failing = await subscribers.fail(
                connection, number, now, gap=FAILURE_RESET_INTERVAL, strike=strike
            )
            if failing is None or failing.status is not SubscriberStatus.ACTIVE:  # deleted or ended meanwhile
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


def _failing(subscriber: Subscriber, now: datetime) -> timedelta:
    """Return how long the address has failed."""
    return now - (subscriber.failing_since or now)


def _is_expected(subscriber: Subscriber, now: datetime) -> bool:
    """Return whether the address was already failing at an earlier edition."""
    return _failing(subscriber, now) >= _NEWLY


def _answer(delivery: Delivery, error: DeliveryError | None = None) -> RecipientAnswer:
    domain = delivery.subscriber.address.rpartition("@")[2]
    return RecipientAnswer(domain, error.likeness if error else "")


def _about_us(error: DeliveryError) -> HaltedError:
    sentence = (
        "many subscribers get the same refusal, so the sender is at fault and no subscription ends: "
        f"{error.likeness}."
    )
    return HaltedError(sentence).alike(error.likeness)


def _perhaps_about_us(error: DeliveryError) -> HaltedError:
    sentence = (
        "at least half of the subscribers get the same refusal while others are served, so the sender may be the cause:"
        f" no subscription ends because of it in the next two weeks: {error.likeness}."
    )
    return HaltedError(sentence)
