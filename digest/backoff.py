"""The pause before the next attempt at what failed: doubled each time, up to a longest one. Pure."""

from dataclasses import dataclass
from datetime import timedelta

_MOST_DOUBLINGS = 20  # of half a second they are six days, and a date bears them


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses of first * 2^n, at most `longest`."""

    first: timedelta
    longest: timedelta

    def pause(self, doublings: int) -> timedelta:
        """The pause after so many `doublings`: 0 gives the first."""
        return min(self.first * (1 << min(doublings, _MOST_DOUBLINGS)), self.longest)
