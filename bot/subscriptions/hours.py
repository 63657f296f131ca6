"""The time at which a digest goes out. Pure: moments come in aware, and go out in UTC."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.core.models import Dispatch, Subject
from digest.arxiv.calendar import Calendar
from digest.core.models import Window

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class UsualTime:
    """The local time at which editions are usually due, and whether they are due from Monday to Friday."""

    hour: time
    on_weekdays: bool


def next_time(after: datetime, hour: time | None, zone: ZoneInfo) -> datetime:
    """Return the first moment at or after `after` when it is `hour` in `zone`, or `after` itself without an `hour`.

    An hour that a change of clocks skips is moved forward by the length of the change. An hour that occurs twice
    counts the first time.
    """
    if hour is None:
        return after.astimezone(UTC)
    day = after.astimezone(zone).date() - _DAY
    while (moment := datetime.combine(day, hour, zone).astimezone(UTC)) < after:
        day += _DAY
    return moment


def due_at(dispatch: Dispatch, hour: time | None, zone: ZoneInfo) -> datetime:
    """Return when a campaign is due for a delivery time `hour` in `zone`. A broadcast is due at once."""
    return next_time(dispatch.due_at, None if dispatch.subject is Subject.BROADCAST else hour, zone)


def usual_time(calendar: Calendar, at: datetime, zone: ZoneInfo) -> UsualTime:
    """Return the time in `zone` of the next edition after `at`; a full week of editions decides about weekdays.

    Holidays are ignored, so that a short week looks like any other.
    """
    plain = replace(calendar, holidays=frozenset())
    first = plain.next_edition(at)
    due = plain.anchor(first).astimezone(zone)
    days = plain.editions(Window(plain.anchor(first) - 7 * _DAY, plain.anchor(first)))
    local = {plain.anchor(day).astimezone(zone).weekday() for day in days}
    return UsualTime(due.time(), max(local) < _SATURDAY)
