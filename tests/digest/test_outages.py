"""Missed papers are recovered, with the date of their announcement: feeds that are down, holidays that are unknown."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.arxiv.calendar import Calendar, announcement
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed
from digest.core.models import ClosedEdition
from digest.db import editions
from digest.db import engine as database
from digest.pipeline import close_editions
from digest.pipeline.close_editions import ClosingOutcome, ClosingState
from digest.pipeline.ingest import Sources
from digest.pipeline.open_days import EditionPlan
from digest.pipeline.selection import SelectionRules
from tests.fakes.arxiv import FakeArxiv
from tests.papers import paper

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = date(2026, 7, 13)
"""An evening in New York, whose batch is Tuesday's in Shanghai."""
PATIENCE = FetchPolicy(attempts=1, wait_initial=0.001, wait_max=0.001)


@dataclass
class Follower:
    """A program that collects, with its arXiv; papers are visible three hours after their announcement."""

    engine: AsyncEngine
    arxiv: FakeArxiv
    sources: Sources
    plan: EditionPlan
    evenings: dict[int, date] = field(default_factory=dict)
    at: datetime = datetime(2026, 7, 1, tzinfo=UTC)

    def submit(self, number: int, due: date, announced: date | None = None) -> None:
        """Submit paper `number` for the batch of the evening `due`; arXiv announces it on that of `announced`."""
        self.evenings[number] = announced or due
        hours = 60 if due.isoweekday() == 7 else 10
        self.arxiv.papers.append(paper(number, submitted=announcement(due) - hours * HOUR))

    async def look(self, at: datetime, *, patient: bool = False) -> ClosingOutcome:
        """Run at `at`, and wait if the run is `patient`."""
        hidden = self.arxiv.papers

        def show(now: datetime) -> None:
            self.arxiv.papers = [
                each
                for each in hidden
                if announcement(self.evenings[int(str(each.id)[5:])]) + 3 * HOUR <= now
            ]

        async def pause(by: timedelta) -> datetime:
            self.at += by
            show(self.at)
            return self.at

        self.at = at
        show(at)
        try:
            return await close_editions.close(
                self.engine, self.sources, self.plan, at, lambda _: None, pause if patient else None
            )
        finally:
            self.arxiv.papers = hidden

    async def made(self) -> dict[date, tuple[list[int], int]]:
        """Return the papers of each edition, by number, and how many of them are late."""
        async with database.reading(self.engine) as connection:
            days = await editions.between(connection, date.min, date.max)
            found = [await editions.find(connection, day) for day in days]
        return {each.date: (_numbers(each), each.late) for each in found if each}


def _numbers(edition: ClosedEdition) -> list[int]:
    return sorted(int(str(version.paper)[5:]) for version in edition.versions)


@asynccontextmanager
async def following(folder: Path, template: Path) -> AsyncIterator[Follower]:
    """A follower whose first edition, of Friday the 10th, is made."""
    shutil.copy(template, folder / "looks.db")
    engine = database.open_engine(f"sqlite:///{folder}/looks.db")
    arxiv = FakeArxiv()
    plan = EditionPlan(Calendar(None, ZoneInfo("Asia/Shanghai")), "zh-CN", SelectionRules(("cs.SD",)))
    async with arxiv.serve() as url, open_client(None, PATIENCE) as client:
        arxiv_client = ArxivClient(client, interval=0, patience=PATIENCE)
        sources = Sources(
            QueryApi(arxiv_client, f"{url}/api/query"), AnnouncementFeed(arxiv_client, f"{url}/rss")
        )
        it = Follower(engine, arxiv, sources, plan)
        it.submit(1, MONDAY - 4 * DAY)
        await it.look(announcement(MONDAY - 4 * DAY) + 7 * HOUR)
        yield it
    await engine.dispose()


async def test_no_paper_is_dated_before_its_announcement_after_a_holiday_that_nobody_knew(
    tmp_path: Path, sqlite_template: Path
) -> None:
    async with following(tmp_path, sqlite_template) as it:
        it.submit(2, MONDAY, announced=MONDAY + DAY)
        it.submit(3, MONDAY + DAY)
        holiday = await it.look(announcement(MONDAY), patient=True)
        await it.look(announcement(MONDAY + DAY), patient=True)
        assert holiday.standing is ClosingState.MISSING
        assert await it.made() == {date(2026, 7, 10): ([1], 0), date(2026, 7, 15): ([2, 3], 0)}
        assert it.at == announcement(MONDAY + DAY) + 6 * HOUR  # no feed says that the batch is complete


async def test_a_batch_that_shows_late_but_before_the_next_has_its_own_date(
    tmp_path: Path, sqlite_template: Path
) -> None:
    async with following(tmp_path, sqlite_template) as it:
        await it.look(announcement(MONDAY), patient=True)
        it.submit(2, MONDAY)
        await it.look(announcement(MONDAY) + 20 * HOUR)
        assert await it.made() == {date(2026, 7, 10): ([1], 0), date(2026, 7, 14): ([2], 0)}


@pytest.mark.parametrize("evening", [MONDAY, MONDAY + 3 * DAY], ids=["monday", "before the weekend"])
async def test_a_cross_list_of_an_edition_that_closed_without_its_feed_is_late_but_not_lost(
    tmp_path: Path, sqlite_template: Path, evening: date
) -> None:
    async with following(tmp_path, sqlite_template) as it:
        calendar = it.plan.calendar
        it.submit(2, evening)
        await it.look(announcement(evening) + 7 * HOUR)
        assert await close_editions.awaits_feed(it.engine, calendar, announcement(evening) + 8 * HOUR)
        it.evenings[9] = evening
        it.arxiv.papers.append(paper(9, submitted=announcement(evening) - 200 * DAY))
        it.arxiv.announced = [("2602.00002v1", "new"), ("2602.00009v1", "cross")]
        asked = len(it.arxiv.requests)
        await it.look(announcement(evening) + 9 * HOUR)
        assert len(it.arxiv.requests) == asked + 2  # the feed, and the record of what it names
        assert not await close_editions.awaits_feed(it.engine, calendar, announcement(evening) + 10 * HOUR)
        it.arxiv.announced = None
        following_batch = calendar.following(announcement(evening))
        it.submit(3, following_batch.astimezone(ZoneInfo("America/New_York")).date())
        await it.look(following_batch + 7 * HOUR)
        made = await it.made()
    assert made[calendar.edition_of(following_batch)] == ([3, 9], 1)


async def test_a_feed_that_is_over_is_not_asked_for(tmp_path: Path, sqlite_template: Path) -> None:
    async with following(tmp_path, sqlite_template) as it:
        friday = announcement(MONDAY - 4 * DAY)
        assert await close_editions.awaits_feed(it.engine, it.plan.calendar, friday + 27 * HOUR)
        assert not await close_editions.awaits_feed(it.engine, it.plan.calendar, friday + 28 * HOUR)


async def test_the_looks_of_a_wait_reach_back_a_month_and_no_more(
    tmp_path: Path, sqlite_template: Path
) -> None:
    async with following(tmp_path, sqlite_template) as it:
        at = announcement(MONDAY + 90 * DAY)
        it.submit(2, MONDAY + 30 * DAY)
        it.submit(3, MONDAY + 90 * DAY)
        await it.look(at + 3 * HOUR - timedelta(minutes=20), patient=True)
        made = await it.made()
        asked = [request for request in it.arxiv.requests if "submittedDate" in request]
    assert made[date(2026, 8, 13)] == ([2], 0)
    assert made[date(2026, 10, 12)] == ([3], 0)
    long_ago = [request for request in asked if "202606" in request.partition("submittedDate")[2][:12]]
    assert len(long_ago) == 1 + 1  # the first run, and the first look after the outage
