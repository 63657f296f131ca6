"""A season of a small category: batches without papers, cross-lists, newer versions, and feeds that are stale."""

import itertools
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.arxiv import calendar
from digest.arxiv.announcements import NEW_TYPES, AnnounceType
from digest.arxiv.calendar import NEW_YORK, Calendar
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed
from digest.core.models import ClosedEdition, Paper, PaperId, VersionId, Window
from digest.db import editions
from digest.db import engine as database
from digest.pipeline import close_editions, coverage
from digest.pipeline.close_editions import ClosingOutcome, ClosingState, Pause
from digest.pipeline.ingest import Sources
from digest.pipeline.open_days import EditionPlan
from digest.pipeline.selection import SelectionRules
from tests.fakes.arxiv import FakeArxiv
from tests.papers import paper

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CALENDAR = Calendar(time(8, 50), ZoneInfo("Asia/Shanghai"))
PLAN = EditionPlan(CALENDAR, "zh-CN", SelectionRules(("cs.SD",)), replacements=True)
PATIENCE = FetchPolicy(attempts=1, wait_initial=0.001, wait_max=0.001)
FIRST, LAST = date(2026, 2, 10), date(2026, 4, 14)
"""Over both the change of the clocks and Easter; some of the batches hold nothing at all."""


@dataclass(frozen=True)
class Item:
    """A paper version, the batch that announces it, and the time when it appears in the query API."""

    paper: Paper
    type: AnnounceType
    batch: datetime
    visible: datetime


def season(chance: random.Random) -> list[Item]:
    """Return arXiv's announcements, in the order of the identifiers."""
    batches = CALENDAR.batches(Window(CALENDAR.anchor(FIRST - 25 * DAY), CALENDAR.anchor(LAST)))
    made: list[Item] = []
    for batch in batches:
        for held in chance.choices([0, 0, 0, 0, 9], k=chance.choice([0, 0, 1, 2, 4])):
            made.append(_item(len(made) + 1, batch, held * DAY, AnnounceType.NEW))
        if chance.random() < 0.3:
            made.append(_item(len(made) + 1, batch, 200 * DAY, AnnounceType.CROSS))
    newer = (_newer(item, batches, chance) for item in made if chance.random() < 0.3)
    return [*made, *filter(None, newer)]


def _item(number: int, batch: datetime, held: timedelta, kind: AnnounceType) -> Item:
    sunday = batch.astimezone(NEW_YORK).weekday() == 6
    submitted = batch - (60 if sunday else 20) * HOUR - held
    categories = ("cs.SD",) if kind is AnnounceType.NEW else ("cs.CL", "cs.SD")
    return Item(paper(number, submitted=submitted, categories=categories), kind, batch, batch + HOUR)


def _newer(item: Item, batches: tuple[datetime, ...], chance: random.Random) -> Item | None:
    later = [batch for batch in batches if batch > item.batch + 2 * DAY]
    if not later:
        return None
    batch = chance.choice(later)
    record = replace(item.paper, version=VersionId(item.paper.id, 2), updated=batch)
    return Item(record, AnnounceType.REPLACE, batch, batch + chance.choice([1, 30]) * HOUR)


@dataclass
class Season:
    """An arXiv that plays the season, and the program that collects it."""

    items: list[Item]
    chance: random.Random
    arxiv: FakeArxiv = field(default_factory=FakeArxiv)

    def show(self, at: datetime, *, stale: bool) -> None:
        """Set arXiv to its contents at `at`; a stale feed is that of the day before, with its date or today's."""
        visible = sorted(
            (item for item in self.items if item.visible <= at), key=lambda item: item.paper.version
        )
        self.arxiv.papers = list({item.paper.id: item.paper for item in visible}.values())
        today = at.astimezone(NEW_YORK).date()
        fed_on = today - DAY if stale else today
        self.arxiv.announced = [
            (str(item.paper.version), item.type)
            for item in self.items
            if calendar.fed_day(item.batch) == fed_on
        ]
        dated = fed_on if self.chance.random() < 0.5 else today
        self.arxiv.fed_on = f"{dated:%a, %d %b %Y} 00:00:00 -0500"

    async def play(self, engine: AsyncEngine) -> dict[date, ClosingOutcome]:
        """Run once a day, waiting as the program does: at its first look the feed may be stale, or fail."""
        outcomes = {}
        async with self.arxiv.serve() as url, open_client(None, PATIENCE) as client:
            arxiv_client = ArxivClient(client, interval=0, patience=PATIENCE)
            sources = Sources(
                QueryApi(arxiv_client, f"{url}/api/query"), AnnouncementFeed(arxiv_client, f"{url}/rss")
            )
            for day in (FIRST + n * DAY for n in range((LAST - FIRST).days)):
                at = datetime.combine(day, time(9), CALENDAR.zone).astimezone(UTC)
                self.show(at, stale=self.chance.random() < 0.3)
                self.arxiv.faults.extend(self.chance.choice([[], [], ["", "503"], ["503"]]))
                outcomes[day] = await close_editions.close(
                    engine, sources, PLAN, at, lambda _: None, self.pause_from(at)
                )
                self.arxiv.faults.clear()
        return outcomes

    def pause_from(self, at: datetime) -> Pause:
        hours = itertools.count(1)

        async def pause(_: timedelta) -> datetime:
            later = at + next(hours) * HOUR
            self.arxiv.faults.clear()
            self.show(later, stale=False)
            return later

        return pause

    async def judge(self, engine: AsyncEngine) -> None:
        """Compare what the editions show with what was announced."""
        shown = await made(engine)
        begin, end = CALENDAR.window_of(shown[0].date).start, CALENDAR.anchor(LAST - 3 * DAY)
        papers = {item.paper.id: item.batch for item in self.items if item.type in NEW_TYPES}
        newer = {item.paper.version: item.batch for item in self.items if item.type not in NEW_TYPES}
        as_paper = [(version, edition.window.end) for edition in shown for version in edition.versions]
        replaced = [(version, edition.window.end) for edition in shown for version in edition.replacements]
        times = Counter(version.paper for version, _ in as_paper) + Counter(
            version for version, _ in replaced
        )
        seen = times.keys() | {version for version, _ in as_paper}
        due: set[PaperId | VersionId] = {each for each, batch in papers.items() if begin < batch <= end}
        due |= {each for each, batch in newer.items() if begin < batch <= end - 5 * DAY}
        assert due - seen == set()
        assert [each for each, count in times.items() if count > 1] == []
        assert [version for version, anchor in as_paper if papers[version.paper] > anchor] == []
        assert [version for version, anchor in replaced if newer[version] > anchor] == []
        proof = await coverage.between(engine, CALENDAR, shown[0].date, LAST)
        assert [day.unexplained for day in proof if day.unexplained] == []


async def made(engine: AsyncEngine) -> list[ClosedEdition]:
    async with database.reading(engine) as connection:
        days = await editions.between(connection, FIRST, LAST)
        found = [await editions.find(connection, day) for day in days]
    return [edition for edition in found if edition]


@pytest.mark.play
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_season_is_covered_and_no_alarm_is_false(
    tmp_path: Path, sqlite_template: Path, seed: int
) -> None:
    shutil.copy(sqlite_template, tmp_path / "season.db")
    engine = database.open_engine(f"sqlite:///{tmp_path}/season.db")
    played = Season(season(random.Random(seed)), random.Random(seed))
    outcomes = await played.play(engine)
    await played.judge(engine)
    await engine.dispose()
    alarms = {
        day: each for day, each in outcomes.items() if each.standing is ClosingState.MISSING or each.overdue
    }
    assert alarms == {}
    assert ClosingState.NOTHING in {each.standing for each in outcomes.values()}
