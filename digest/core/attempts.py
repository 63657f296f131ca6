"""Attempts at a translation, with the findings of the checks, and the rules for asking a model again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.core.backoff import Backoff
from digest.core.findings import Finding, is_hard
from digest.core.models import Call

_BACKOFF = Backoff(timedelta(minutes=15), timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a model at a translation, the `number`-th (from 1) of its series.

    The texts are None once they are pruned. `call` is the call that produced it, `findings` are its flaws.
    """

    number: int
    call: Call
    title: str | None
    abstract: str | None
    summary: str | None
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """True if it may be shown: it has no hard findings."""
        return not is_hard(self.findings)


def is_due(refused: Sequence[Attempt], now: datetime) -> bool:
    """Return True if a translation with only `refused` attempts is tried again at `now`.

    After n series of attempts the pause is 15 min * 2^(n - 1), at most one day: a model that fails three times on a
    text mostly keeps failing, and neither a restart nor another person who asks should pay for this. A first series
    that was interrupted after its first attempt is repeated at once.
    """
    rows = sum(attempt.number == 1 for attempt in refused)
    if rows <= 1 and len(refused) <= 1:
        return True
    return now >= max(attempt.call.at for attempt in refused) + _BACKOFF.pause(rows - 1)


def is_asked_again(fruitless: Sequence[Call], now: datetime) -> bool:
    """Return True if a model is asked again at `now` after `fruitless` calls without a usable result.

    After a single one it is. From then on each pause is as long as the time from the first failure to the last, between
    15 minutes and one day: calls cost money, and a model mostly fails on a paper in the same way.
    """
    if len(fruitless) <= 1:
        return True
    first, last = (chosen(call.at for call in fruitless) for chosen in (min, max))
    return now >= last + min(max(last - first, _BACKOFF.first), _BACKOFF.longest)
