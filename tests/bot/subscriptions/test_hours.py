from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bot.subscriptions import preferences
from digest.arxiv.calendar import Calendar

NEW_YORK = ZoneInfo("America/New_York")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_without_an_hour_it_is_at_once() -> None:
    moment = datetime(2026, 2, 12, 0, 50, tzinfo=UTC)
    assert preferences.next_time(moment, None, SHANGHAI) == moment


@pytest.mark.parametrize(
    ("hour", "zone", "expected"),
    [
        (time(8, 50), SHANGHAI, datetime(2026, 2, 12, 0, 50, tzinfo=UTC)),
        (time(8, 49), SHANGHAI, datetime(2026, 2, 13, 0, 49, tzinfo=UTC)),
        (time(22, 0), SHANGHAI, datetime(2026, 2, 12, 14, 0, tzinfo=UTC)),
        (time(7, 0), NEW_YORK, datetime(2026, 2, 12, 12, 0, tzinfo=UTC)),
        (time(20, 0), NEW_YORK, datetime(2026, 2, 12, 1, 0, tzinfo=UTC)),
        (time(0, 0), ZoneInfo("Pacific/Kiritimati"), datetime(2026, 2, 12, 10, 0, tzinfo=UTC)),
    ],
)
def test_an_hour_is_the_first_from_the_edition_on(hour: time, zone: ZoneInfo, expected: datetime) -> None:
    assert preferences.next_time(datetime(2026, 2, 12, 0, 50, tzinfo=UTC), hour, zone) == expected


def test_an_hour_that_clocks_leave_out_comes_once_an_hour_later() -> None:
    before = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)  # midnight in New York, before clocks spring forward
    moment = preferences.next_time(before, time(2, 30), NEW_YORK)
    assert moment == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert moment.astimezone(NEW_YORK).hour == 3


def test_an_hour_that_clocks_repeat_comes_the_first_time() -> None:
    before = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert preferences.next_time(before, time(1, 30), NEW_YORK) == first
    after = datetime(2026, 11, 1, 5, 31, tzinfo=UTC)
    assert preferences.next_time(after, time(1, 30), NEW_YORK) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("announced", "hour", "expected"),
    [
        (datetime(2026, 2, 12, 1, 0, tzinfo=UTC), time(8, 30), datetime(2026, 2, 13, 0, 30, tzinfo=UTC)),
        (datetime(2026, 2, 12, 1, 0, tzinfo=UTC), time(9, 0), datetime(2026, 2, 12, 1, 0, tzinfo=UTC)),
        (datetime(2026, 7, 14, 0, 0, tzinfo=UTC), time(8, 30), datetime(2026, 7, 14, 0, 30, tzinfo=UTC)),
        (datetime(2026, 7, 14, 0, 0, tzinfo=UTC), time(7, 0), datetime(2026, 7, 14, 23, 0, tzinfo=UTC)),
    ],
)
def test_an_hour_before_the_announcement_is_that_of_the_next_morning(
    announced: datetime, hour: time, expected: datetime
) -> None:
    assert preferences.next_time(announced, hour, SHANGHAI) == expected


@pytest.mark.parametrize(
    ("digest_time", "zone", "expected"),
    [
        (None, SHANGHAI, preferences.UsualTime(time(9), on_weekdays=True)),
        (None, NEW_YORK, preferences.UsualTime(time(20), on_weekdays=False)),  # Sunday to Thursday
        (time(9, 30), SHANGHAI, preferences.UsualTime(time(9, 30), on_weekdays=True)),
        (time(8, 50), SHANGHAI, preferences.UsualTime(time(8, 50), on_weekdays=False)),  # Tuesday to Saturday
    ],
)
def test_the_usual_time_is_that_of_the_next_edition_in_the_zone_of_the_subscriber(
    digest_time: time | None, zone: ZoneInfo, expected: preferences.UsualTime
) -> None:
    calendar = Calendar(digest_time, SHANGHAI)
    assert preferences.usual_time(calendar, datetime(2026, 2, 12, 5, tzinfo=UTC), zone) == expected
