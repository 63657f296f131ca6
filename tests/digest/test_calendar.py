from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import calendar
from digest.calendar import NEW_YORK

TEN_YEARS = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
SHANGHAI = ZoneInfo("Asia/Shanghai")


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
    ],
)
def test_a_submission_is_announced_when_the_schedule_says(submitted: datetime, announced: datetime) -> None:
    assert calendar.announced_at(submitted) == announced


@given(TEN_YEARS)
def test_no_announcement_falls_on_a_day_without_one(submitted: datetime) -> None:
    local = calendar.announced_at(submitted).astimezone(NEW_YORK)
    assert local > submitted
    assert (local.hour, local.minute) == (20, 0)
    assert local.weekday() not in (4, 5)
    assert local.date() not in calendar.HOLIDAYS


@given(TEN_YEARS)
def test_the_edition_that_is_due_is_the_newest_whose_anchor_has_passed(at: datetime) -> None:
    day = calendar.due(at, time(8, 50), SHANGHAI)
    assert calendar.anchor(day, time(8, 50), SHANGHAI) <= at
    assert calendar.anchor(date.fromordinal(day.toordinal() + 1), time(8, 50), SHANGHAI) > at


def test_the_anchor_lies_at_the_digest_time_of_the_configured_zone() -> None:
    assert calendar.anchor(date(2026, 2, 12), time(8, 50), SHANGHAI) == datetime(
        2026, 2, 12, 0, 50, tzinfo=UTC
    )
