"""The day's work from arXiv to the archive, and the account of it."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import structlog

from bot.app import App
from digest import collection, coverage, editions
from digest.archive import files, git
from digest.collection import Outcome, Pause
from digest.errors import ArchiveError, SourceError
from digest.models import ClosedEdition, Edition, Entry, Gap, PaperId, Reading, Translation
from digest.progress import Report
from digest.render import jekyll
from digest.store import attempts, calls
from digest.store import editions as closed_editions
from digest.store import engine as database
from digest.store.exclusive import exclusive

_log = structlog.get_logger()
_WORK = "editions"
_PASSING = frozenset({Gap.NO_KEY, Gap.BUDGET, Gap.NO_TEXT_YET, Gap.DUE})


@dataclass(frozen=True, slots=True)
class Account:
    """What a run came to for one edition: the edition as it stands, its post, and this run's own tokens and seconds.

    `post` is None where the edition left out all its papers; `changed` tells whether this run wrote it.
    """

    edition: Edition
    post: Path | None
    changed: bool
    tokens: int
    seconds: float

    @property
    def papers(self) -> int:
        return len(self.edition.entries)

    @property
    def translated(self) -> int:
        """Papers with a translation, whenever it was made."""
        return sum(isinstance(entry.translation, Translation) for entry in self.edition.entries)

    @property
    def read(self) -> int:
        """Papers with a reading, whenever it was made."""
        return sum(isinstance(entry.reading, Reading) for entry in self.edition.entries)

    @property
    def waiting(self) -> int:
        """Papers whose translation or reading is still to come."""
        return sum(bool(_gaps(entry) & _PASSING) for entry in self.edition.entries)

    def after(self, earlier: "Account | None") -> "Account":
        """This account together with what the same run did for the edition before."""
        if earlier is None:
            return self
        return replace(
            self,
            changed=self.changed or earlier.changed,
            tokens=self.tokens + earlier.tokens,
            seconds=self.seconds + earlier.seconds,
        )

    @property
    def failed(self) -> int:
        """Papers whose translation or reading could not be made this time."""
        return sum(bool(_gaps(entry) - _PASSING) for entry in self.edition.entries)


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

    With `pause`, it waits until arXiv shows the whole batch. Raises DigestError: BusyError where another process does
    this already. A post that was written stays written when it could not be pushed.
    """
    files.require(app.posts)
    async with exclusive(app.engine, _WORK):
        run = _Run(app, report)
        try:
            outcome = await collection.close(
                app.engine, app.sources, app.plan, at, report, run.used(pause) if pause else None
            )
        except SourceError:
            await run.complete(await _incomplete(app))  # what was closed before need not suffer
            raise
        due = {outcome.day} if outcome.standing is collection.Standing.CLOSED else set()
        await run.complete({*await _incomplete(app), *run.unpublished, *due})
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

    @property
    def accounts(self) -> tuple[Account, ...]:
        return tuple(self._accounts[day] for day in sorted(self._accounts))

    async def complete(self, days: Collection[date]) -> None:
        for account in await _complete(self.app, sorted(days), self.report):
            day = account.edition.date
            self._accounts[day] = account.after(self._accounts.get(day))

    def used(self, pause: Pause) -> Pause:
        """`pause`, with what is closed already made before it: hours may go by until the newest edition closes."""

        async def pausing(time: timedelta) -> datetime:
            days = {*await _incomplete(self.app)} - self._accounts.keys() - self.unpublished
            try:
                await self.complete(days)
            except ArchiveError as error:  # its time comes again at the end of the run
                _log.warning("not_archived", error=str(error))
                self.unpublished |= days
            return await pause(time)

        return pausing


async def rebuild(app: App, wanted: date, report: Report) -> Account | None:
    """Makes what the edition of that day lacks, and writes its post; None where there is no such edition.

    Raises DigestError as `work` does.
    """
    files.require(app.posts)
    async with exclusive(app.engine, _WORK):
        async with database.reading(app.engine) as connection:
            known = await closed_editions.find(connection, wanted)
        return (await _complete(app, [wanted], report))[0] if known else None


async def stored(app: App, wanted: date, language: str) -> Edition | None:
    """The edition of that day in a language, as far as it is made; None where there is none."""
    async with database.reading(app.engine) as connection:
        closed = await closed_editions.find(connection, wanted)
    return None if closed is None else await editions.stored(app.engine, app.library_in(language), closed)


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


async def _complete(app: App, days: list[date], report: Report) -> tuple[Account, ...]:
    accounts = tuple([await _edition(app, day, report) for day in days])
    posts = [account.post for account in accounts if account.post is not None]
    if app.with_git and posts:
        named = ", ".join(str(account.edition.date) for account in accounts if account.changed)
        try:
            await git.publish(app.posts, posts, f"arXiv Daily {named or days[-1]}")
        except ArchiveError as error:
            written = ", ".join(post.name for post in posts)
            raise ArchiveError(f"The post {written} is written, but not published. {error}") from error
    return accounts


async def _edition(app: App, day: date, report: Report) -> Account:
    began, started = app.wall_clock(), time.monotonic()
    async with database.reading(app.engine) as connection:
        closed = await closed_editions.find(connection, day)
    if closed is None:
        raise AssertionError(f"the edition of {day} was closed a moment ago")
    edition = await editions.make(app.engine, app.library, closed, app.clock(), app.concurrency, report)
    post, changed = await _archive(app, edition)
    await _mark(app, closed, edition)
    async with database.reading(app.engine) as connection:
        totals = await calls.totals(connection, began)
    tokens = sum(total.tokens for total in totals.values())
    return Account(edition, post, changed, tokens, time.monotonic() - started)


async def _archive(app: App, edition: Edition) -> tuple[Path | None, bool]:
    """The post and whether it was written anew; an edition that shows nothing has none."""
    if not edition.entries and not edition.replacements:
        return None, False
    post = app.posts / jekyll.post_name(edition.date)
    changed = await asyncio.to_thread(files.write, post, jekyll.render(edition, app.plan.calendar.zone))
    _log.info("archived", date=str(edition.date), changed=changed)
    return post, changed


async def _mark(app: App, closed: ClosedEdition, edition: Edition) -> None:
    now = app.clock()
    done = editions.is_complete(edition) or now >= closed.closed_at + editions.WEEK
    async with database.writing(app.engine) as connection:
        await closed_editions.mark_archived(connection, edition.date, now)
        if done and closed.completed_at is None:
            await closed_editions.mark_completed(connection, edition.date, now)


def _gaps(entry: Entry) -> set[Gap]:
    return {made for made in (entry.translation, entry.reading) if isinstance(made, Gap)}
