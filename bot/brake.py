"""The brake on equal refusals: what many addresses answer alike is about us, whatever it says.

Words lie: Gmail said "550 5.1.1 The email account that you tried to reach does not exist" to everybody for hours in
December 2020. What a far end says to many is therefore weighed before anybody's subscription is touched.

Two questions are told apart. Does the far end refuse us at this moment? Only a row of refusals that nobody who is
served interrupts says so, of recipients who did not fail before. What are the refusals of a run about? That is judged
by their share, once all were tried.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

_MANY = 3  # recipients; fewer are chance
_ROW = 10  # recipients in a row, once somebody was served: on a list of which half is dead, one in a thousand
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
    """They may be about us: nobody is ended by them at once, and only words that blame the address count."""


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
    has_served: bool = False
    """Whether the far end took any message in this run."""
    _answers: dict[int, RecipientAnswer] = field(default_factory=dict)
    _row: dict[int, RecipientAnswer] = field(default_factory=dict)
    """Who was refused, and had not been before, since somebody was served."""
    _latest: datetime | None = None

    def note(
        self, recipient: int, answer: RecipientAnswer, at: datetime, *, is_expected: bool = False
    ) -> bool:
        """Whether the channel is to stop, now that `recipient` was answered so.

        A refusal that `is_expected`, because the address has failed for long, says nothing about the far end. Nor does
        one that the recipient met before in this run, unless the channel was stopped.
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
