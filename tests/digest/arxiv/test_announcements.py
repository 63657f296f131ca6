"""Tests of the batch in which a paper was announced, from the feed, the schedule and the identifiers."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.arxiv.announcements import Placed, Sighting, place
from digest.arxiv.calendar import Calendar
from digest.core.models import PaperId

CALENDAR = Calendar(time(8, 50), ZoneInfo("Asia/Shanghai"))
MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 2, day, 1, 0, tzinfo=UTC) for day in (10, 11, 12))
"""Batches, each named by its evening in New York."""
HOUR = timedelta(hours=1)


def sighting(
    number: int, scheduled: datetime, *, listed_at: datetime = WEDNESDAY, named: datetime | None = None
) -> Sighting:
    """Return a paper that was submitted early enough for the batch `scheduled`, in the order of its number."""
    submitted = scheduled - 20 * HOUR + number * timedelta(minutes=1)
    return Sighting(PaperId(f"2602.{number:05d}"), submitted, listed_at, named)


def batches(*sightings: Sighting) -> list[datetime]:
    placed = place(CALENDAR, sightings)
    return [placed[each.paper].batch for each in sightings]


def test_the_schedule_tells_where_nothing_else_does() -> None:
    assert batches(sighting(1, MONDAY), sighting(2, TUESDAY)) == [MONDAY, TUESDAY]


def test_a_feed_knows_better_than_the_schedule() -> None:
    assert batches(sighting(1, MONDAY, named=WEDNESDAY)) == [WEDNESDAY]


def test_a_held_paper_was_announced_with_the_papers_that_have_its_numbers() -> None:
    assert batches(sighting(1, MONDAY), sighting(2, TUESDAY), sighting(3, MONDAY), sighting(4, TUESDAY)) == [
        MONDAY,
        TUESDAY,
        TUESDAY,
        TUESDAY,
    ]


def test_a_held_paper_with_the_highest_number_was_announced_before_it_was_seen() -> None:
    held = sighting(3, MONDAY, listed_at=TUESDAY + HOUR)
    assert batches(sighting(1, MONDAY), sighting(2, TUESDAY), held)[2] == TUESDAY


def test_numbers_may_be_out_of_order_by_minutes() -> None:
    first, second = sighting(2, MONDAY), sighting(1, MONDAY)
    swapped = [
        Sighting(first.paper, second.submitted, WEDNESDAY),
        Sighting(second.paper, first.submitted, WEDNESDAY),
        sighting(3, TUESDAY),
    ]
    assert batches(*swapped) == [MONDAY, MONDAY, TUESDAY]


def test_a_paper_can_have_been_in_any_batch_until_it_was_seen() -> None:
    seen = sighting(1, MONDAY, listed_at=WEDNESDAY + HOUR)
    assert place(CALENDAR, [seen]) == {seen.paper: Placed(MONDAY, WEDNESDAY)}


def test_a_paper_that_shows_after_its_batch_and_another_was_announced_with_its_neighbours() -> None:
    first_look, second_look = MONDAY + HOUR, TUESDAY + HOUR
    on_time = sighting(1, MONDAY, listed_at=first_look)
    held = sighting(2, MONDAY, listed_at=second_look)
    assert batches(on_time, held, sighting(3, TUESDAY, listed_at=second_look))[1] == TUESDAY


def test_a_paper_that_shows_late_within_the_numbers_of_its_batch_was_announced_with_it() -> None:
    first_look, second_look = MONDAY + HOUR, TUESDAY + HOUR
    late = sighting(2, MONDAY, listed_at=second_look)
    assert (
        batches(sighting(1, MONDAY, listed_at=first_look), late, sighting(3, MONDAY, listed_at=first_look))[1]
        == MONDAY
    )
