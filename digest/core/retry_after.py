"""Parser for the Retry-After header (RFC 9110, section 10.2.3). Pure."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime


def seconds(header: str | None, now: datetime) -> float | None:
    """Return the wait that `header` asks for at `now` (aware), in seconds; None if it is absent or unreadable."""
    value = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d*)?", value, re.ASCII):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - now).total_seconds()) if moment.tzinfo else None
