"""The commands that make editions, send them, and account for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from bot import command_line, day, schedule
from bot.alert_routes import routes
from bot.app import App, calendar, open_app, open_database
from bot.command_line import At, say
from bot.day import Work
from bot.delivering import Delivered, deliver_day, deliver_made
from bot.models import AlertKind
from bot.progress import reporting
from bot.settings import Settings
from digest import coverage as coverages
from digest import quality as qualities
from digest.collection import Pause, Standing
from digest.coverage import Coverage
from digest.errors import DigestError
from digest.progress import Report
from digest.quality import Quality
from digest.render import text
from digest.store.exclusive import BusyError


def run(at: At = "") -> None:
    """Makes and archives the edition that is due, and exits: for cron and CI schedules.

    Without --at it waits, for hours if it must, until arXiv shows the whole batch. Editions that were missed are made
    too, and what an earlier one still lacks is completed.
    """
    loaded = command_line.load()
    made = asyncio.run(_work(loaded, at, delivers=True))
    if made.delivered:
        say(
            text.render("delivered", states=made.delivered.states, elsewhere=made.delivered.elsewhere),
            nl=False,
        )
    _tell(loaded, made.work)


def build(
    at: At = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Shows each paper that was left out, and why.")
    ] = False,
) -> None:
    """The same as run, but delivers nothing."""
    loaded = command_line.load()
    made = asyncio.run(_work(loaded, at, delivers=False)).work
    if explain:
        say(asyncio.run(_explained(loaded, made)), nl=False)
    _tell(loaded, made)


def deliver(
    day_: Annotated[str, typer.Option("--date", metavar="DATE", help="The edition's date.")],
) -> None:
    """Sends what is still due of an edition."""
    loaded = command_line.load()
    done = asyncio.run(_deliver(loaded, command_line.required_day(day_, "--date")))
    say(text.render("delivered", states=done.states, elsewhere=done.elsewhere), nl=False)


def coverage(
    first: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The first day.", show_default="30 days ago")
    ] = "",
    last: Annotated[
        str, typer.Option("--to", metavar="DATE", help="The last day.", show_default="today")
    ] = "",
) -> None:
    """Shows for each day what arXiv announced, what its edition showed, and why they differ.

    Ends with 1 if a difference has no reason.
    """
    loaded = command_line.load()
    until = command_line.day(last, "--to") or command_line.now().astimezone(loaded.timezone).date()
    begin = command_line.day(first, "--from") or until - timedelta(days=30)
    if begin > until:
        raise typer.BadParameter(f"The first day, {begin}, is after the last, {until}.", param_hint="--from")
    days = asyncio.run(_coverage(loaded, begin, until))
    say(text.render("coverage", days=days), nl=False)
    if any(day.unexplained for day in days):
        raise typer.Exit(1)


def quality(
    day_: Annotated[
        str, typer.Option("--date", metavar="DATE", help="One edition.", show_default="the last 30 days")
    ] = "",
) -> None:
    """Shows what the checks found in each edition, what became of it, and what it cost.

    With --date it goes into every paper.
    """
    loaded = command_line.load()
    wanted = command_line.day(day_, "--date")
    accounts = asyncio.run(_quality(loaded, wanted))
    shown = text.render("quality", accounts=accounts, details=wanted is not None, prices=loaded.llm_prices)
    say(shown, nl=False)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a run came to, and what was delivered of it: None where there is no channel."""

    work: Work
    delivered: Delivered | None = None


async def _work(loaded: Settings, at: str, *, delivers: bool) -> _Made:
    began = command_line.now()
    moment = command_line.moment(at, loaded) if at else began

    def clock() -> datetime:
        return moment + (command_line.now() - began)

    async def pause(time: timedelta) -> datetime:
        await asyncio.sleep(time.total_seconds())
        return clock()

    async with open_app(loaded, clock, wall_clock=command_line.now) as parts, _alerting(parts, loaded):
        with reporting(Console(stderr=True)) as report:
            made = await _worked(parts, moment, report, None if at else pause)
        delivered = await deliver_made(parts, loaded, made) if delivers else None
        return _Made(made, delivered)


async def _worked(parts: App, moment: datetime, report: Report, pause: Pause | None) -> Work:
    """Has the operator hear of what went wrong, and raises it."""
    try:
        made = await day.work(parts, moment, report, pause)
    except BusyError:  # the other process tells
        raise
    except DigestError as error:
        await parts.alerts.raise_(AlertKind.EDITION_FAILED, reason=str(error))
        raise
    await schedule.alert(parts, made)
    return made


@asynccontextmanager
async def _alerting(parts: App, loaded: Settings) -> AsyncIterator[None]:
    """Tells the operator at the end of the block what is due, as `serve` does while it runs."""
    try:
        yield
    finally:
        await parts.alerts.tell(routes(parts, loaded))


async def _deliver(loaded: Settings, wanted: date) -> Delivered:
    async with open_app(loaded, command_line.now) as parts, _alerting(parts, loaded):
        return await deliver_day(parts, loaded, wanted)


async def _explained(loaded: Settings, made: Work) -> str:
    async with open_database(loaded) as engine:
        return text.render(
            "left_out", editions=[await coverages.of_edition(engine, each.edition.date) for each in made.news]
        )


async def _coverage(loaded: Settings, first: date, last: date) -> list[Coverage]:
    async with open_database(loaded) as engine:
        return await coverages.between(engine, calendar(loaded), first, last)


async def _quality(loaded: Settings, wanted: date | None) -> list[Quality]:
    today = command_line.now().astimezone(loaded.timezone).date()
    async with open_database(loaded) as engine:
        found = await qualities.between(engine, wanted or today - timedelta(days=30), wanted or today)
    if wanted and not found:
        raise DigestError(f"There is no edition of {wanted}.")
    return found


def _tell(loaded: Settings, made: Work) -> None:
    say(
        text.render(
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
        say(text.render("unexplained", papers=made.unexplained), err=True, nl=False)
    if made.outcome.standing is Standing.MISSING or made.outcome.overdue:
        raise typer.Exit(1)
