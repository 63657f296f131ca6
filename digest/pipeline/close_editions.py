"""Close the editions that are due: check arXiv until their batches are complete, or until a deadline."""

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.arxiv.announcements import NEW_TYPES
from digest.arxiv.calendar import NEW_YORK, Calendar, fed_day
from digest.core.errors import SourceError, SourceRefusedError
from digest.core.models import ClosedEdition, Window
from digest.core.progress import Progress, Report, Stage
from digest.db import announcements, editions, listings
from digest.db import engine as database
from digest.pipeline import closing_rules, ingest, open_days
from digest.pipeline.closing_rules import BETWEEN_LOOKS
from digest.pipeline.ingest import ArxivCheck, Sources
from digest.pipeline.open_days import EditionPlan, OpenDays

_log = structlog.get_logger()

_BETWEEN_FEEDS = timedelta(minutes=30)
"""The time from the check after which an edition closed to the next check for the feed that it lacked."""

Pause = Callable[[timedelta], Awaitable[datetime]]
"""Waits for the given time, then returns the current time (aware UTC)."""


class ClosingState(StrEnum):
    """The status of the newest edition that is due."""

    CLOSED = "closed"
    PASSED = "passed"
    """It was not made, but a later one was: editions are made in order."""
    NO_BATCH = "no-batch"
    """arXiv announced nothing, according to its schedule."""
    NOTHING = "nothing"
    """arXiv's feed and its query API agree that there was nothing in the watched categories."""
    NOT_YET = "not-yet"
    """Its batch is not visible yet."""
    MISSING = "missing"
    """Its batch is hours late and still not visible."""


@dataclass(frozen=True, slots=True)
class ClosingOutcome:
    """The result of `close`.

    `day` is the date of the newest edition that is due. `overdue` is the newest earlier one whose batch is missing.
    `silent` are the watched categories in which arXiv shows no paper at all.
    """

    day: date
    standing: ClosingState
    closed: tuple[ClosedEdition, ...] = ()
    silent: tuple[str, ...] = ()
    overdue: date | None = None


@dataclass(slots=True)
class _ClosingRun:
    """The arguments and the state of one call of `close`."""

    engine: AsyncEngine
    sources: Sources
    plan: EditionPlan
    day: date
    report: Report
    deadline: datetime | None = None
    """The time until which the newest edition that is due is waited for."""
    closed: list[ClosedEdition] = field(default_factory=list)

    def outcome(
        self, standing: ClosingState, look: ArxivCheck | None = None, overdue: date | None = None
    ) -> ClosingOutcome:
        silent = frozenset(self.plan.categories) - look.categories if look else frozenset()
        return ClosingOutcome(self.day, standing, tuple(self.closed), tuple(sorted(silent)), overdue)


async def close(
    engine: AsyncEngine,
    sources: Sources,
    plan: EditionPlan,
    at: datetime,
    report: Report,
    pause: Pause | None = None,
) -> ClosingOutcome:
    """Close the editions that are due at `at` and not closed yet.

    With `pause`, an edition waits until its batch is complete, or until its deadline. Without, it closes over the
    papers that are there. An edition whose batch is not visible at all stays open for a later run. Raises SourceError
    if the last check fails, and SourceRefusedError at once if arXiv refuses the query.
    """
    run = _ClosingRun(engine, sources, plan, plan.calendar.due(at), report)
    async with database.reading(engine) as connection:
        last = await open_days.last_edition(connection, plan.calendar, at)
        known = await editions.find(connection, run.day)
    if last is not None and last.date >= run.day:
        await _follow_up(run, at)
        return run.outcome(ClosingState.CLOSED if known else _passed(plan.calendar, run.day))
    run.deadline = closing_rules.deadline(plan.calendar, run.day, last)
    outcome = await (_patiently(run, at, pause) if pause else _attempt(run, at, patient=False))
    if outcome.silent:
        _log.warning("silent_categories", categories=outcome.silent)
    return outcome


async def awaits_feed(engine: AsyncEngine, calendar: Calendar, at: datetime) -> bool:
    """Return True if the last edition closed without the feed of its newest batch, and arXiv still shows it at `at`.

    Only the feed names cross-lists of older papers. It is empty on days without a batch, so nothing names them later.
    """
    async with database.reading(engine) as connection:
        last = await editions.last(connection)
        batches = calendar.batches(last.window) if last else ()
        if not batches or fed_day(batches[-1]) != at.astimezone(NEW_YORK).date():
            return False
        if at - max((await listings.checks(connection)).values(), default=at) < _BETWEEN_FEEDS:
            return False
        window = Window(batches[-1] - timedelta(microseconds=1), batches[-1])
        named = await announcements.within(connection, window)
        shown = await listings.placed_in(connection, window)
    return not shown <= {each.version.paper for each in named if each.type in NEW_TYPES}


async def _follow_up(run: _ClosingRun, at: datetime) -> None:
    """Read the feed that an edition closed without; its additional papers are late and go into the next edition."""
    plan = run.plan
    if await awaits_feed(run.engine, plan.calendar, at):
        await ingest.look_at_feed(
            run.engine, run.sources, plan.calendar, plan.categories, at, replacements=plan.replacements
        )


def _passed(calendar: Calendar, day: date) -> ClosingState:
    return ClosingState.PASSED if calendar.batches(calendar.window_of(day)) else ClosingState.NO_BATCH


async def _patiently(run: _ClosingRun, at: datetime, pause: Pause) -> ClosingOutcome:
    """Check arXiv repeatedly until the deadline; the checks are counted, so a clock that is set back adds none."""
    left = looks = _looks(run, at)
    while left:
        try:
            outcome = await _attempt(run, at, patient=True)
        except SourceRefusedError:
            raise
        except SourceError as error:
            _log.warning("check_failed", error=str(error))
        else:
            if outcome.standing is not ClosingState.NOT_YET:
                return outcome
        run.report(Progress(Stage.WAIT, looks - left + 1, looks))
        _log.info("waiting", date=str(run.day), looks_left=left - 1)
        at = max(at, await pause(BETWEEN_LOOKS))  # time does not go back, even if the clock is set back
        left = min(left - 1, _looks(run, at))
    return await _attempt(run, at, patient=False)


def _looks(run: _ClosingRun, at: datetime) -> int:
    left = (run.deadline or at) - at
    return max(0, -(-left // BETWEEN_LOOKS))


async def _attempt(run: _ClosingRun, at: datetime, *, patient: bool) -> ClosingOutcome:
    """Check arXiv once and close the editions that can close then. Raises SourceError."""
    run.report(Progress(Stage.COLLECT, 0, 1))
    look = await _look(run, at)
    run.report(Progress(Stage.COLLECT, 1, 1))
    before = (await open_days.read(run.engine, run.plan, at)).until(run.day)
    while True:
        edition = await open_days.close_next(run.engine, run.plan, look, before, patient=patient)
        if edition is None:
            break
        run.closed.append(edition)
        before = before.after(edition)
    standing, overdue = _standing(run, look, before)
    return run.outcome(standing, look, overdue)


async def _look(run: _ClosingRun, at: datetime) -> ArxivCheck:
    plan = run.plan
    async with database.reading(run.engine) as connection:
        last = await open_days.last_edition(connection, plan.calendar, at)
        checks = await listings.checks(connection)
    since = closing_rules.window(plan.calendar, plan.calendar.due(at), last).start
    if last is not None:
        since = max(since, _looked_at(set(plan.categories) & set(last.categories), checks) or since)
    return await ingest.look(
        run.engine,
        run.sources,
        plan.calendar,
        plan.categories,
        since,
        at,
        replacements=plan.replacements,
    )


def _looked_at(categories: AbstractSet[str], checks: Mapping[str, datetime]) -> datetime | None:
    """Return the time up to which all of `categories` were checked; None if one never was. Pure."""
    if not categories <= checks.keys():
        return None
    return min((checks[category] for category in categories), default=None)


def _standing(run: _ClosingRun, look: ArxivCheck, before: OpenDays) -> tuple[ClosingState, date | None]:
    """Return the status of the edition that is due, once no other can close, and the newest earlier overdue one."""
    calendar, day, last = run.plan.calendar, run.day, before.last
    empty = [each for each in before.days if open_days.is_empty(calendar, look, each, before)]
    overdue = [
        each
        for each in before.days
        if each not in empty and before.at >= closing_rules.deadline(calendar, each, last)
    ]
    earlier = max((each for each in overdue if each < day), default=None)
    if last is not None and last.date >= day:
        return ClosingState.CLOSED, None
    if day in empty:
        return ClosingState.NOTHING, earlier
    if day in before.days:
        return (ClosingState.MISSING if day in overdue else ClosingState.NOT_YET), earlier
    announces = closing_rules.own_batches(calendar, day, last)
    return (ClosingState.NOTHING if announces else ClosingState.NO_BATCH), earlier
