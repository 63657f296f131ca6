"""Exponential backoff, and the Retry-After header (RFC 9110, section 10.2.3). Pure.

The pause before the next attempt doubles each time, up to a maximum.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

_MOST_DOUBLINGS = 20  # half a second becomes six days, which a timedelta can still hold


@dataclass(frozen=True, slots=True)
class Backoff:
    """A policy of pauses: min(first * 2^n, longest)."""

    first: timedelta
    longest: timedelta

    def pause(self, doublings: int) -> timedelta:
        """Return the pause after `doublings` doublings; 0 gives `first`."""
        return min(self.first * (1 << min(doublings, _MOST_DOUBLINGS)), self.longest)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return the wait that `header` asks for at `now` (aware), in seconds; None if it is absent or unreadable."""
    value = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d*)?", value, re.ASCII):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - now).total_seconds()) if moment.tzinfo else None
