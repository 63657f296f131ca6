"""The share of arXiv's announcements that editions show, compared with the rule “submitted in the last 24 hours”.

Simulates a year of arXiv on loopback: 12 papers a day, one in fifty held by moderation for up to three weeks; one
response in twenty fails, and for a week nothing runs. Both rules run at the same hour each day on the same papers.

    python benchmarks/coverage.py [--days 365] [--lag HOURS] [--seed 7]
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
from benchmarks.results import Result, run, unmet
from bot.db.upgrade import upgrade
from digest.arxiv.calendar import Calendar
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed
from digest.core.errors import SourceError
from digest.core.models import Paper, PaperId, VersionId
from digest.db import editions
from digest.db import engine as database
from digest.pipeline import close_editions
from digest.pipeline.ingest import Sources
from digest.pipeline.open_days import EditionPlan
from digest.pipeline.selection import SelectionRules
from tests.fakes.arxiv import FakeArxiv
from tests.papers import paper

DAY = timedelta(days=1)
CATEGORIES = ("cs.SD", "eess.AS")
CALENDAR = Calendar(None, ZoneInfo("Asia/Shanghai"))
PATIENCE = FetchPolicy(attempts=4, wait_initial=0.001, wait_max=0.001)
FAULTS = ("503", "500", "empty", "cut", "html")
HELD, FAULTY = 0.02, 0.05


@dataclass(frozen=True)
class Announced:
    """A paper and when arXiv announced it."""

    paper: Paper
    at: datetime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--lag", type=float, default=1, help="hours from the announcement to the query API")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    lag, chance = timedelta(hours=asked.lag), random.Random(asked.seed)
    run({"coverage": lambda: asyncio.run(compare(asked.days, lag, chance))}, limits=True)


@dataclass(frozen=True)
class Compared(Result):
    """The results of both rules: how often each showed each paper that was due."""

    days: int
    lag: timedelta
    runs: int
    editions: int
    due: set[PaperId]
    ours: Counter[PaperId]
    theirs: Counter[PaperId]
    early: int

    @property
    def undone(self) -> list[str]:
        return unmet(
            (bool(self.due), "no paper was due"),
            (bool(self.theirs), "arXiv showed no paper"),
            (self.editions > 0, f"{self.runs} runs made no edition"),
        )

    @property
    def broken(self) -> list[str]:
        lacking = self.due - self.ours.keys()
        return unmet(
            (not lacking, f"{len(lacking)} papers are in no edition"),
            (_twice(self.ours) == 0, f"{_twice(self.ours)} papers are in two editions"),
            (self.early == 0, f"{self.early} papers were shown before their announcement"),
        )

    def __str__(self) -> str:
        return (
            f"{len(self.due):,} papers announced in {self.days} days, visible {self.lag} after that;"
            f" {self.runs} runs, {self.editions} editions\n"
            f"{_told('editions', self.ours, self.due)}\n"
            f"{_told('submitted in the last 24 hours', self.theirs, self.due)}\n"
            f"shown before their announcement: {self.early}"
        )


async def compare(days: int, lag: timedelta, chance: random.Random) -> Compared:
    """Run both rules over the same year."""
    year = list(announcements(date(2025, 9, 1), days, chance))
    first = date(2025, 9, 4)
    runs = [first + n * DAY for n in range(days - 5) if not days // 2 <= n < days // 2 + 7]
    ours, theirs = Counter[PaperId](), Counter[PaperId]()
    early = 0
    with tempfile.TemporaryDirectory() as folder:
        engine = database.open_engine(f"sqlite:///{folder}/year.db")
        await upgrade(engine)
        arxiv = FakeArxiv()
        async with arxiv.serve() as url, open_client(None, PATIENCE) as client:
            arxiv_client = ArxivClient(client, interval=0, patience=PATIENCE)
            sources = Sources(
                QueryApi(arxiv_client, f"{url}/api/query"), AnnouncementFeed(arxiv_client, f"{url}/rss")
            )
            plan = EditionPlan(CALENDAR, "zh-CN", SelectionRules(CATEGORIES))
            for day in runs:
                at = datetime.combine(day, time(10), CALENDAR.zone).astimezone(UTC)
                show(arxiv, year, at, lag)
                theirs.update(p.id for p in arxiv.papers if p.published and at - DAY < p.published <= at)
                arxiv.faults.extend(chance.choice(FAULTS) for _ in range(3) if chance.random() < FAULTY)
                with suppress(SourceError):
                    await close_editions.close(engine, sources, plan, at, lambda _: None)
                arxiv.faults.clear()
        async with database.reading(engine) as connection:
            made = [
                await editions.find(connection, day) for day in await editions.between(connection, *ever())
            ]
        await engine.dispose()
    when = {each.paper.id: each.at for each in year}
    for edition in filter(None, made):
        ours.update(version.paper for version in edition.versions)
        early += sum(when[version.paper] > edition.window.end for version in edition.versions)
    until = CALENDAR.anchor(runs[-2])
    due = {name for name, at in when.items() if CALENDAR.window_of(first).start < at <= until}
    return Compared(days, lag, len(runs), len(made), due, ours, theirs, early)


def _told(rule: str, shown: Counter[PaperId], due: set[PaperId]) -> str:
    return f"{rule:32} recall {len(due & shown.keys()) / len(due):7.2%}   shown twice {_twice(shown)}"


def _twice(shown: Counter[PaperId]) -> int:
    return sum(count > 1 for count in shown.values())


def ever() -> tuple[date, date]:
    return date.min, date.max


def announcements(start: date, days: int, chance: random.Random) -> Iterator[Announced]:
    """Return a year's papers in the order of their announcement, which is that of their identifiers."""
    submitted = sorted(
        datetime.combine(start + n * DAY, time(), UTC) + chance.random() * DAY
        for n in range(days)
        for _ in range(12)
    )
    announced = [(CALENDAR.announced_at(moment), moment) for moment in submitted]
    batches = sorted({batch for batch, _ in announced})
    moved = [(held_back(batch, batches, chance), moment) for batch, moment in announced]
    numbers = Counter[str]()
    for batch, moment in sorted(moved):
        month = batch.strftime("%y%m")
        numbers[month] += chance.randint(1, 30)
        made = paper(1, submitted=moment, categories=(chance.choice(CATEGORIES),))
        version = VersionId(PaperId(f"{month}.{numbers[month]:05d}"), 1)
        yield Announced(
            Paper(version, **{n: getattr(made, n) for n in made.__slots__ if n != "version"}), batch
        )


def held_back(batch: datetime, batches: list[datetime], chance: random.Random) -> datetime:
    later = [each for each in batches if batch < each < batch + 21 * DAY]
    return chance.choice(later) if later and chance.random() < HELD else batch


def show(arxiv: FakeArxiv, year: list[Announced], at: datetime, lag: timedelta) -> None:
    """Set arXiv to its contents at `at`: the query API with its lag, the feed with all entries since midnight."""
    arxiv.papers = [each.paper for each in year if at - 60 * DAY < each.at <= at - lag]
    today = at.astimezone(ZoneInfo("America/New_York")).date()
    arxiv.announced = [
        (str(each.paper.version), "new")
        for each in year
        if each.at.astimezone(ZoneInfo("America/New_York")).date() == today - DAY
    ]


if __name__ == "__main__":
    main()
