"""The editions that are open: each closes over what was collected for it, in the order of the days."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest import announcements, closing, selection
from digest.announcements import NEIGHBOURS, NEW_TYPES
from digest.calendar import Calendar
from digest.closing import LONGEST_SILENCE, Candidate, CatchUp, Gathered
from digest.errors import StoreError
from digest.listing import Look
from digest.models import ClosedEdition, LeftOut, Paper, Reason, VersionId, Window
from digest.selection import Rules
from digest.store import announcements as named
from digest.store import editions, listings, papers
from digest.store import engine as database

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator has arXiv watched for, and when an edition is due."""

    calendar: Calendar
    language: str
    rules: Rules
    catch_up: CatchUp = CatchUp.EACH
    replacements: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        return self.rules.categories


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the tables and a look at `at` say before an edition closes: the open days, with what is there for each."""

    last: ClosedEdition | None
    at: datetime
    gathered: dict[date, Gathered]

    @property
    def days(self) -> list[date]:
        """The open days, oldest first."""
        return list(self.gathered)

    def until(self, day: date) -> "Backlog":
        """The same without the days after `day`: the clock may have been set ahead since it was due."""
        return replace(self, gathered={each: there for each, there in self.gathered.items() if each <= day})


async def read(engine: AsyncEngine, plan: Plan, at: datetime) -> Backlog:
    """The open days at `at`."""
    async with database.reading(engine) as connection:
        last = await editions.last(connection)
        first_look = await listings.first_listed_at(connection)
        watched = await listings.watched(connection, at - LONGEST_SILENCE)
        watched &= set(last.categories) if last else set()
        empty = await named.empty(connection, at - LONGEST_SILENCE)
        candidates = await _candidates(connection, plan.calendar, at)
    silent = last is not None and at - last.window.end > LONGEST_SILENCE
    begin = at if silent or first_look is None else first_look
    days = closing.open_days(plan.calendar, last, begin, at, candidates, empty)
    windows = [closing.window(plan.calendar, day, last) for day in days]
    gathered = [closing.gather(window, candidates, watched, last) for window in windows]
    return Backlog(last, at, dict(zip(days, gathered, strict=True)))


async def _candidates(connection: AsyncConnection, calendar: Calendar, at: datetime) -> list[Candidate]:
    sightings = [
        replace(sighting, listed_at=min(sighting.listed_at, at))  # a clock may have been ahead
        for sighting in await listings.sightings(connection, at - NEIGHBOURS)
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
    engine: AsyncEngine, plan: Plan, look: Look, backlog: Backlog, *, patient: bool
) -> ClosedEdition | None:
    """Closes the edition of the next open day whose papers are there; None where there is none, or it is not whole.

    A `patient` caller looks again before an edition that is not whole reaches its deadline.
    """
    day = closing.chosen(backlog.gathered, plan.catch_up)
    if day is None:
        return await _close_empty(engine, plan, look, backlog)
    gathered = backlog.gathered[day]
    waits = patient and backlog.at < closing.deadline(plan.calendar, day, backlog.last)
    if waits and not await _is_whole(engine, gathered, backlog.at):
        return None
    return await _close(engine, plan, look, day, gathered, backlog.at)


async def _close_empty(engine: AsyncEngine, plan: Plan, look: Look, backlog: Backlog) -> ClosedEdition | None:
    """Where a batch held nothing, its day is no longer open; papers that missed earlier editions it shows alone."""
    day = next((day for day in backlog.days if is_empty(plan.calendar, look, day, backlog)), None)
    if day is None:
        return None
    if backlog.gathered[day].late:
        return await _close(engine, plan, look, day, backlog.gathered[day], backlog.at)
    async with database.writing(engine) as connection:
        await named.mark_empty(connection, closing.own_batches(plan.calendar, day, backlog.last), backlog.at)
    return None


def is_empty(calendar: Calendar, look: Look, day: date, backlog: Backlog) -> bool:
    """Whether the feed says until the deadline that the batch of `day` held nothing. Pure."""
    batches = closing.own_batches(calendar, day, backlog.last)
    is_over = backlog.at >= closing.deadline(calendar, day, backlog.last)
    return look.empty is not None and batches == (look.empty,) and is_over


async def _is_whole(engine: AsyncEngine, gathered: Gathered, at: datetime) -> bool:
    async with database.reading(engine) as connection:
        announced = await named.within(connection, gathered.window)
        names = {each.version.paper for each in announced if each.type in NEW_TYPES}
        unlisted = await listings.unlisted(connection, names)
    return closing.is_whole(gathered, names, names - unlisted, at)


async def _close(
    engine: AsyncEngine, plan: Plan, look: Look, day: date, gathered: Gathered, at: datetime
) -> ClosedEdition:
    """Closes the edition of `day` over what was gathered for it, and notes what becomes of each paper."""
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
        placed = {each.paper.id: each.placed.batch for each in (*candidates, *gathered.given_up)}
        await listings.place(connection, placed)
        given_up = [LeftOut(each.paper.id, Reason.SILENCE) for each in gathered.given_up]
        await listings.leave_out(connection, [*gathered.earlier, *given_up], None)
        await listings.watch(connection, look.categories, at)
        if not await editions.close(connection, edition):
            raise StoreError(f"The edition of {day} was closed by another arxiv-daily meanwhile.")
        await listings.leave_out(connection, selected.left_out, day)
    _log.info("closed", date=str(day), shown=len(edition.versions), listed=edition.fetched, late=edition.late)
    return edition


async def _replacements(
    connection: AsyncConnection, window: Window, selected: Collection[Paper]
) -> tuple[VersionId, ...]:
    """The newer versions that were announced by the end of `window` and are still awaited, each once.

    Those whose records are not there now stay awaited, for the next edition.
    """
    awaited = await named.awaited(connection, window.end - LONGEST_SILENCE)
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
