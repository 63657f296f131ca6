"""What arXiv announces is collected, and editions close over it: their papers are decided once and for all."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest import announcements, closing, listing, selection
from digest.announcements import NEW_TYPES
from digest.calendar import Calendar
from digest.closing import BETWEEN_LOOKS, LONGEST_SILENCE, Candidate, CatchUp, Gathered
from digest.errors import SourceError
from digest.listing import Look, Sources
from digest.models import ClosedEdition, PaperId, VersionId, Window
from digest.progress import Progress, Report, Stage
from digest.selection import Rules
from digest.store import announcements as named
from digest.store import editions, listings, papers
from digest.store import engine as database

_log = structlog.get_logger()
_NEIGHBOURS = timedelta(days=45)  # papers whose numbers and submissions tell what was held back

Pause = Callable[[timedelta], Awaitable[datetime]]
"""Lets that time pass, and tells what time it is then."""


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


class Standing(StrEnum):
    """How it stands with the newest edition that is due."""

    CLOSED = "closed"
    PASSED = "passed"
    """It was not made, and a later one is: editions are made in their order."""
    NO_BATCH = "no-batch"
    """arXiv announced nothing, and was not to."""
    NOTHING = "nothing"
    """arXiv's feed and its query API agree that there was nothing in the watched categories."""
    NOT_YET = "not-yet"
    """Its batch is not to be seen so far."""
    MISSING = "missing"
    """Its batch should have been there for hours, and is not to be seen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What collecting came to. `day` is the newest edition that is due, `silent` are the watched categories of which
    arXiv shows no paper at all."""

    day: date
    standing: Standing
    closed: tuple[ClosedEdition, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _State:
    """What the tables say before an edition closes."""

    last: ClosedEdition | None
    first_look: datetime
    candidates: tuple[Candidate, ...]
    watched: frozenset[str]

    @property
    def last_window(self) -> Window | None:
        return self.last.window if self.last else None


@dataclass(slots=True)
class _Run:
    """What one call of `close` knows and has done so far."""

    engine: AsyncEngine
    plan: Plan
    look: Look
    at: datetime
    patient: bool
    closed: list[ClosedEdition] = field(default_factory=list)


async def close(
    engine: AsyncEngine,
    sources: Sources,
    plan: Plan,
    at: datetime,
    report: Report,
    pause: Pause | None = None,
) -> Outcome:
    """Closes the editions that are due at `at` and were not closed.

    With `pause`, an edition waits until its batch is whole, or for its deadline; without, it closes over what is there.
    One whose batch is not to be seen at all stays open for a later run. Raises SourceError.
    """
    day = plan.calendar.due(at)
    async with database.reading(engine) as connection:
        last = await editions.last(connection)
        if last is not None and last.date >= day:
            known = await editions.find(connection, day)
            return Outcome(day, Standing.CLOSED if known else _passed(plan, day))
    patience = looks = _looks(plan, day, at) if pause else 0
    closed: list[ClosedEdition] = []
    while True:
        standing, silent = Standing.NOT_YET, frozenset[str]()
        report(Progress(Stage.COLLECT, 0, 1))
        try:
            look = await _look(engine, sources, plan, last, at)
        except SourceError as error:
            if not patience:
                raise
            _log.warning("look_failed", error=str(error))
        else:
            report(Progress(Stage.COLLECT, 1, 1))
            run = _Run(engine, plan, look, at, patient=patience > 0)
            standing = await _close_open_days(run, day)
            closed += run.closed
            silent = frozenset(plan.categories) - look.categories
        if standing is not Standing.NOT_YET or pause is None or not patience:
            break
        patience -= 1
        report(Progress(Stage.WAIT, looks - patience, looks))
        _log.info("waiting", date=str(day), looks_left=patience)
        at = await pause(BETWEEN_LOOKS)
    if silent:
        _log.warning("silent_categories", categories=sorted(silent))
    return Outcome(day, standing, tuple(closed), tuple(sorted(silent)))


def _passed(plan: Plan, day: date) -> Standing:
    return Standing.PASSED if plan.calendar.batches(plan.calendar.window_of(day)) else Standing.NO_BATCH


def _looks(plan: Plan, day: date, at: datetime) -> int:
    """How many looks remain until the deadline: counted, so that a clock that is set back adds none."""
    left = closing.deadline(plan.calendar, day) - at
    return max(0, -(-left // BETWEEN_LOOKS))


async def _look(
    engine: AsyncEngine, sources: Sources, plan: Plan, last: ClosedEdition | None, at: datetime
) -> Look:
    since = closing.window(plan.calendar, plan.calendar.due(at), last.window if last else None).start
    return await listing.look(
        engine, sources, plan.calendar, plan.categories, since, at, replacements=plan.replacements
    )


async def _close_open_days(run: _Run, day: date) -> Standing:
    """Closes one edition after another as far as they can, and tells how it stands with that of `day`."""
    calendar = run.plan.calendar
    while True:
        state = await _state(run)
        days = closing.open_days(calendar, state.last_window, state.first_look, run.at, state.candidates)
        gathered = {each: _gather(run, state, each) for each in days}
        filled = [each for each in days if gathered[each].own]
        if not filled:
            return _standing(run, days)
        chosen = filled[0] if run.plan.catch_up is CatchUp.EACH else filled[-1]
        if not await _ready(run, chosen, gathered[chosen]):
            return Standing.NOT_YET
        run.closed.append(await _close(run, chosen, gathered[chosen]))
        if chosen == day:
            return Standing.CLOSED


def _standing(run: _Run, days: list[date]) -> Standing:
    """How it stands where no open day has papers of its own."""
    if not days:
        return Standing.NO_BATCH
    if run.at < closing.deadline(run.plan.calendar, days[-1]):
        return Standing.NOT_YET
    batch = run.plan.calendar.batches(run.plan.calendar.window_of(days[-1]))[-1]
    empty = run.look.batch == batch and not run.look.names
    return Standing.NOTHING if empty else Standing.MISSING


async def _state(run: _Run) -> _State:
    calendar, at = run.plan.calendar, run.at
    async with database.reading(run.engine) as connection:
        last = await editions.last(connection)
        sightings = await listings.sightings(connection, at - _NEIGHBOURS)
        records = await papers.latest_of(connection, await listings.undecided(connection))
        watched = await listings.watched(connection, at - LONGEST_SILENCE)
        first_look = await listings.first_listed_at(connection)
    placed = announcements.place(calendar, sightings)
    listed_at = {sighting.paper: sighting.listed_at for sighting in sightings}
    candidates = tuple(
        Candidate(record, listed_at[paper], placed[paper])
        for paper, record in records.items()
        if paper in placed
    )
    silent = last is not None and at - last.window.end > LONGEST_SILENCE
    return _State(last, at if silent or first_look is None else first_look, candidates, frozenset(watched))


def _gather(run: _Run, state: _State, day: date) -> Gathered:
    window = closing.window(run.plan.calendar, day, state.last_window)
    return closing.gather(window, state.candidates, state.watched)


async def _ready(run: _Run, day: date, gathered: Gathered) -> bool:
    if not run.patient or run.at >= closing.deadline(run.plan.calendar, day):
        return True
    async with database.reading(run.engine) as connection:
        announced = await named.within(connection, gathered.window)
        names = {each.version.paper for each in announced if each.type in NEW_TYPES}
        unlisted = await listings.unlisted(connection, names)
    return closing.is_whole(gathered, names, names - unlisted, run.at)


async def _close(run: _Run, day: date, gathered: Gathered) -> ClosedEdition:
    """Closes the edition of `day` over what was gathered for it, and notes what becomes of each paper."""
    plan = run.plan
    selected = selection.select(
        (candidate.paper for candidate in (*gathered.own, *gathered.late)), plan.rules
    )
    late = {candidate.paper.id for candidate in gathered.late}
    papers_shown = [paper.id for paper in selected.shown]
    async with database.writing(run.engine) as connection:
        replacements = (
            await _replacements(connection, gathered.window, papers_shown) if plan.replacements else ()
        )
        edition = ClosedEdition(
            date=day,
            window=gathered.window,
            language=plan.language,
            categories=plan.categories,
            fetched=len(gathered.own) + len(gathered.late),
            versions=tuple(paper.version for paper in selected.shown),
            closed_at=run.at,
            late=sum(paper.id in late for paper in selected.shown),
            replacements=replacements,
        )
        await listings.leave_out(connection, gathered.earlier, None)
        await listings.watch(connection, run.look.categories, run.at)
        await editions.close(connection, edition)
        await listings.leave_out(connection, selected.left_out, day)
    _log.info("closed", date=str(day), shown=len(edition.versions), listed=edition.fetched, late=edition.late)
    return edition


async def _replacements(
    connection: AsyncConnection, window: Window, papers_shown: Collection[PaperId]
) -> tuple[VersionId, ...]:
    """The newer versions that were announced in `window`, each once, as far as their records are there."""
    announced = await named.within(connection, window)
    names = {each.version.paper for each in announced if each.type not in NEW_TYPES} - set(papers_shown)
    versions = [record.version for record in (await papers.latest_of(connection, names)).values()]
    return tuple(sorted(set(versions) - await editions.shown(connection, versions)))
