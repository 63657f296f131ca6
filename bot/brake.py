"""The brake on equal refusals: what many addresses answer alike is about us, whatever it says.

Words lie: Gmail said "550 5.1.1 The email account that you tried to reach does not exist" to everybody for hours in
December 2020. What a far end says to many is therefore weighed before anybody's subscription is touched.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

_RECENT = 40  # recipients that a run is judged by while it lasts
_MANY = 3  # recipients; fewer are chance
_HELD, _OURS = 1 / 10, 1 / 2  # of all that were tried
_REMEMBERED = timedelta(
    hours=6
)  # less than from one day's edition to the next: yesterday proves nothing today


class Weight(StrEnum):
    """How much it weighs that some are refused alike."""

    FEW = "few"
    """The refusals are taken at their word."""
    MANY = "many"
    """Nobody is ended by them at once."""
    OURS = "ours"
    """They are about us: nobody is counted against."""


def weigh(domains: Collection[str], tried: int) -> Weight:
    """What it means that as many are refused alike as there are `domains`, of `tried` recipients. Pure.

    `domains` has each one's domain. Half of all over more than one domain is about us; a tenth is too much for chance.
    Of a list of two or three, two are many.
    """
    refused = len(domains)
    if len(set(domains)) < 2 or (refused < _MANY and 2 * refused <= tried) or refused < 2:
        return Weight.FEW
    if refused >= _MANY and refused >= _OURS * tried:
        return Weight.OURS
    return Weight.MANY if refused >= _HELD * tried else Weight.FEW


def is_outage(refused: int, tried: int) -> bool:
    """Whether so many of one domain are refused alike that the domain may be at fault. Pure."""
    return refused >= _MANY and refused >= _OURS * tried


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """What a recipient at `domain` was answered: the likeness of the refusal, "" where a message was taken."""

    domain: str
    likeness: str = ""


@dataclass
class Brake:
    """What the recipients of a run were answered, each once. It begins anew where nothing came for hours.

    It lives in memory only: what is refused stays due until the run has shown what it is about, and a kill in between
    loses nothing but the attempt.
    """

    tripped: str = ""
    """The likeness of the refusals that stopped the channel, until somebody is served."""
    _answers: dict[int, RecipientAnswer] = field(default_factory=dict)
    _recent: dict[int, RecipientAnswer] = field(default_factory=dict)
    _latest: datetime | None = None
    has_served: bool = False
    """Whether the far end took any message in this run."""

    def note(self, recipient: int, answer: RecipientAnswer, at: datetime) -> bool:
        """Whether the channel is to stop, now that `recipient` was answered so."""
        if self._latest is not None and at - self._latest > _REMEMBERED:
            self._answers.clear()
            self._recent.clear()
            self.has_served = False
        self._latest = at
        self.has_served = self.has_served or not answer.likeness
        self._answers[recipient] = answer
        self._recent.pop(recipient, None)
        self._recent[recipient] = answer
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        self.tripped = answer.likeness if self._stops(answer.likeness) else ""
        return bool(self.tripped)

    def _stops(self, likeness: str) -> bool:
        if not likeness or likeness == self.tripped:
            return bool(likeness)
        recent = self._recent.values()
        if len(recent) >= _MANY and all(each.likeness for each in recent):
            return True
        alike = [each.domain for each in recent if each.likeness == likeness]
        return weigh(alike, len(recent)) is Weight.OURS

    def weights(self, answers: Collection[RecipientAnswer]) -> dict[RecipientAnswer, Weight]:
        """How each of these refusals weighs in the whole run."""
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
