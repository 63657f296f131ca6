"""Tests of the warning that the digest would be a day old, for zones all over the world."""

from datetime import date

import pytest

from bot.doctor.findings import Diagnosis, Health, found
from bot.doctor.machine import digest_time
from bot.settings import given

TODAY = date(2026, 11, 28)


async def told(time: str, zone: str = "Asia/Shanghai") -> Diagnosis:
    return await found("digest time", digest_time(given(digest_time=time, timezone=zone), TODAY))


@pytest.mark.parametrize(
    ("time", "zone"),
    [
        ("09:00", "Asia/Shanghai"),
        ("12:30", "Asia/Shanghai"),
        ("17:00", "America/Los_Angeles"),
        ("20:00", "America/New_York"),
        ("02:00", "Europe/Berlin"),
        ("10:30", "Asia/Tokyo"),
    ],
)
async def test_a_time_after_the_announcement_is_in_order(time: str, zone: str) -> None:
    finding = await told(time, zone)
    assert finding.health is Health.OK
    assert f"in {zone}" in finding.sentence


@pytest.mark.parametrize(
    ("time", "zone", "season", "hours"),
    [
        ("08:50", "Asia/Shanghai", "in winter", 24),
        ("08:00", "Asia/Shanghai", "in winter", 23),
        ("07:30", "Asia/Shanghai", "all year", 24),
        ("00:30", "UTC", "in winter", 24),
        ("08:00", "America/Los_Angeles", "all year", 15),
        ("10:30", "Australia/Sydney", "for a part of the year", 24),
    ],
)
async def test_a_time_before_the_announcement_is_told_with_its_season(
    time: str, zone: str, season: str, hours: int
) -> None:
    finding = await told(time, zone)
    assert finding.health is Health.UNSURE
    assert f"{time} is before the announcement {season}" in finding.sentence
    assert f"the day before, {hours} hours earlier" in finding.sentence


async def test_without_a_fixed_time_the_hours_of_the_announcement_are_told() -> None:
    finding = await told("announced")
    assert (finding.health, finding.sentence) == (
        Health.OK,
        "as soon as the day's batch is complete; arXiv announces at 08:00 or 09:00 in Asia/Shanghai",
    )
