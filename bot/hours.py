"""When a digest goes out to those who named an hour. Pure: moments come in aware, and go out in UTC."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def next_time(after: datetime, hour: time | None, zone: ZoneInfo) -> datetime:
    """The first moment from `after` on at which it is `hour` in `zone`; `after` itself where no hour is named.

    An hour that the change of clocks leaves out comes as much later as the clocks move; one that it repeats, the
    first time.
    """
    if hour is None:
        return after.astimezone(UTC)
    day = after.astimezone(zone).date() - _DAY
    while (moment := datetime.combine(day, hour, zone).astimezone(UTC)) < after:
        day += _DAY
    return moment
