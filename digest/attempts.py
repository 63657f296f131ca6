"""A model's answers to one translation, what the checks say of them, and when a model is asked again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.backoff import Backoff
from digest.findings import Finding, is_hard
from digest.models import Call

_BACKOFF = Backoff(timedelta(minutes=15), timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A translation as a model gave it, the `number`-th in a row: its texts, None once they are pruned.

    `call` brought it, `findings` are what is wrong with it.
    """

    number: int
    call: Call
    title: str | None
    abstract: str | None
    summary: str | None
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """Whether it may be shown: no check that must hold fails."""
        return not is_hard(self.findings)


def is_due(refused: Sequence[Attempt], now: datetime) -> bool:
    """Whether a translation is tried again at `now` of which there are only `refused` attempts.

    After n rows of attempts it waits for 15 min * 2^(n - 1), a day at the most: a model that fails three times on a
    text mostly fails on it, and a restart, or another person who asks, must not pay for that. So the next of the
    schedule's runs tries again. A first row that was cut off behind its first attempt is made anew at once.
    """
    rows = sum(attempt.number == 1 for attempt in refused)
    if rows <= 1 and len(refused) <= 1:
        return True
    return now >= max(attempt.call.at for attempt in refused) + _BACKOFF.pause(rows - 1)


def is_asked_again(fruitless: Sequence[Call], now: datetime) -> bool:
    """Whether a model is asked again at `now` for what `fruitless` calls did not bring.

    After a single one it is. Then each pause is as long as it has failed by then, between a quarter of an hour and a
    day: calls are paid for, and what a model says of a paper mostly fails in the same way.
    """
    if len(fruitless) <= 1:
        return True
    first, last = (chosen(call.at for call in fruitless) for chosen in (min, max))
    return now >= last + min(max(last - first, _BACKOFF.first), _BACKOFF.longest)
