"""The day: what is new is collected, the edition closes over it, every paper in it is made, the post is written.

Each step is in the database before the next begins. To run it again is to go on where it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest import calendar, selection
from digest.library import Library
from digest.models import ClosedEdition, Edition, Entry, Gap, Paper, Reading, Translation, Window
from digest.selection import Selection
from digest.sources.api import QueryApi
from digest.store import editions, listings, papers
from digest.store import engine as database

_log = structlog.get_logger()
_LONGEST_GAP = timedelta(days=31)


Made = TypeVar("Made", Translation | Gap, Reading | Gap)


class Stage(StrEnum):
    """A part of the work on an edition."""

    COLLECT = "collect"
    TRANSLATE = "translate"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total` papers; collecting counts as one."""

    stage: Stage
    done: int
    total: int


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator has arXiv watched for, and when an edition is due."""

    categories: tuple[str, ...]
    language: str
    zone: ZoneInfo
    digest_time: time


async def close(
    engine: AsyncEngine, api: QueryApi, plan: Plan, at: datetime, report: Report
) -> ClosedEdition | None:
    """The edition that is due at `at`, closed now if it was not; None where there is nothing new for it.

    Without papers an edition stays open, so that a later run of the same day can still fill it. Raises
    SourceError.
    """
    day = calendar.due(at, plan.digest_time, plan.zone)
    async with database.reading(engine) as connection:
        closed = await editions.find(connection, day)
        previous = await editions.last_before(connection, day)
    if closed is not None:
        return closed
    window = _window(plan, day, previous)
    report(Progress(Stage.COLLECT, 0, 1))
    found = await api.submitted(plan.categories, selection.look_back(window), at)
    report(Progress(Stage.COLLECT, 1, 1))
    candidates = selection.announced(found, plan.categories, at)
    selected = await _select(engine, candidates, previous, window)
    _log.info("collected", date=str(day), found=len(found), new=len(selected.new))
    return await _close(engine, plan, day, window, selected, at) if selected.new else None


async def _select(
    engine: AsyncEngine, candidates: Sequence[Paper], previous: ClosedEdition | None, window: Window
) -> Selection:
    ids = [paper.id for paper in candidates]
    async with database.reading(engine) as connection:
        taken = await editions.assigned(connection, ids)
        unlisted = await listings.unlisted(connection, ids)
        listed_before = await listings.any_listed(connection)
    free = [paper for paper in candidates if paper.id not in taken]
    follows = listed_before and previous is not None and previous.window.end == window.start
    watched = previous.categories if previous is not None and follows else ()
    return selection.select(free, set(ids) - unlisted, watched, window)


def _window(plan: Plan, day: date, previous: ClosedEdition | None) -> Window:
    """From the previous edition's anchor; after a silence of over a month, from the day before."""
    end = calendar.anchor(day, plan.digest_time, plan.zone)
    if previous is not None and end - previous.window.end <= _LONGEST_GAP:
        return Window(previous.window.end, end)
    return Window(calendar.anchor(day - timedelta(days=1), plan.digest_time, plan.zone), end)


async def _close(
    engine: AsyncEngine, plan: Plan, day: date, window: Window, selected: Selection, at: datetime
) -> ClosedEdition | None:
    closed = ClosedEdition(
        date=day,
        window=window,
        language=plan.language,
        categories=plan.categories,
        fetched=len(selected.new),
        versions=tuple(paper.version for paper in selected.new),
        closed_at=at,
    )
    async with database.writing(engine) as connection:
        await papers.save(connection, selected.new, at)
        await listings.note(connection, [paper.id for paper in (*selected.new, *selected.earlier)], at)
        if await editions.close(connection, closed):
            return closed
    async with database.reading(engine) as connection:  # another process was faster: its edition stands
        return await editions.find(connection, day)


async def make(engine: AsyncEngine, library: Library, closed: ClosedEdition, report: Report) -> Edition:
    """The edition with whatever can be made of each of its papers; one that fails holds back no other."""
    async with database.reading(engine) as connection:
        found = await papers.load(connection, closed.versions)
    ordered = [found[version] for version in closed.versions]
    async with asyncio.TaskGroup() as group:
        translated = group.create_task(_each(ordered, library.translation, Stage.TRANSLATE, report))
        read = group.create_task(_each(ordered, library.reading, Stage.READ, report))
    return Edition(
        date=closed.date,
        window=closed.window,
        language=closed.language,
        categories=closed.categories,
        fetched=closed.fetched,
        entries=tuple(Entry(*made) for made in zip(ordered, translated.result(), read.result(), strict=True)),
    )


async def _each(
    ordered: Sequence[Paper], work: Callable[[Paper], Awaitable[Made]], stage: Stage, report: Report
) -> list[Made]:
    """`work` done on every paper at once, in the order of the papers."""
    done = 0
    report(Progress(stage, 0, len(ordered)))

    async def one(paper: Paper) -> Made:
        nonlocal done
        made = await work(paper)
        done += 1
        report(Progress(stage, done, len(ordered)))
        return made

    return await asyncio.gather(*(one(paper) for paper in ordered))
