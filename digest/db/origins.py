"""The origins of stored translations and readings, and which of several rows for one text is shown."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from digest.core.models import BY_HAND, Origin


def origin_of(row: Row[Any]) -> Origin:
    return Origin(row.model, row.prompt)


def rank(row: Row[Any], wanted: Origin | None = None) -> tuple[bool, bool, datetime, str, str]:
    """Return a key by which the row to show is the last: the operator's, else that of `wanted`, else the newest."""
    origin = origin_of(row)
    return origin == BY_HAND, origin == wanted, row.made_at, row.model, row.prompt
