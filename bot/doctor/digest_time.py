"""Check of DIGEST_TIME: a digest before the announcement is a day old."""

from datetime import date, datetime, time, timedelta

from bot.doctor.findings import UnsureError
from bot.settings import Settings
from digest.arxiv.calendar import NEW_YORK, announcement

_DAY = timedelta(days=1)
_YEAR_DAYS = 365
_SEASONS = {
    frozenset({True, False}): "all year",
    frozenset({False}): "in winter (November to March)",
    frozenset({True}): "in summer (March to November)",
}
"""Keys are the values of New York's daylight saving time."""


async def digest_time(settings: Settings, today: date) -> str:
    """Return when arXiv announces, in TIMEZONE. Raises UnsureError if DIGEST_TIME lies before that."""
    year = [announcement(today + n * _DAY).astimezone(settings.timezone) for n in range(_YEAR_DAYS)]
    hours = " or ".join(sorted({f"{each:%H:%M}" for each in year}))
    announces = f"arXiv announces at {hours} in {settings.timezone.key}"
    fixed = settings.digest_time
    if fixed is None:
        return f"as soon as the day's batch is complete; {announces}"
    missed = [each for each in year if fixed < each.time()]
    if not missed:
        return f"{fixed:%H:%M}; {announces}"
    hours_old = max(_age(each, fixed) for each in missed) / timedelta(hours=1)
    raise UnsureError(
        f"{fixed:%H:%M} lies before the announcement {_season(missed, year)}: {announces}. The edition then shows what "
        f"was announced the day before, {hours_old:.0f} hours earlier. With DIGEST_TIME=announced it comes as soon as "
        "the day's batch is complete."
    )


def _age(announced: datetime, fixed: time) -> timedelta:
    """Return the age of papers `announced` then at the next `fixed` time of day."""
    return datetime.combine(announced.date() + _DAY, fixed, announced.tzinfo) - announced


def _season(missed: list[datetime], year: list[datetime]) -> str:
    """Return the season of the `missed` announcements of the `year`."""
    seasons = frozenset(map(_is_summer, missed))
    whole = len(missed) == sum(_is_summer(each) in seasons for each in year)
    return _SEASONS[seasons] if whole else "for a part of the year"


def _is_summer(moment: datetime) -> bool:
    return bool(moment.astimezone(NEW_YORK).dst())
