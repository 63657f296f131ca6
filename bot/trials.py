"""Trials: whom a channel that has refused us is tried on, until somebody is served or it is clear that it refuses us.

What one recipient meets may be about them alone, and a list may hold many addresses side by side that do not exist. So
a few others are tried, one at a time, before the channel counts as refused. Pure: it knows no database and no clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt

_TRIALS = 3  # of a list of which half is dead, one in eight would look refused
_OTHERS = 3  # messages that are taken between two refusals of one: then the refusal is about that one alone
_GOLDEN = (sqrt(5) - 1) / 2  # its multiples, less their whole parts, lie evenly between 0 and 1


class Refusal(StrEnum):
    """What a refusal of us means."""

    ALONE = "alone"
    """It meets this recipient alone."""
    DOUBTFUL = "doubtful"
    """Others are to be tried."""
    CLEAR = "clear"
    """The channel refuses us."""


@dataclass
class Trials:
    """What the recipients of a channel met; kept over its pauses. Recipients are subscribers' numbers."""

    sent: int = 0
    """How many messages were taken."""
    are_on: bool = False
    """Whether one message at a time is sent, because the last thing that was heard is a refusal of us."""
    refused: dict[int, int] = field(default_factory=dict)
    """Who met a refusal of us, and stands behind the others; with how many messages had been taken then."""
    _left: int = _TRIALS
    _begun: int = 0
    _latest: int | None = None
    """Who is tried at this moment."""

    def place(self, count: int) -> int:
        """The place of whom to try next, among `count` that are due: far from those before, wherever these lie."""
        self._begun += 1
        return int(count * (self._begun * _GOLDEN % 1))

    def try_on(self, recipient: int) -> None:
        """What `recipient` meets next is a trial."""
        self._latest = recipient

    def served(self, recipient: int) -> None:
        """A message was taken: we are not refused."""
        self.sent += 1
        self.are_on, self._left = False, _TRIALS
        self.refused.pop(recipient, None)

    def met(self, recipient: int, *, is_answer: bool) -> Refusal:
        """What it means that `recipient` met a refusal of us; `is_answer` is whether it answers a single message."""
        before = self.refused.get(recipient, self.sent)
        if is_answer and not self.are_on and self.sent - before >= _OTHERS:
            return Refusal.ALONE
        self.refused[recipient] = self.sent
        is_trial, self.are_on = self.are_on and recipient == self._latest, True
        self._left = max(self._left - is_trial, 0)
        return Refusal.DOUBTFUL if is_answer and self._left else Refusal.CLEAR
