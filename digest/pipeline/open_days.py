"""The open editions, and when each closes over the papers collected for it, in the order of the days.

The next open day that has papers closes over those that are there; for a patient caller, not before its batch is
complete or its deadline has passed. A day whose batch was empty closes with the papers that missed earlier editions, or
else without any. A day whose batch is not visible stays open.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.arxiv import announcements
from digest.arxiv.announcements import NEIGHBOURS, NEW_TYPES
from digest.arxiv.calendar import Calendar
from digest.core.errors import StoreError
from digest.core.models import CatchUp, ClosedEdition, Paper, VersionId, Window
from digest.db import announcements as named
from digest.db import editions, listings, papers
from digest.db import engine as database
from digest.pipeline import closing_rules, selection
from digest.pipeline.closing_rules import Candidate, Gathered
from digest.pipeline.ingest import ArxivCheck
from digest.pipeline.selection import SelectionRules

_AWAITED = timedelta(days=31)
"""The time before a window from which newer versions are still awaited if their records are missing."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EditionPlan:
    """The operator's plan: what to watch arXiv for, and when an edition is due."""

    calendar: Calendar
    language: str
    rules: SelectionRules
    catch_up: CatchUp = CatchUp.EACH
    replacements: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        return self.rules.categories


@dataclass(frozen=True, slots=True)
class OpenDays:
    """The open days at `at`, as stored, and the papers available for them.

    `checked` are the categories that were ever checked, `candidates` the papers that are in no edition yet.
    """

    calendar: Calendar
    last: ClosedEdition | None
    at: datetime
    days: tuple[date, ...]
    candidates: tuple[Candidate, ...]
    checked: frozenset[str]

    def until(self, day: date) -> "OpenDays":
        """Drop the days after `day`: the clock may have been set ahead since it was due."""
        return replace(self, days=tuple(each for each in self.days if each <= day))

    def window(self, day: date) -> Window:
        return closing_rules.window(self.calendar, day, self.last)

    def gathered(self, day: date) -> Gathered:
        """Return the papers available for the edition of `day`."""
        watched = self.checked & set(self.last.categories) if self.last else frozenset()
        return closing_rules.gather(self.window(day), self.candidates, watched)

    def after(self, edition: ClosedEdition) -> "OpenDays":
        """Return the backlog that remains after `edition` closed."""
        gathered = self.gathered(edition.date)
        decided = {each.paper.id for each in (*gathered.own, *gathered.late)}
        decided |= {each.paper for each in gathered.earlier}
        return replace(
            self,
            last=edition,
            days=tuple(day for day in self.days if day > edition.date),
            candidates=tuple(each for each in self.candidates if each.paper.id not in decided),
        )


async def last_edition(connection: AsyncConnection, calendar: Calendar, at: datetime) -> ClosedEdition | None:
    """Return the edition that the next one follows; None if there is none."""
    last = await editions.last(connection)
    if last is None or await listings.checks(connection):
        return last
    return closing_rules.followed(calendar, last, at)


async def read(engine: AsyncEngine, plan: EditionPlan, at: datetime) -> OpenDays:
    """Read the open days at `at` from the database."""
    calendar = plan.calendar
    async with database.reading(engine) as connection:
        last = await last_edition(connection, calendar, at)
        first_look = await listings.first_listed_at(connection)
        checked = frozenset(await listings.checks(connection))
        since = last.window.end if last else at
        empty = await named.empty(connection, since)
        candidates = await _candidates(connection, calendar, min(since, at) - NEIGHBOURS, at)
    days = closing_rules.open_days(calendar, last, first_look or at, at, candidates, empty)
    return OpenDays(calendar, last, at, tuple(days), tuple(candidates), checked)


async def _candidates(
    connection: AsyncConnection, calendar: Calendar, since: datetime, at: datetime
) -> list[Candidate]:
    sightings = [
        replace(sighting, listed_at=min(sighting.listed_at, at))  # a clock may have been ahead
        for sighting in await listings.sightings(connection, since)
    ]
    records = await papers.latest_of(connection, await listings.undecided(connection))
    placed = announcements.place(calendar, sightings)
    listed_at = {sighting.paper: sighting.listed_at for sighting in sightings}
    return [
        Candidate(record, listed_at[paper], placed[paper])
        for paper, record in records.items()
        if paper in placed
    ]


async def close_next(
    engine: AsyncEngine, plan: EditionPlan, look: ArxivCheck, backlog: OpenDays, *, patient: bool
) -> ClosedEdition | None:
    """Close the edition of the next open day that has papers; None if there is none or its batch is incomplete.

    A `patient` caller checks again until the deadline, so an incomplete edition closes only after it. Raises StoreError
    if another process closed the edition meanwhile.
    """
    windows = {day: backlog.window(day) for day in backlog.days}
    batches = {candidate.placed.batch for candidate in backlog.candidates}
    day = closing_rules.chosen(windows, batches, plan.catch_up)
    if day is None:
        return await _close_empty(engine, plan, look, backlog)
    gathered = backlog.gathered(day)
    waits = patient and backlog.at < closing_rules.deadline(plan.calendar, day, backlog.last)
    if waits and not await _is_whole(engine, gathered, backlog.at):
        return None
    return await _close(engine, plan, day, gathered, backlog.at)


async def _close_empty(
    engine: AsyncEngine, plan: EditionPlan, look: ArxivCheck, backlog: OpenDays
) -> ClosedEdition | None:
    """Close a day whose batch was empty: with papers that missed earlier editions if there are any, else without."""
    day = next((day for day in backlog.days if is_empty(plan.calendar, look, day, backlog)), None)
    if day is None:
        return None
    gathered = backlog.gathered(day)
    if gathered.late:
        return await _close(engine, plan, day, gathered, backlog.at)
    async with database.writing(engine) as connection:
        await named.mark_empty(
            connection, closing_rules.own_batches(plan.calendar, day, backlog.last), backlog.at
        )
    return None


def is_empty(calendar: Calendar, look: ArxivCheck, day: date, backlog: OpenDays) -> bool:
    """Return True if the deadline of `day` has passed and the feed shows that its batch was empty. Pure."""
    batches = closing_rules.own_batches(calendar, day, backlog.last)
    is_over = backlog.at >= closing_rules.deadline(calendar, day, backlog.last)
    return look.empty is not None and batches == (look.empty,) and is_over


async def _is_whole(engine: AsyncEngine, gathered: Gathered, at: datetime) -> bool:
    async with database.reading(engine) as connection:
        announced = await named.within(connection, gathered.window)
        names = {each.version.paper for each in announced if each.type in NEW_TYPES}
        unlisted = await listings.unlisted(connection, names)
    return closing_rules.is_whole(gathered, names, names - unlisted, at)


async def _close(
    engine: AsyncEngine, plan: EditionPlan, day: date, gathered: Gathered, at: datetime
) -> ClosedEdition:
    """Close the edition of `day` over the `gathered` papers, and store the decision on each of them."""
    candidates = (*gathered.own, *gathered.late)
    selected = selection.select((candidate.paper for candidate in candidates), plan.rules)
    late = {candidate.paper.id for candidate in gathered.late}
    async with database.writing(engine) as connection:
        edition = ClosedEdition(
            date=day,
            window=gathered.window,
            language=plan.language,
            categories=plan.categories,
            fetched=len(candidates),
            versions=tuple(paper.version for paper in selected.shown),
            closed_at=at,
            late=sum(paper.id in late for paper in selected.shown),
            replacements=await _replacements(connection, gathered.window, selected.shown)
            if plan.replacements
            else (),
        )
        await listings.place(connection, {each.paper.id: each.placed.batch for each in candidates})
        await listings.leave_out(connection, gathered.earlier, None)
        if not await editions.close(connection, edition):
            raise StoreError(f"The edition of {day} was closed by another arxiv-daily meanwhile.")
        await listings.leave_out(connection, selected.left_out, day)
    _log.info("closed", date=str(day), shown=len(edition.versions), listed=edition.fetched, late=edition.late)
    return edition


async def _replacements(
    connection: AsyncConnection, window: Window, selected: Collection[Paper]
) -> tuple[VersionId, ...]:
    """Return the awaited newer versions that were announced by the end of `window`, without duplicates.

    Versions whose records are still missing stay awaited for the next edition.
    """
    awaited = await named.awaited(connection, window.start - _AWAITED)
    records = await papers.latest_of(connection, {each.version.paper for each in awaited})
    there = {
        each: records[each.version.paper].version
        for each in awaited
        if each.batch <= window.end
        and each.version.paper in records
        and records[each.version.paper].version >= each.version
    }
    await named.mark_arrived(connection, there)
    versions = set(there.values()) - {paper.version for paper in selected}
    return tuple(sorted(versions - await editions.shown(connection, versions)))
