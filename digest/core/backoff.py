"""Exponential backoff: the pause before the next attempt doubles each time, up to a maximum. Pure."""

from dataclasses import dataclass
from datetime import timedelta

_MOST_DOUBLINGS = 20  # half a second becomes six days, which a timedelta can still hold


@dataclass(frozen=True, slots=True)
class Backoff:
    """A policy of pauses: min(first * 2^n, longest)."""

    first: timedelta
    longest: timedelta

    def pause(self, doublings: int) -> timedelta:
        """Return the pause after `doublings` doublings; 0 gives `first`."""
        return min(self.first * (1 << min(doublings, _MOST_DOUBLINGS)), self.longest)
