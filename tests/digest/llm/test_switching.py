"""The digest time and the zone may change at any moment: each batch is still shown once, and never early."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.arxiv.announcements import Placed
from digest.arxiv.calendar import Calendar
from digest.core.models import CatchUp, ClosedEdition, Window
from digest.pipeline import closing_rules
from digest.pipeline.closing_rules import Candidate
from tests.papers import paper

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
FIXED, ANNOUNCED = Calendar(time(8, 50), SHANGHAI), Calendar(None, SHANGHAI)
SCHEDULES = st.builds(
    Calendar,
    st.none() | st.sampled_from([time(0, 30), time(8, 50), time(12), time(22)]),
    st.sampled_from(["Asia/Shanghai", "America/Los_Angeles", "Pacific/Auckland", "UTC"]).map(ZoneInfo),
)
WINTER, SUMMER, SPRING = (datetime(2026, month, 6, tzinfo=UTC) for month in (2, 7, 3))
"""Fridays; two days after the one in March New York's clocks go forward."""


class Play:
    """A simulation that collects editions: a run every three hours, one paper in each batch, and no waiting."""

    def __init__(self, begin: datetime) -> None:
        self.at = begin
        batches = ANNOUNCED.batches(Window(begin, begin + 40 * DAY))
        self.waiting = [
            Candidate(paper(number, submitted=batch - 10 * HOUR), batch, Placed(batch, batch))
            for number, batch in enumerate(batches, start=1)
        ]
        self.begin = self.at
        self.made: list[tuple[ClosedEdition, tuple[datetime, ...], datetime]] = []

    def run(self, schedule: Calendar, until: datetime) -> None:
        while self.at < until:
            while self._close(schedule):
                pass
            self.at += 3 * HOUR

    def _close(self, schedule: Calendar) -> bool:
        last = self.made[-1][0] if self.made else None
        there = [each for each in self.waiting if each.placed.batch <= self.at]
        days = closing_rules.open_days(schedule, last, self.begin, self.at, there)
        assert last is None or bool(days) == closing_rules.has_open_day(schedule, last, self.at)
        windows = {day: closing_rules.window(schedule, day, last) for day in days}
        day = closing_rules.chosen(windows, [each.placed.batch for each in there], CatchUp.EACH)
        if day is None:
            return False
        gathered = closing_rules.gather(windows[day], there, {"cs.SD"})
        shown = (*gathered.own, *gathered.late)
        self.waiting = [each for each in self.waiting if each not in shown]
        edition = ClosedEdition(day, gathered.window, "zh-CN", ("cs.SD",), len(shown), (), self.at)
        self.made.append((edition, tuple(each.placed.batch for each in shown), self.at))
        return True

    def judge(self) -> None:
        """Assert that each batch is shown once, in order, not early, within two days; windows are contiguous."""
        editions = [edition for edition, _, _ in self.made]
        days = [edition.date for edition in editions]
        assert days == sorted(set(days))
        for earlier, later in itertools.pairwise(editions):
            assert earlier.window.end == later.window.start < later.window.end
        shown = [batch for _, batches, _ in self.made for batch in batches]
        announced = ANNOUNCED.batches(Window(self.begin, self.at))
        assert shown == list(announced[: len(shown)])
        assert set(announced) - set(shown) <= {batch for batch in announced if batch > self.at - 3 * DAY}
        for edition, batches, at in self.made:
            assert all(edition.window.start < batch <= edition.window.end <= at for batch in batches)
            assert all(edition.window.end - batch <= 3 * DAY for batch in batches)


def play(begin: datetime, schedules: Sequence[tuple[Calendar, timedelta]]) -> Play:
    played = Play(begin)
    for schedule, span in schedules:
        played.run(schedule, played.at + span)
    return played


@given(
    st.sampled_from([WINTER, SUMMER, SPRING]),
    st.lists(st.tuples(SCHEDULES, st.timedeltas(3 * HOUR, 6 * DAY)), min_size=2, max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_settings_change_to_each_batch_is_shown_once(
    begin: datetime, schedules: list[tuple[Calendar, timedelta]]
) -> None:
    play(begin, [*schedules, (schedules[-1][0], 8 * DAY)]).judge()


@pytest.mark.parametrize("begin", [WINTER, SUMMER])
@pytest.mark.parametrize(("before", "after"), [(FIXED, ANNOUNCED), (ANNOUNCED, FIXED)])
def test_a_switch_delays_no_batch_by_more_than_the_day_that_is_taken(
    begin: datetime, before: Calendar, after: Calendar
) -> None:
    for hours in range(6 * 24, 13 * 24, 12):
        played = play(begin, [(before, hours * HOUR), (after, 8 * DAY)])
        played.judge()
        assert max(edition.window.end - min(batches) for edition, batches, _ in played.made) < 2 * DAY


def test_a_batch_whose_date_is_taken_comes_on_the_next_day_though_that_has_none_of_its_own() -> None:
    """Friday's edition closed at 08:50 in winter; the batch of 09:00 would be Friday's too."""
    friday = date(2026, 2, 13)
    last = ClosedEdition(friday, FIXED.window_of(friday), "zh-CN", (), 0, (), FIXED.anchor(friday))
    saturday = friday + DAY
    batch = ANNOUNCED.anchor(friday)
    assert closing_rules.edition_of(ANNOUNCED, batch, last) == saturday
    assert closing_rules.own_batches(ANNOUNCED, saturday, last) == (batch,)
    at = ANNOUNCED.anchor(saturday)
    assert closing_rules.open_days(ANNOUNCED, last, at, at, []) == [saturday]
    assert not closing_rules.is_quiet(ANNOUNCED, last, at)
    assert closing_rules.deadline(ANNOUNCED, saturday, last) == at + HOUR


def test_a_day_whose_batch_was_shown_before_a_switch_is_quiet() -> None:
    """Wednesday's edition closed over the batch of 09:00 in winter; at 08:50 on Thursday nothing is new."""
    wednesday = date(2026, 2, 11)
    last = ClosedEdition(
        wednesday, ANNOUNCED.window_of(wednesday), "zh-CN", (), 0, (), ANNOUNCED.anchor(wednesday)
    )
    thursday = FIXED.anchor(wednesday + DAY)
    assert closing_rules.is_quiet(FIXED, last, thursday)
    assert not closing_rules.has_open_day(FIXED, last, thursday)
    assert closing_rules.has_open_day(FIXED, last, thursday + DAY)
