"""A circuit breaker for equal refusals: what many addresses answer alike concerns us, whatever it says.

Words can be wrong: Gmail said "550 5.1.1 The email account that you tried to reach does not exist" to everybody for
hours in December 2020. So replies that many get are weighed before any subscription is changed.

There are two questions. Does the remote server refuse us now? Only a series of refusals without a success in between
says so, of recipients who did not fail before. What do the refusals of a run concern? That is judged by their share
after all were tried.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

_MANY = 3  # recipients; fewer are chance
_ROW = 10  # recipients in a row after a success: on a half-dead list one in a thousand
_HELD, _OURS = 1 / 10, 1 / 2  # of all that were tried
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
    return Weight.MANY if refused >= _HELD * tried else Weight.FEW


def is_outage(refused: int, tried: int) -> bool:
    """Return whether so many of one domain are refused alike that the domain may be at fault. Pure."""
    return refused >= _MANY and refused >= _OURS * tried


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """The answer to a recipient at `domain`: the likeness of the refusal, or "" for an accepted message."""

    domain: str
    likeness: str = ""


@dataclass
class Brake:
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
