"""Every announced paper, exactly once: a year of arXiv, simulated day by day and checked by an independent judge."""

import asyncio
import random
import sys
from asyncio.subprocess import DEVNULL
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db.upgrade import upgrade
from digest.arxiv.calendar import Calendar
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed
from digest.core.errors import SourceError
from digest.core.models import CatchUp
from digest.db import editions
from digest.db import engine as database
from digest.pipeline import close_editions, coverage
from digest.pipeline.close_editions import ClosingState
from digest.pipeline.ingest import Sources
from digest.pipeline.open_days import EditionPlan
from digest.pipeline.selection import SelectionRules
from tests.shared import shared_data
from tests.shared_world import ArxivYear, arxiv_year

DAY = timedelta(days=1)
PROGRAM = str(Path(sys.executable).with_name("arxiv-daily"))
CALENDAR = Calendar(time(8, 50), ZoneInfo("Asia/Shanghai"))
FAULTS = ("503", "429", "500", "empty", "cut", "html")
PATIENCE = FetchPolicy(attempts=3, wait_initial=0.001, wait_max=0.001, retry_after=0)


@dataclass
class Reader:
    """A collector of a year's editions, day after day, in a database that outlives each process."""

    year: ArxivYear
    folder: Path
    sources: Sources
    engine: AsyncEngine
    chance: random.Random
    plan: EditionPlan = field(
        default_factory=lambda: EditionPlan(CALENDAR, "zh-CN", SelectionRules(("cs.SD", "eess.AS")))
    )
    alarms: set[date] = field(default_factory=set)
    """The days whose batch was reported as missing."""

    async def collect(self, at: datetime, *, faults: float = 0, kill: bool = False) -> None:
        """Run once at `at`; `faults` is the share of responses that fail, `kill` ends its process at random."""
        await self.year.set_clock(at)
        for _ in range(4):
            if self.chance.random() < faults:
                await self.year.fail(self.chance.choice(FAULTS))
        if kill:
            await self._killed(at)
            return
        with suppress(SourceError):
            outcome = await close_editions.close(self.engine, self.sources, self.plan, at, lambda _: None)
            self.alarms |= {outcome.day} if outcome.standing is ClosingState.MISSING else set()
            self.alarms |= {outcome.overdue} if outcome.overdue else set()

    async def _killed(self, at: datetime) -> None:
        """Run the program itself, until SIGKILL ends it a moment after its start."""
        environment = {
            "DATABASE_URL": f"sqlite:///{self.folder}/year.db",
            "DATA_DIR": str(self.folder),
            "ARXIV_API_URL": f"{self.year.url}/api/query",
            "ARXIV_RSS_URL": f"{self.year.url}/rss",
            "ARXIV_REQUEST_INTERVAL": "0",
            "CATCH_UP": self.plan.catch_up,
            "DIGEST_TIME": "08:50",
        }
        (self.folder / ".env").touch()  # else that of this checkout would count
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "build",
            "--at",
            at.isoformat(),
            env=environment,
            cwd=self.folder,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(0.8 + self.chance.random()):
                await process.wait()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def judge(self, end: datetime) -> None:
        """Compare what was shown with what arXiv announced until `end`."""
        async with database.reading(self.engine) as connection:
            days = await editions.between(connection, date.min, date.max)
            made = [await editions.find(connection, day) for day in days]
        proof = await coverage.between(self.engine, CALENDAR, days[0], days[-1])
        shown = {str(v.paper): each for each in made if each for v in each.versions}
        times = Counter(str(v.paper) for each in made if each for v in each.versions)
        papers = await self.year.truth()
        truth = {each["id"]: datetime.fromisoformat(each["announced"]) for each in papers}
        watched = {each["id"] for each in papers if {"cs.SD", "eess.AS"} & set(each["categories"])}
        begin = CALENDAR.window_of(days[0]).start
        due = {name for name, announced in truth.items() if begin < announced <= end} & watched
        assert due - shown.keys() == set()
        assert {name for name, count in times.items() if count > 1} == set()
        early = [name for name, each in shown.items() if truth[name] > each.window.end]
        assert early == []
        assert [day.unexplained for day in proof if day.unexplained] == []
        assert self.alarms <= {CALENDAR.edition_of(announced) for announced in truth.values()}


@asynccontextmanager
async def reading(folder: Path, seed: int, *options: str) -> AsyncIterator[Reader]:
    """Create a collector, and the year of arXiv that `options` ask for."""
    async with arxiv_year(*options) as year, open_client("operator@example.org", PATIENCE) as client:
        engine = database.open_engine(f"sqlite:///{folder}/year.db")
        await upgrade(engine)
        arxiv_client = ArxivClient(client, interval=0, patience=PATIENCE)
        api, feed = (
            QueryApi(arxiv_client, f"{year.url}/api/query"),
            AnnouncementFeed(arxiv_client, f"{year.url}/rss"),
        )
        yield Reader(year, folder, Sources(api, feed), engine, random.Random(seed))
        await engine.dispose()


def shanghai(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), CALENDAR.zone)


async def play(reader: Reader, first: date, last: date, *, hour: int, faults: float = 0) -> None:
    """Run on each day, on some again two hours later; some runs are killed, and for a week nothing runs at all."""
    silence = first + (last - first) / 2
    day = first
    while day <= last:
        if not silence <= day < silence + 7 * DAY:
            kill = reader.chance.random() < 0.05
            await reader.collect(shanghai(day, hour), faults=faults, kill=kill)
            if kill or reader.chance.random() < 0.3:
                await reader.collect(shanghai(day, hour + 2), faults=faults)
        day += DAY


@pytest.mark.parametrize(
    ("seed", "first", "last"),
    [
        # The end of summer time in New York, a week of silence, and Thanksgiving.
        (9, date(2025, 10, 30), date(2025, 12, 3)),
        pytest.param(7, date(2025, 9, 4), date(2026, 8, 31), marks=pytest.mark.play),
    ],
)
async def test_a_year_is_covered_whatever_happens(tmp_path: Path, seed: int, first: date, last: date) -> None:
    async with reading(tmp_path, seed, "--days", "365", "--per-day", "8") as reader:
        await play(reader, first, last, hour=10, faults=0.05)
        await reader.judge(CALENDAR.anchor(last - DAY))


@pytest.mark.parametrize("last", [date(2026, 3, 2), pytest.param(date(2026, 4, 8), marks=pytest.mark.play)])
@pytest.mark.parametrize(
    ("lag", "hour"),
    [
        pytest.param(("--lag", "0"), 9, marks=pytest.mark.play),
        (("--lag", "1"), 9),
        pytest.param(("--lag", "5"), 9, marks=pytest.mark.play),
        (("--lag", "5"), 14),
        pytest.param(("--midnight",), 9, marks=pytest.mark.play),
    ],
)
async def test_however_far_the_query_api_lags(
    tmp_path: Path, lag: tuple[str, ...], hour: int, last: date
) -> None:
    span = ("--days", "60", "--from", "2026-02-10", "--per-day", "8")
    async with reading(tmp_path, 1, *span, *lag) as reader:
        reader.plan = replace(reader.plan, catch_up=CatchUp.ONE if hour == 14 else CatchUp.EACH)
        await play(reader, date(2026, 2, 13), last, hour=hour)
        await reader.judge(CALENDAR.anchor(last - DAY))


@pytest.mark.parametrize("monday", [date(2026, 1, 12), date(2026, 7, 13)])
async def test_when_announced_each_batch_is_in_the_edition_of_its_own_day(
    tmp_path: Path, monday: date
) -> None:
    span = ("--days", "22", "--from", str(monday - 12 * DAY), "--per-day", "8", "--lag", "3")
    async with reading(tmp_path, 5, *span) as reader:
        reader.plan = replace(reader.plan, calendar=Calendar(None, CALENDAR.zone))
        for n in range(-1, 6):
            await reader.collect(shanghai(monday + n * DAY, 13))
        proof = await coverage.between(reader.engine, reader.plan.calendar, monday, monday + 5 * DAY)
        truth = Counter(
            datetime.fromisoformat(each["announced"]).astimezone(CALENDAR.zone).date()
            for each in await reader.year.truth()
            if {"cs.SD", "eess.AS"} & set(each["categories"])
        )
    assert [(each.day, each.listed, each.shown, each.late) for each in proof] == [
        (each.day, truth[each.day], truth[each.day], 0) for each in proof
    ]
    assert [day.isoweekday() for day in truth if monday <= day < monday + 7 * DAY] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("days", [20, pytest.param(120, marks=pytest.mark.play)])
async def test_the_real_listings_are_covered(tmp_path: Path, days: int) -> None:
    listings = shared_data("listings-2025.jsonl")
    span = ("--real", str(listings), "--from", "2025-09-01", "--days", str(days))
    async with reading(tmp_path, 3, *span) as reader:
        last = date(2025, 8, 31) + (days - 1) * DAY
        await play(reader, date(2025, 9, 4), last, hour=10, faults=0.05)
        await reader.judge(CALENDAR.anchor(last - DAY))
