"""When arXiv announces, and which day's edition is due. Pure: times come in aware, and go out in UTC.

The schedule is https://info.arxiv.org/help/availability.html: announcements at 20:00 America/New_York from
Sunday to Thursday. What is submitted until 14:00 from Monday to Thursday is announced that evening; until
Friday 14:00, on Sunday; until Monday 14:00, on Monday. A holiday has no announcement, and what would have been
in it joins the next.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
_CUT_OFF = time(14)
_ANNOUNCEMENT = time(20)
_FRIDAY = 4
# https://info.arxiv.org/help/availability.html; arXiv publishes each year's late in the year before.
HOLIDAYS = frozenset(
    {
        *(date(2025, month, day) for month, day in ((9, 1), (11, 27), (12, 25), (12, 30), (12, 31))),
        *(date(2026, month, day) for month, day in ((1, 1), (1, 19), (6, 19), (7, 3), (9, 7))),
        *(date(2026, month, day) for month, day in ((11, 26), (12, 25), (12, 29), (12, 31))),
    }
)


def announced_at(submitted: datetime) -> datetime:
    """The first announcement that a paper submitted at `submitted` can be in; moderation may hold it longer."""
    local = submitted.astimezone(NEW_YORK)
    closing = local.date() if local.time() < _CUT_OFF else local.date() + timedelta(days=1)
    while closing.weekday() > _FRIDAY or closing in HOLIDAYS:
        closing += timedelta(days=1)
    evening = closing + timedelta(days=2) if closing.weekday() == _FRIDAY else closing
    while evening.weekday() in (_FRIDAY, _FRIDAY + 1) or evening in HOLIDAYS:
        evening += timedelta(days=1)
    return datetime.combine(evening, _ANNOUNCEMENT, NEW_YORK).astimezone(UTC)


def anchor(day: date, digest_time: time, zone: ZoneInfo) -> datetime:
    """The moment at which the window of the edition of `day` ends."""
    return datetime.combine(day, digest_time, zone).astimezone(UTC)


def due(at: datetime, digest_time: time, zone: ZoneInfo) -> date:
    """The date of the newest edition whose anchor lies at or before `at`."""
    today = at.astimezone(zone).date()
    return today if anchor(today, digest_time, zone) <= at else today - timedelta(days=1)
