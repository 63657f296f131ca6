"""The Retry-After header: how long a server wants to be left alone (RFC 9110, 10.2.3)."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime


def seconds(header: str | None, now: datetime) -> float | None:
    """The wait that `header` asks for at `now` (aware), in seconds; None where it asks for none that can be read."""
    value = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d*)?", value, re.ASCII):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - now).total_seconds()) if moment.tzinfo else None
