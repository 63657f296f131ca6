"""The commands that make, deliver and report editions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from bot import channel_setup, command_line, daily_run, post_writer, publishing, scheduler
from bot.channel_setup import routes
from bot.command_line import At, reporting, say
from bot.container import App, calendar, open_app, open_database
from bot.core.models import AlertKind
from bot.daily_run import Work
from bot.deliver_once import Courier, Delivered, deliver_day
from bot.settings import Settings
from digest.core.errors import DigestError
from digest.core.progress import Report
from digest.db.locks import BusyError
from digest.pipeline import coverage as coverages
from digest.pipeline.close_editions import ClosingState, Pause
from digest.pipeline.coverage import Coverage
from digest.render import terminal


def run(at: At = "") -> None:
    """Make, archive and deliver the edition that is due, and exit: for cron and CI schedules.

    Without --at it waits until arXiv shows the whole batch, if necessary for hours. Missed editions are made too, and
    earlier ones are completed. A failing part does not stop the others; the command then exits with 1, and the next run
    tries that part again.
    """
    loaded = command_line.load()
    _end(loaded, asyncio.run(_work(loaded, at, delivers=True)))


def build(
    at: At = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each paper that was left out, and why.")
    ] = False,
) -> None:
    """Do the same as run, without delivering anything."""
    loaded = command_line.load()
    made = asyncio.run(_work(loaded, at, delivers=False))
    if explain and made.work:
        say(asyncio.run(_explained(loaded, made.work)), nl=False)
    _end(loaded, made)


def deliver(
    day_: Annotated[str, typer.Option("--date", metavar="DATE", help="The edition's date.")],
) -> None:
    """Send what is still due of an edition."""
    loaded = command_line.load()
    done = asyncio.run(_deliver(loaded, command_line.required_day(day_, "--date")))
    _show(done)
    _raise(done.faults)


def coverage(
    first: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The first day.", show_default="30 days ago")
    ] = "",
    last: Annotated[
        str, typer.Option("--to", metavar="DATE", help="The last day.", show_default="today")
    ] = "",
) -> None:
    """Show for each day what arXiv announced, what its edition showed, and why they differ.

    Exits with 1 if a difference has no reason.
    """
    loaded = command_line.load()
    until = command_line.day(last, "--to") or command_line.now().astimezone(loaded.timezone).date()
    begin = command_line.day(first, "--from") or until - timedelta(days=30)
    if begin > until:
        raise typer.BadParameter(f"The first day, {begin}, is after the last, {until}.", param_hint="--from")
    days = asyncio.run(_coverage(loaded, begin, until))
    say(terminal.render("coverage", days=days), nl=False)
    if any(day.unexplained for day in days):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Made:
    """The result of a run, its deliveries (None without a channel), and all errors."""

    work: Work | None
    delivered: Delivered | None
    faults: tuple[DigestError, ...]


async def _work(loaded: Settings, at: str, *, delivers: bool) -> _Made:
    began = command_line.now()
    moment = command_line.moment(at, loaded) if at else began

    def clock() -> datetime:
        return moment + (command_line.now() - began)

    async def pause(time: timedelta) -> datetime:
        await asyncio.sleep(time.total_seconds())
        return clock()

    async with open_app(loaded, clock, wall_clock=command_line.now) as parts, _alerting(parts, loaded):
        courier = Courier(parts, loaded) if delivers and channel_setup.has_channel(loaded) else None
        if courier is None and (fault := await post_writer.obstacle(parts)):
            raise fault  # without channels there is nothing but the post
        with reporting(Console(stderr=True)) as report:
            run = _CommandRun(parts, moment, report, None if at else pause, delivers, courier)
            return await run.made()


@dataclass(frozen=True, slots=True)
class _CommandRun:
    """A command that makes editions from `moment` on. With `delivers`, `courier` sends their deliveries."""

    parts: App
    moment: datetime
    report: Report
    pause: Pause | None
    delivers: bool
    courier: Courier | None

    async def made(self) -> _Made:
        """Run all parts; a failing part does not stop the others. Raises StoreError."""
        async with self.courier.at_work() if self.courier else nullcontext():
            await self._ready()
            work, failed = await self._worked()
            unpublished = await publishing.publish(self.parts)
        days = {*(each.date for each in work.outcome.closed), work.outcome.day} if work else set()
        delivered = await self.courier.delivered(sorted(days)) if self.courier else None
        faults = [failed, unpublished, *(delivered.faults if delivered else ())]
        return _Made(work, delivered, tuple(fault for fault in faults if fault is not None))

    async def _ready(self) -> None:
        if self.delivers:
            await scheduler.give_out(self.parts, self.courier.wake if self.courier else None)
        if self.courier:
            self.courier.wake()

    async def _worked(self) -> tuple[Work | None, DigestError | None]:
        """Make the editions and alert the operator. Returns the result, and the error if little or nothing was
        translated.
        """
        try:
            work = await daily_run.work(self.parts, self.moment, self.report, self.pause, self._ready)
        except BusyError as error:  # the other process reports it
            return None, error
        except DigestError as error:
            await self.parts.alerts.raise_(AlertKind.EDITION_FAILED, reason=str(error))
            return None, error
        if self.delivers:
            await scheduler.give_out_quiet(self.parts, work)
        return work, await scheduler.alert(self.parts, work)


@asynccontextmanager
async def _alerting(parts: App, loaded: Settings) -> AsyncIterator[None]:
    """Send due alerts at the end of the block, as `serve` does while it runs."""
    try:
        yield
    finally:
        await parts.alerts.tell(routes(parts, loaded))


async def _deliver(loaded: Settings, wanted: date) -> Delivered:
    async with open_app(loaded, command_line.now) as parts, _alerting(parts, loaded):
        return await deliver_day(parts, loaded, wanted)


async def _explained(loaded: Settings, made: Work) -> str:
    async with open_database(loaded) as engine:
        return terminal.render(
            "left_out", editions=[await coverages.of_edition(engine, each.edition.date) for each in made.news]
        )


async def _coverage(loaded: Settings, first: date, last: date) -> list[Coverage]:
    async with open_database(loaded) as engine:
        return await coverages.between(engine, calendar(loaded), first, last)


def _end(loaded: Settings, made: _Made) -> None:
    """Print what was made and delivered, and exit with 1 if something is missing."""
    if made.delivered:
        _show(made.delivered)
    if made.work:
        _tell(loaded, made.work)
    _raise(made.faults)
    if made.work and (made.work.outcome.standing is ClosingState.MISSING or made.work.outcome.overdue):
        raise typer.Exit(1)


def _show(done: Delivered) -> None:
    say(terminal.render("delivered", states=done.states, elsewhere=done.elsewhere), nl=False)


def _raise(faults: Sequence[DigestError]) -> None:
    if faults:
        raise DigestError(" ".join(str(fault) for fault in faults)) from faults[0]


def _tell(loaded: Settings, made: Work) -> None:
    say(
        terminal.render(
            "work",
            accounts=made.news,
            standing=made.outcome.standing,
            day=made.outcome.day,
            next=calendar(loaded).next_edition(calendar(loaded).anchor(made.outcome.day)),
            categories=loaded.arxiv_categories,
            silent=made.outcome.silent,
            overdue=made.outcome.overdue,
        ),
        nl=False,
    )
    if made.unexplained:
        say(terminal.render("unexplained", papers=made.unexplained), err=True, nl=False)
