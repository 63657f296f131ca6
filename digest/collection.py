"""What is new is collected, and the edition closes over it: its papers are decided once and for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest import calendar, selection
from digest.models import ClosedEdition, Paper, Window
from digest.progress import Progress, Report, Stage
from digest.selection import Selection
from digest.sources.api import QueryApi
from digest.store import editions, listings, papers
from digest.store import engine as database

_log = structlog.get_logger()
_LONGEST_GAP = timedelta(days=31)


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
    selected = await _select(engine, candidates, window, at)
    _log.info("collected", date=str(day), found=len(found), new=len(selected.new))
    if selected.new:
        shown = {category for paper in candidates for category in paper.categories}
        return await _close(engine, plan, day, window, selected, shown & set(plan.categories), at)
    async with database.reading(engine) as connection:  # another process may have taken all there was
        return await editions.find(connection, day)


async def _select(
    engine: AsyncEngine, candidates: Sequence[Paper], window: Window, at: datetime
) -> Selection:
    ids = [paper.id for paper in candidates]
    async with database.reading(engine) as connection:
        taken = await editions.assigned(connection, ids)
        unlisted = await listings.unlisted(connection, ids)
        watched = await listings.watched(connection, since=at - _LONGEST_GAP)
    free = [paper for paper in candidates if paper.id not in taken]
    return selection.select(free, set(ids) - unlisted, watched, window)


def _window(plan: Plan, day: date, previous: ClosedEdition | None) -> Window:
    """From the previous edition's anchor; after a silence of over a month, from the day before."""
    end = calendar.anchor(day, plan.digest_time, plan.zone)
    if previous is not None and end - previous.window.end <= _LONGEST_GAP:
        return Window(previous.window.end, end)
    return Window(calendar.anchor(day - timedelta(days=1), plan.digest_time, plan.zone), end)


async def _close(
    engine: AsyncEngine,
    plan: Plan,
    day: date,
    window: Window,
    selected: Selection,
    listed: set[str],
    at: datetime,
) -> ClosedEdition | None:
    """Closes the edition over what was `selected`; `listed` are the watched categories that arXiv showed."""
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
        await listings.watch(connection, listed, at)
        if await editions.close(connection, closed):
            return closed
    async with database.reading(engine) as connection:  # another process was faster: its edition stands
        return await editions.find(connection, day)
