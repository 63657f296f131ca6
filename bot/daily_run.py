"""The daily run, from arXiv to the archive, and its report in numbers.

An edition is made first in TARGET_LANGUAGE, for its post, then in each other language of active subscribers. Each
language can be delivered as soon as it is made; it does not wait for the post, nor the post for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import post_writer
from bot.container import App
from bot.core.run_report import EditionCounts, RunReport
from bot.db import subscribers
from digest.core.errors import SourceError
from digest.core.models import ClosedEdition, Edition, Extent, PaperId
from digest.core.progress import Report
from digest.db import editions as closed_editions
from digest.db import engine as database
from digest.db import model_calls, verdicts
from digest.db.locks import BusyError
from digest.pipeline import close_editions, coverage, editions
from digest.pipeline.close_editions import ClosingOutcome, Pause


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter of tokens and time since its start."""

    app: App
    _since: datetime
    _before: int
    _started: float

    @classmethod
    async def start(cls, app: App) -> "Meter":
        now = app.wall_clock()
        return cls(app, now, await _tokens(app, now), time.monotonic())

    async def tokens(self) -> int:
        """Return the tokens used since the start, over all calls."""
        return await _tokens(self.app, self._since) - self._before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started


async def _tokens(app: App, since: datetime) -> int:
    async with database.reading(app.engine) as connection:
        totals = await model_calls.totals(connection, since)
    return sum(total.tokens for total in totals.values())


_log = structlog.get_logger()

Ready = Callable[[], Awaitable[None]]
"""A callback after an edition is made in one more language, so that it can be delivered."""


async def _nobody() -> None:
    """Do nothing, because nothing is delivered."""


@dataclass(frozen=True, slots=True)
class Work:
    """The result of a run: the state of the edition that is due, and the reports of the editions worked on."""

    outcome: ClosingOutcome
    accounts: tuple[RunReport, ...]
    unexplained: tuple[PaperId, ...] = ()

    @property
    def news(self) -> tuple[RunReport, ...]:
        """The reports of the edition that is due, and of those that this run closed or whose posts it changed."""
        days = {self.outcome.day, *(closed.date for closed in self.outcome.closed)}
        return tuple(each for each in self.accounts if each.changed or each.edition.date in days)


async def work(
    app: App, at: datetime, report: Report, pause: Pause | None = None, ready: Ready = _nobody
) -> Work:
    """Make the editions due at `at`, write their posts, and complete earlier editions.

    With `pause`, wait until arXiv shows the whole batch. The edition that is due comes before earlier ones and waits
    for none. Raises DigestError; BusyError if another process is doing this. `publishing` retries posts that could not
    be written, and pushes them.
    """
    async with app.editions.held(), _running(app, report, ready) as run:
        try:
            outcome = await close_editions.close(
                app.engine, app.sources, app.plan, at, report, run.used(pause) if pause else None
            )
        except SourceError:
            await run.earlier_completed()
            await run.complete(await _incomplete(app))  # editions that were closed before are still completed
            raise
        due = {outcome.day} if outcome.standing is close_editions.ClosingState.CLOSED else set()
        await run.complete_first(due)
        await run.complete({*await _incomplete(app)} - due)
        async with database.writing(app.engine) as connection:
            await model_calls.prune_attempts(connection, app.wall_clock())
            await verdicts.prune(connection, app.wall_clock())
        return Work(outcome, run.accounts, await _unexplained(app, outcome.day))


@dataclass
class _DailyRun:
    """The progress of one run."""

    app: App
    report: Report
    ready: Ready
    _accounts: dict[date, RunReport] = field(default_factory=dict)
    _earlier: asyncio.Task[None] | None = None
    """Completes editions before the newest while that one is awaited."""

    @property
    def accounts(self) -> tuple[RunReport, ...]:
        return tuple(self._accounts[day] for day in sorted(self._accounts))

    async def complete(self, days: Collection[date], *, retries: bool = True) -> None:
        """Complete the editions of `days`, except those that another run of this process is making."""
        parts = self.app.editions.parts
        mine = set(days) - parts
        parts |= mine
        try:
            made = await _complete(self.app, sorted(mine), self.report, self.ready, retries=retries)
        finally:
            parts -= mine
        for account in made:
            day = account.edition.date
            self._accounts[day] = account.after(self._accounts.get(day))

    async def complete_first(self, due: Collection[date]) -> None:
        """Complete the editions of `due`, and then finish the earlier ones that were begun."""
        await self.complete(due)
        await self.earlier_completed()

    def used(self, pause: Pause) -> Pause:
        """Wrap `pause` to complete closed editions meanwhile: hours may pass until the newest edition closes.

        Longer work continues during the next checks.
        """

        async def pausing(time: timedelta) -> datetime:
            if self._earlier is None or self._earlier.done():
                await self.earlier_completed()
                self._earlier = asyncio.create_task(self._complete_earlier())
            await asyncio.wait({self._earlier}, timeout=time.total_seconds())
            return await pause(time if self._earlier.done() else timedelta())

        return pausing

    async def _complete_earlier(self) -> None:
        """Complete earlier editions. Their other languages come later: the newest edition may need the budget."""
        await self.complete({*await _incomplete(self.app)} - self._accounts.keys(), retries=False)

    async def earlier_completed(self) -> None:
        """Wait for the completion of earlier editions that was begun. Raises DigestError."""
        if self._earlier is not None:
            earlier, self._earlier = self._earlier, None
            await earlier

    async def close(self) -> None:
        """Cancel unfinished work."""
        if self._earlier is not None:
            self._earlier.cancel()
            await asyncio.gather(self._earlier, return_exceptions=True)


@asynccontextmanager
async def _running(app: App, report: Report, ready: Ready) -> AsyncIterator[_DailyRun]:
    run = _DailyRun(app, report, ready)
    try:
        yield run
    finally:
        await run.close()


async def rebuild(app: App, wanted: date, report: Report) -> RunReport | None:
    """Complete the edition of that day and write its post. Returns None if there is no such edition.

    Raises DigestError as `work` does.
    """
    async with app.editions.held():
        if wanted in app.editions.parts:
            raise BusyError(f"The edition of {wanted} is being made at the moment.")
        async with database.reading(app.engine) as connection:
            known = await closed_editions.find(connection, wanted)
        return (await _complete(app, [wanted], report, _nobody, retries=True))[0] if known else None


async def stored(app: App, wanted: date, language: str) -> Edition | None:
    """Return the edition of that day in a language, as far as it is made; None if there is none."""
    async with database.reading(app.engine) as connection:
        closed = await closed_editions.find(connection, wanted)
        if closed is None:
            return None
        others = await _others(app, connection) if language != app.paper_service.language else {}
    extent = (
        Extent.READINGS if language == app.paper_service.language else others.get(language, Extent.NOTHING)
    )
    return await editions.stored(app.engine, app.paper_service_in(language), closed, extent)


async def _unexplained(app: App, day: date) -> tuple[PaperId, ...]:
    """Return papers announced in the week before `day` that no edition shows, without a reason. They cause an alert."""
    days = await coverage.between(app.engine, app.plan.calendar, day - editions.WEEK, day)
    found = tuple(paper for each in days for paper in each.unexplained)
    if found:
        _log.error("unexplained", papers=[str(paper) for paper in found])
    return found


async def _incomplete(app: App) -> list[date]:
    async with database.reading(app.engine) as connection:
        return await closed_editions.incomplete(connection)


async def _complete(
    app: App, days: list[date], report: Report, ready: Ready, *, retries: bool
) -> tuple[RunReport, ...]:
    """Complete the editions of `days` in TARGET_LANGUAGE, and then in the others, which may wait without `retries`."""
    opened = [await _closed(app, day) for day in days]
    accounts = [await _edition(app, closed, report, ready) for closed in opened]
    async with database.reading(app.engine) as connection:
        others = await _others(app, connection)
    for number, closed in enumerate(opened):
        if retries or closed.archived_at is None:
            accounts[number] = await _in_others(app, closed, accounts[number], others, report, ready)
    return tuple(accounts)


async def _closed(app: App, day: date) -> ClosedEdition:
    async with database.reading(app.engine) as connection:
        closed = await closed_editions.find(connection, day)
    if closed is None:
        raise AssertionError(f"the edition of {day} was closed a moment ago")
    return closed


async def _others(app: App, connection: AsyncConnection) -> dict[str, Extent]:
    """Return the languages other than TARGET_LANGUAGE in which editions are made, with the extent of each."""
    wanted = await subscribers.languages(connection)
    return {language: extent for language, extent in wanted.items() if language != app.paper_service.language}


async def _edition(app: App, closed: ClosedEdition, report: Report, ready: Ready) -> RunReport:
    meter = await Meter.start(app)
    edition = await editions.make(app.engine, app.paper_service, closed, app.clock(), app.concurrency, report)
    async with database.writing(app.engine) as connection:
        await closed_editions.mark_archived(connection, edition.date, app.clock())
        await closed_editions.note_made(connection, edition.date, edition.language, app.clock())
    await ready()
    post = await post_writer.write(app, edition)
    return RunReport(edition, post, await meter.tokens(), meter.seconds)


async def _in_others(
    app: App,
    closed: ClosedEdition,
    account: RunReport,
    others: Mapping[str, Extent],
    report: Report,
    ready: Ready,
) -> RunReport:
    """Make the edition in the other languages, add that to the report, and mark the edition if it is complete."""
    meter = await Meter.start(app)
    made = []
    for language, extent in others.items():
        paper_service = app.paper_service_in(language)
        made.append(
            await editions.make(
                app.engine, paper_service, closed, app.clock(), app.concurrency, report, extent
            )
        )
        await _note_made(app, closed.date, language, ready)
    await _note_made(app, closed.date, closed_editions.ALL, ready)
    await _mark(app, closed, (account.edition, *made))
    return account.with_others(tuple(map(EditionCounts, made)), await meter.tokens(), meter.seconds)


async def _note_made(app: App, day: date, language: str, ready: Ready) -> None:
    async with database.writing(app.engine) as connection:
        await closed_editions.note_made(connection, day, language, app.clock())
    await ready()


async def _mark(app: App, closed: ClosedEdition, made: Collection[Edition]) -> None:
    now = app.clock()
    done = all(map(editions.is_complete, made)) or now >= closed.closed_at + editions.WEEK
    if done and closed.completed_at is None:
        async with database.writing(app.engine) as connection:
            await closed_editions.mark_completed(connection, closed.date, now)
