"""Trials after a refusal of us: which recipients to try until one is served or the channel is clearly refused.

One recipient's refusal may concern only them, and a list may contain many adjacent addresses that do not exist. So a
few others are tried, one at a time, before the channel counts as refused. Pure: no database and no clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt

_TRIALS = 3  # on a half-dead list one in eight would look refused
_OTHERS = (
    3  # messages accepted between two refusals of one recipient: then the refusal concerns only that one
)
_GOLDEN = (sqrt(5) - 1) / 2  # the fractional parts of its multiples are spread evenly between 0 and 1


class Refusal(StrEnum):
    """The meaning of a refusal of us."""

    ALONE = "alone"
    """It concerns only this recipient."""
    DOUBTFUL = "doubtful"
    """Others have to be tried."""
    CLEAR = "clear"
    """The channel refuses us."""


@dataclass
class Trials:
    """The results for the recipients of a channel, kept across its pauses. Recipients are subscriber ids."""

    sent: int = 0
    """The number of accepted messages."""
    are_on: bool = False
    """True if one message at a time is sent, because the latest answer is a refusal of us."""
    refused: dict[int, int] = field(default_factory=dict)
    """Recipients who met a refusal of us and go last, with the number of messages accepted by then."""
    _left: int = _TRIALS
    _begun: int = 0
    _latest: int | None = None
    """The recipient of the current trial."""

    def place(self, count: int) -> int:
        """Return the position of the next recipient to try among `count`: far from the previous ones."""
        self._begun += 1
        return int(count * (self._begun * _GOLDEN % 1))

    def try_on(self, recipient: int) -> None:
        """Record that the next result of `recipient` is a trial."""
        self._latest = recipient

    def served(self, recipient: int) -> None:
        """Record that a message was accepted, so we are not refused."""
        self.sent += 1
        self.are_on, self._left = False, _TRIALS
        self.refused.pop(recipient, None)

    def met(self, recipient: int, *, is_answer: bool) -> Refusal:
        """Record a refusal of us for `recipient`, and return its meaning; `is_answer`: it is the answer to a single
        message.
        """
        before = self.refused.get(recipient, self.sent)
        if is_answer and not self.are_on and self.sent - before >= _OTHERS:
            return Refusal.ALONE
        self.refused[recipient] = self.sent
        is_trial, self.are_on = self.are_on and recipient == self._latest, True
        self._left = max(self._left - is_trial, 0)
        return Refusal.DOUBTFUL if is_answer and self._left else Refusal.CLEAR
