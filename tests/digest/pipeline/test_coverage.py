"""Tests of the time range of a run report, whatever the settings were when its edition was made."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.archive.importing import take_over
from digest.arxiv.calendar import Calendar
from digest.core.models import Window
from digest.pipeline import coverage
from tests.editions import edition, entry

CALENDAR = Calendar(time(8, 50), ZoneInfo("Asia/Shanghai"))
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 2, day) for day in (10, 11, 12, 13))
HOUR = timedelta(hours=1)


def window_of(day: date, *made: date) -> Window:
    return coverage.window_of(CALENDAR, day, {each: CALENDAR.window_of(each) for each in made})


def test_a_day_has_the_window_of_its_edition() -> None:
    assert window_of(WEDNESDAY, TUESDAY, WEDNESDAY) == CALENDAR.window_of(WEDNESDAY)


def test_a_day_whose_edition_is_not_made_follows_the_day_before_it() -> None:
    moved = {TUESDAY: Window(CALENDAR.anchor(TUESDAY) - 24 * HOUR, CALENDAR.anchor(TUESDAY) + 2 * HOUR)}
    window = coverage.window_of(CALENDAR, WEDNESDAY, moved)
    assert window == Window(CALENDAR.anchor(TUESDAY) + 2 * HOUR, CALENDAR.anchor(WEDNESDAY))


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/London", "America/Los_Angeles"])
def test_the_windows_of_the_days_follow_each_other_without_gaps(zone: str) -> None:
    made = {day: CALENDAR.window_of(day) for day in (TUESDAY, THURSDAY)}
    now = Calendar(time(22, 0), ZoneInfo(zone))
    windows = [coverage.window_of(now, day, made) for day in (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)]
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]
    assert windows[0].start == made[TUESDAY].start
    assert all(window.start <= window.end for window in windows)


async def test_a_post_whose_window_ends_before_that_of_the_day_before_it_is_accounted_for(
    engine: AsyncEngine,
) -> None:
    first, second = edition(entry(1)), edition(entry(2))
    window = CALENDAR.window_of(TUESDAY)
    for made, day in ((first, TUESDAY), (second, WEDNESDAY)):
        await take_over(
            engine,
            replace(made, date=day, window=window),
            datetime.fromisoformat("2026-03-01T00:00:00+00:00"),
        )
    days = await coverage.between(engine, CALENDAR, TUESDAY, WEDNESDAY)
    assert [(each.listed, each.shown, each.unexplained) for each in days] == [(1, 1, ()), (1, 1, ())]
