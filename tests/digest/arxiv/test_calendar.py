"""Tests of the announcement calendar, over ten years and in every time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.arxiv import calendar
from digest.arxiv.calendar import HOLIDAYS, NEW_YORK, Calendar
from digest.core.models import Window

DAY = timedelta(days=1)
SHANGHAI = Calendar(time(8, 50), ZoneInfo("Asia/Shanghai"))
MOMENTS = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
DAYS = st.dates(date(2025, 1, 1), date(2035, 1, 1))
ZONES = st.sampled_from(
    [
        *("Asia/Shanghai", "UTC", "Europe/London", "Australia/Lord_Howe", "Pacific/Auckland"),
        *("America/New_York", "America/Los_Angeles", "Pacific/Kiritimati", "Etc/GMT+12"),
        # 20:00 in New York is about midnight in these:
        *("Atlantic/Azores", "Atlantic/Cape_Verde", "America/Nuuk", "Africa/Casablanca"),
    ]
)
HOLIDAYS_TOO = st.frozensets(DAYS, max_size=5).map(calendar.with_holidays)
TIMES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))
CALENDARS = st.builds(Calendar, st.none() | TIMES, ZONES.map(ZoneInfo), HOLIDAYS_TOO)
WHEN_ANNOUNCED = st.builds(Calendar, st.none(), ZONES.map(ZoneInfo), HOLIDAYS_TOO)


def eastern(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=NEW_YORK)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("submitted", "announced"),
    [
        (eastern(2026, 2, 9, 13, 59), eastern(2026, 2, 9, 20)),
        (eastern(2026, 2, 9, 14, 0), eastern(2026, 2, 10, 20)),
        (eastern(2026, 2, 12, 14, 0), eastern(2026, 2, 15, 20)),
        (eastern(2026, 2, 13, 13, 59), eastern(2026, 2, 15, 20)),
        (eastern(2026, 2, 13, 14, 0), eastern(2026, 2, 16, 20)),
        (eastern(2026, 2, 15, 12, 0), eastern(2026, 2, 16, 20)),
        (eastern(2026, 1, 16, 15, 0), eastern(2026, 1, 20, 20)),
        (eastern(2026, 7, 2, 15, 0), eastern(2026, 7, 6, 20)),
        (eastern(2026, 3, 8, 1, 30), eastern(2026, 3, 9, 20)),
        (eastern(2026, 11, 1, 1, 30), eastern(2026, 11, 2, 20)),
    ],
)
def test_a_submission_is_announced_when_the_schedule_says(submitted: datetime, announced: datetime) -> None:
    assert SHANGHAI.announced_at(submitted) == announced


@given(CALENDARS, MOMENTS)
def test_no_announcement_falls_on_a_day_without_one(schedule: Calendar, submitted: datetime) -> None:
    local = schedule.announced_at(submitted).astimezone(NEW_YORK)
    assert local > submitted
    assert (local.hour, local.minute) == (20, 0)
    assert local.weekday() not in (4, 5)
    assert local.date() not in schedule.holidays


@given(CALENDARS, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_what_is_submitted_later_is_never_announced_earlier(
    schedule: Calendar, submitted: datetime, later: timedelta
) -> None:
    assert schedule.announced_at(submitted) <= schedule.announced_at(submitted + later)


@given(CALENDARS, MOMENTS)
def test_every_batch_is_one_that_something_can_be_submitted_for(schedule: Calendar, moment: datetime) -> None:
    batch = schedule.newest(moment)
    assert batch in {schedule.announced_at(batch - timedelta(hours=hours)) for hours in range(7, 57)}


@pytest.mark.parametrize("friday", [date(2026, 6, 19), date(2026, 7, 3), date(2026, 12, 25)])
def test_the_sunday_after_a_holiday_on_friday_announces_nothing(friday: date) -> None:
    assert not SHANGHAI.announces(friday + 2 * DAY)
    assert SHANGHAI.announces(friday + 3 * DAY)


@given(CALENDARS, MOMENTS)
def test_every_batch_is_in_exactly_one_window(schedule: Calendar, moment: datetime) -> None:
    batch = schedule.newest(moment)
    day = schedule.edition_of(batch)
    around = [day + n * DAY for n in range(-2, 3)]
    assert [each for each in around if batch in schedule.batches(schedule.window_of(each))] == [day]


@given(CALENDARS, MOMENTS, st.integers(1, 40))
def test_the_windows_of_days_in_a_row_hold_all_batches_between_them(
    schedule: Calendar, moment: datetime, count: int
) -> None:
    first = schedule.due(moment)
    windows = [schedule.window_of(first + n * DAY) for n in range(count)]
    together = [batch for window in windows for batch in schedule.batches(window)]
    assert together == list(schedule.batches(Window(windows[0].start, windows[-1].end)))
    assert together == sorted(set(together))


@given(CALENDARS, MOMENTS)
def test_the_edition_that_is_due_is_the_newest_whose_anchor_has_passed(
    schedule: Calendar, at: datetime
) -> None:
    day = schedule.due(at)
    assert schedule.anchor(day) <= at < schedule.anchor(day + DAY)


@given(CALENDARS, MOMENTS)
def test_the_feeds_hold_what_was_announced_before_the_last_midnight(schedule: Calendar, at: datetime) -> None:
    fed = schedule.fed(at)
    assert fed <= schedule.newest(at)
    assert calendar.fed_day(fed) <= at.astimezone(NEW_YORK).date()
    assert not schedule.batches(Window(fed, datetime.combine(at.astimezone(NEW_YORK), time(), NEW_YORK)))


@given(CALENDARS, MOMENTS)
def test_the_next_edition_has_a_batch(schedule: Calendar, at: datetime) -> None:
    day = schedule.next_edition(at)
    assert schedule.anchor(day) > at
    assert schedule.batches(schedule.window_of(day))


@given(WHEN_ANNOUNCED, MOMENTS)
def test_when_announced_each_batch_has_the_date_of_its_announcement_to_itself(
    schedule: Calendar, moment: datetime
) -> None:
    batch = schedule.newest(moment)
    day = schedule.edition_of(batch)
    assert day == batch.astimezone(schedule.zone).date()
    assert schedule.anchor(day) == batch
    assert schedule.batches(schedule.window_of(day)) == (batch,)
    assert schedule.due(batch) == day


@pytest.mark.parametrize(
    ("zone", "batch", "edition", "clock"),
    [
        ("Asia/Shanghai", eastern(2026, 2, 8, 20), date(2026, 2, 9), "09:00"),
        ("Asia/Shanghai", eastern(2026, 7, 12, 20), date(2026, 7, 13), "08:00"),
        ("America/Los_Angeles", eastern(2026, 2, 8, 20), date(2026, 2, 8), "17:00"),
        ("America/New_York", eastern(2026, 7, 12, 20), date(2026, 7, 12), "20:00"),
        ("Pacific/Auckland", eastern(2026, 1, 8, 20), date(2026, 1, 9), "14:00"),
        ("Atlantic/Cape_Verde", eastern(2026, 1, 8, 20), date(2026, 1, 9), "00:00"),
        ("Atlantic/Cape_Verde", eastern(2026, 7, 9, 20), date(2026, 7, 9), "23:00"),
    ],
)
def test_when_announced_the_anchor_is_the_announcement(
    zone: str, batch: datetime, edition: date, clock: str
) -> None:
    schedule = Calendar(None, ZoneInfo(zone))
    assert schedule.edition_of(batch) == edition
    assert f"{schedule.anchor(edition).astimezone(schedule.zone):%Y-%m-%d %H:%M}" == f"{edition} {clock}"


def test_when_announced_a_day_without_an_announcement_ends_when_there_would_have_been_one() -> None:
    schedule = Calendar(None, ZoneInfo("Asia/Shanghai"))
    saturday = date(2026, 2, 14)
    assert schedule.anchor(saturday) == eastern(2026, 2, 13, 20)
    assert schedule.batches(schedule.window_of(saturday)) == ()


@pytest.mark.parametrize(
    ("batch", "edition"),
    [
        (eastern(2026, 2, 9, 20), date(2026, 2, 11)),  # 09:00 in Shanghai, after the anchor
        (eastern(2026, 7, 13, 20), date(2026, 7, 14)),  # 08:00, before it
        (eastern(2026, 3, 8, 20), date(2026, 3, 9)),  # the clocks went forward the night before
        (eastern(2026, 11, 1, 20), date(2026, 11, 3)),  # and back
    ],
)
def test_a_batch_belongs_to_the_first_edition_whose_anchor_it_does_not_miss(
    batch: datetime, edition: date
) -> None:
    assert SHANGHAI.edition_of(batch) == edition


def test_days_without_an_announcement_have_no_edition() -> None:
    november = Window(SHANGHAI.anchor(date(2026, 11, 20)), SHANGHAI.anchor(date(2026, 12, 1)))
    # The 26th, Thanksgiving, announces nothing; in Shanghai that evening's edition would be the 28th.
    days = [day.day for day in SHANGHAI.editions(november)]
    assert days == [21, 24, 25, 26, 27, 1]


def test_an_extra_holiday_moves_its_batch_to_the_next() -> None:
    schedule = Calendar(time(8, 50), SHANGHAI.zone, calendar.with_holidays([date(2026, 2, 10)]))
    assert schedule.announced_at(eastern(2026, 2, 10, 9)) == eastern(2026, 2, 11, 20)
    assert date(2026, 1, 1) in schedule.holidays


def test_the_published_holidays_of_2026_are_known() -> None:
    published = {(1, 1), (1, 19), (6, 19), (7, 3), (9, 7), (11, 26), (12, 25), (12, 29), (12, 31)}
    assert {(day.month, day.day) for day in HOLIDAYS if day.year == 2026} == published
