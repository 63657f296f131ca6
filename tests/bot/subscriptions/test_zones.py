"""Tests of time zones by the names that people type."""

from zoneinfo import ZoneInfo

import pytest

from bot.subscriptions import preferences


@pytest.mark.parametrize(
    ("given", "zone"),
    [
        ("Asia/Shanghai", "Asia/Shanghai"),
        ("europe/berlin", "Europe/Berlin"),
        ("new  york", "America/New_York"),
        ("Beijing", "Asia/Shanghai"),
        ("北京", "Asia/Shanghai"),
        ("北京时间", "Asia/Shanghai"),
        ("San Francisco", "America/Los_Angeles"),
        ("UTC+8", "Etc/GMT-8"),
        ("GMT -03:00", "Etc/GMT+3"),
        ("UTC\uff0b8", "Etc/GMT-8"),
        ("UTC+0", "UTC"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_is_found_by_the_names_that_people_use(given: str, zone: str) -> None:
    assert preferences.parse_zone(given) == ZoneInfo(zone)


@pytest.mark.parametrize("given", ["", "Moon", "UTC+25", "UTC+5:30", "../../etc/passwd", "UTC+٨"])
def test_what_is_no_zone_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="no zone has that name"):
        preferences.parse_zone(given)


@pytest.mark.parametrize("given", ["UTC+8", "UTC-11", "Europe/Berlin", "UTC"])
def test_a_zone_is_shown_as_it_was_given(given: str) -> None:
    assert preferences.zone_name(preferences.parse_zone(given)) == given


def test_every_other_name_belongs_to_a_zone() -> None:
    assert all(preferences.parse_zone(name) for name in preferences._OTHERS)
