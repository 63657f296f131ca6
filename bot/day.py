"""The day's work from arXiv to the archive, and the account of it.

An edition is made in TARGET_LANGUAGE first, for its post, then in each other language that somebody who is subscribed
reads. Only then is it given out: a delivery is one thing for all, and nobody gets less for the language that they read.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts import Account, Made, Meter
from bot.app import App
from bot.store import subscribers
from digest import collection, coverage, editions
from digest.archive import files, git
from digest.collection import Outcome, Pause
from digest.editions import Extent
from digest.errors import ArchiveError, SourceError
from digest.models import ClosedEdition, Edition, PaperId
from digest.progress import Report
from digest.render import jekyll
from digest.store import attempts
from digest.store import editions as closed_editions
from digest.store import engine as database
from digest.store.exclusive import BusyError

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Work:
    """What a run came to: how it stands with the edition that is due, and the editions that were worked on."""

    outcome: Outcome
    accounts: tuple[Account, ...]
    unexplained: tuple[PaperId, ...] = ()

    @property
    def news(self) -> tuple[Account, ...]:
        """The accounts of the edition that is due, and of those that this run closed or whose posts it wrote anew."""
        days = {self.outcome.day, *(closed.date for closed in self.outcome.closed)}
        return tuple(each for each in self.accounts if each.changed or each.edition.date in days)


async def work(app: App, at: datetime, report: Report, pause: Pause | None = None) -> Work:
    """Makes and archives the editions that are due at `at`, and completes those of which something is still due.

    With `pause`, it waits until arXiv shows the whole batch. The edition that is due goes before earlier ones, and
    waits for none. Raises DigestError: BusyError where another process does this already. A post that was written
    stays written when it could not be pushed.
    """
    files.require(app.posts)
    async with app.editions.held(), _running(app, report) as run:
        try:
            outcome = await collection.close(
                app.engine, app.sources, app.plan, at, report, run.used(pause) if pause else None
            )
        except SourceError:
            await run.earlier_completed()
            await run.complete(await _incomplete(app))  # what was closed before need not suffer
            raise
        due = {outcome.day} if outcome.standing is collection.Standing.CLOSED else set()
        await run.complete_first(due)
        await run.complete({*await _incomplete(app), *run.unpublished} - due)
        async with database.writing(app.engine) as connection:
            await attempts.prune(connection, app.wall_clock())
        return Work(outcome, run.accounts, await _unexplained(app, outcome.day))


@dataclass
class _Run:
    """What one run has made so far."""

    app: App
    report: Report
    unpublished: set[date] = field(default_factory=set)
    _accounts: dict[date, Account] = field(default_factory=dict)
    _earlier: asyncio.Task[None] | None = None
    """Completes the editions before the newest, while that is waited for."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        return tuple(self._accounts[day] for day in sorted(self._accounts))

    async def complete(self, days: Collection[date], *, retries: bool = True) -> None:
        """Makes what the editions of `days` lack, but for those that another run of this process is making."""
        parts = self.app.editions.parts
        mine = set(days) - parts
        parts |= mine
        try:
            made = await _complete(self.app, sorted(mine), self.report, retries=retries)
        finally:
            parts -= mine
        for account in made:
            day = account.edition.date
            self._accounts[day] = account.after(self._accounts.get(day))

    async def complete_first(self, due: Collection[date]) -> None:
        """Completes the editions of `due`, and then what was begun of the earlier ones.

        A post that cannot be published keeps nothing else from being made. Raises ArchiveError at the end.
        """
        fault = None
        try:
            await self.complete(due)
        except ArchiveError as error:
            fault = error
        await self.earlier_completed()
        if fault is not None:
            await self.complete({*await _incomplete(self.app)} - set(due))
            raise fault

    def used(self, pause: Pause) -> Pause:
        """`pause`, with what is closed already made in it: hours may go by until the newest edition closes.

        What takes longer goes on beside the next looks.
        """

        async def pausing(time: timedelta) -> datetime:
            if self._earlier is None or self._earlier.done():
                await self.earlier_completed()
                self._earlier = asyncio.create_task(self._complete_earlier())
            await asyncio.wait({self._earlier}, timeout=time.total_seconds())
            return await pause(time if self._earlier.done() else timedelta())

        return pausing

    async def _complete_earlier(self) -> None:
        """What earlier editions lack in other languages comes later: the newest may need the budget for its own."""
        days = {*await _incomplete(self.app)} - self._accounts.keys() - self.unpublished
        try:
            await self.complete(days, retries=False)
        except ArchiveError as error:  # its time comes again at the end of the run
            _log.warning("not_archived", error=str(error))
            self.unpublished |= days

    async def earlier_completed(self) -> None:
        """Returns once the earlier editions are completed, as far as they were begun. Raises DigestError."""
        if self._earlier is not None:
            earlier, self._earlier = self._earlier, None
            await earlier

    async def close(self) -> None:
        """Ends what is still under way."""
        if self._earlier is not None:
            self._earlier.cancel()
            await asyncio.gather(self._earlier, return_exceptions=True)


@asynccontextmanager
async def _running(app: App, report: Report) -> AsyncIterator[_Run]:
    run = _Run(app, report)
    try:
        yield run
    finally:
        await run.close()


async def rebuild(app: App, wanted: date, report: Report) -> Account | None:
    """Makes what the edition of that day lacks, and writes its post; None where there is no such edition.

    Raises DigestError as `work` does.
    """
    files.require(app.posts)
    async with app.editions.held():
        if wanted in app.editions.parts:
            raise BusyError(f"The edition of {wanted} is being made at this moment.")
        async with database.reading(app.engine) as connection:
            known = await closed_editions.find(connection, wanted)
        return (await _complete(app, [wanted], report, retries=True))[0] if known else None


async def stored(app: App, wanted: date, language: str) -> Edition | None:
    """The edition of that day in a language, as far as it is made; None where there is none."""
    async with database.reading(app.engine) as connection:
        closed = await closed_editions.find(connection, wanted)
        if closed is None:
            return None
        others = await _others(app, connection) if language != app.library.language else {}
    extent = Extent.READINGS if language == app.library.language else others.get(language, Extent.NOTHING)
    return await editions.stored(app.engine, app.library_in(language), closed, extent)


async def _unexplained(app: App, day: date) -> tuple[PaperId, ...]:
    """Papers that arXiv announced in the week to `day`, and that no edition shows, without a reason: an alarm."""
    days = await coverage.between(app.engine, app.plan.calendar, day - editions.WEEK, day)
    found = tuple(paper for each in days for paper in each.unexplained)
    if found:
        _log.error("unexplained", papers=[str(paper) for paper in found])
    return found


async def _incomplete(app: App) -> list[date]:
    async with database.reading(app.engine) as connection:
        return await closed_editions.incomplete(connection)


async def _complete(app: App, days: list[date], report: Report, *, retries: bool) -> tuple[Account, ...]:
    """The editions of `days` in TARGET_LANGUAGE, published, and then in the others; `retries` of these may wait."""
    opened = [await _closed(app, day) for day in days]
    accounts = [await _edition(app, closed, report) for closed in opened]
    fault = await _published(app, accounts)
    async with database.reading(app.engine) as connection:
        others = await _others(app, connection)
    for number, closed in enumerate(opened):
        if retries or closed.archived_at is None:
            accounts[number] = await _in_others(app, closed, accounts[number], others, report)
    if fault is not None:
        raise fault
    return tuple(accounts)


async def _closed(app: App, day: date) -> ClosedEdition:
    async with database.reading(app.engine) as connection:
        closed = await closed_editions.find(connection, day)
    if closed is None:
        raise AssertionError(f"the edition of {day} was closed a moment ago")
    return closed


async def _others(app: App, connection: AsyncConnection) -> dict[str, Extent]:
    """The languages other than TARGET_LANGUAGE that editions are made in, and how much of them."""
    wanted = await subscribers.languages(connection)
    return {language: extent for language, extent in wanted.items() if language != app.library.language}


async def _edition(app: App, closed: ClosedEdition, report: Report) -> Account:
    meter = await Meter.start(app)
    edition = await editions.make(app.engine, app.library, closed, app.clock(), app.concurrency, report)
    post, changed = await _archive(app, edition)
    async with database.writing(app.engine) as connection:
        await closed_editions.mark_archived(connection, edition.date, app.clock())
    return Account(edition, post, changed, await meter.tokens(), meter.seconds)


async def _in_others(
    app: App, closed: ClosedEdition, account: Account, others: Mapping[str, Extent], report: Report
) -> Account:
    """The account of the edition with what was made of it in the other languages; marks what is complete in all."""
    meter = await Meter.start(app)
    made = [
        await editions.make(
            app.engine, app.library_in(language), closed, app.clock(), app.concurrency, report, extent
        )
        for language, extent in others.items()
    ]
    await _mark(app, closed, (account.edition, *made))
    return account.with_others(tuple(map(Made, made)), await meter.tokens(), meter.seconds)


async def _published(app: App, accounts: list[Account]) -> ArchiveError | None:
    """Why the posts could not be published, where they are to be and that failed: the rest of the work goes on."""
    posts = [account.post for account in accounts if account.post is not None]
    if not app.with_git or not posts:
        return None
    named = ", ".join(str(account.edition.date) for account in accounts if account.changed)
    try:
        await git.publish(app.posts, posts, f"arXiv Daily {named or accounts[-1].edition.date}")
    except ArchiveError as error:
        written = ", ".join(post.name for post in posts)
        failed = ArchiveError(f"The post {written} is written, but not published. {error}")
        failed.__cause__ = error
        return failed
    return None


async def _archive(app: App, edition: Edition) -> tuple[Path | None, bool]:
    """The post and whether it was written anew; an edition that shows nothing has none."""
    if not edition.entries and not edition.replacements:
        return None, False
    post = app.posts / jekyll.post_name(edition.date)
    changed = await asyncio.to_thread(files.write, post, jekyll.render(edition, app.plan.calendar.zone))
    _log.info("archived", date=str(edition.date), changed=changed)
    return post, changed


async def _mark(app: App, closed: ClosedEdition, made: Collection[Edition]) -> None:
    now = app.clock()
    done = all(map(editions.is_complete, made)) or now >= closed.closed_at + editions.WEEK
    if done and closed.completed_at is None:
        async with database.writing(app.engine) as connection:
            await closed_editions.mark_completed(connection, closed.date, now)
