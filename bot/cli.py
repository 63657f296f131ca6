"""The commands. Each ends with 0 when it is done, 1 with one sentence when it failed, 2 when called wrongly."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from bot import archive_commands, day, logs, settings
from bot.app import calendar, open_app, open_database
from bot.day import Work
from bot.delivering import Delivered, deliver_day, deliver_made
from bot.demo import demonstrate
from bot.progress import reporting
from bot.serve import serve, stopping
from bot.settings import Settings
from digest import coverage as coverages
from digest import ids
from digest.answering import QUESTION_LIMIT
from digest.collection import Standing
from digest.coverage import Coverage
from digest.errors import DigestError, InvalidPaperIdError, ModelError
from digest.ids import PaperRef
from digest.models import Gap
from digest.progress import Onlooker
from digest.render import text

app = typer.Typer(
    help="The day's arXiv papers, translated and read in depth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
database = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(archive_commands.app, name="archive")
app.add_typer(database, name="db")

_YEARS = range(1991, 2200)

At = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="TIME",
        help="As if it were TIME: a date, or a date and a time such as 2026-02-12T09:00, in TIMEZONE unless "
        "it names an offset.",
        show_default="now",
    ),
]


def main() -> None:
    """The program `arxiv-daily`."""
    try:
        app()
    except DigestError as error:
        _fail(error)
    except ExceptionGroup as group:  # of tasks that failed side by side: the first sentence tells enough
        first = _first(group)
        if not isinstance(first, DigestError):
            raise
        _fail(first)


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _fail(error: DigestError) -> NoReturn:
    typer.echo(f"arxiv-daily: {error}", err=True)
    sys.exit(1)


@app.command()
def run(at: At = "") -> None:
    """Makes and archives the edition that is due, and exits: for cron and CI schedules.

    Without --at it waits, for hours if it must, until arXiv shows the whole batch. Editions that were missed are made
    too, and what an earlier one still lacks is completed.
    """
    loaded = _settings()
    made = asyncio.run(_work(loaded, at, delivers=True))
    if made.delivered:
        typer.echo(text.render("delivered", states=made.delivered.states), nl=False)
    _tell(loaded, made.work)


@app.command()
def build(
    at: At = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Shows each paper that was left out, and why.")
    ] = False,
) -> None:
    """The same as run, but delivers nothing."""
    loaded = _settings()
    made = asyncio.run(_work(loaded, at, delivers=False)).work
    if explain:
        typer.echo(asyncio.run(_explained(loaded, made)), nl=False)
    _tell(loaded, made)


@app.command()
def deliver(
    day_: Annotated[str, typer.Option("--date", metavar="DATE", help="The edition's date.")],
) -> None:
    """Sends what is still due of an edition."""
    loaded = _settings()
    wanted = _date(day_, "--date")
    if wanted is None:
        raise typer.BadParameter("give a date such as 2026-02-12.", param_hint="--date")
    done = asyncio.run(_deliver(loaded, wanted))
    typer.echo(text.render("delivered", states=done.states), nl=False)


@app.command("serve")
def serve_() -> None:
    """The whole bot in one process: Telegram, schedule, delivery. Ends cleanly on SIGTERM."""
    asyncio.run(_serve(_settings()))


@app.command()
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
    loaded = _settings()
    until = _date(last, "--to") or _now().astimezone(loaded.timezone).date()
    begin = _date(first, "--from") or until - timedelta(days=30)
    if begin > until:
        raise typer.BadParameter(f"The first day, {begin}, is after the last, {until}.", param_hint="--from")
    days = asyncio.run(_coverage(loaded, begin, until))
    typer.echo(text.render("coverage", days=days), nl=False)
    if any(day.unexplained for day in days):
        raise typer.Exit(1)


@app.command()
def paper(
    name: Annotated[str, typer.Argument(metavar="ID", help="An arXiv identifier or link.")],
    ask: Annotated[str, typer.Option("--ask", metavar="QUESTION", help="Answers this from the paper.")] = "",
) -> None:
    """Shows the translation and the reading of any paper, or answers a question about it."""
    try:
        ref = ids.parse(name)
    except InvalidPaperIdError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None
    if len(ask) > QUESTION_LIMIT:
        raise typer.BadParameter(
            f"A question has {QUESTION_LIMIT} characters at the most.", param_hint="--ask"
        )
    typer.echo(asyncio.run(_answer(_settings(), ref, ask) if ask else _paper(_settings(), ref)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("demo"),
) -> None:
    """Makes an edition from the bundled sample: no network, no keys."""
    logs.configure("text", quiet=True)
    with reporting(Console(stderr=True)) as report:
        shown = asyncio.run(demonstrate(out, report))
    typer.echo(text.render("accounts", accounts=[shown.account]), nl=False)
    typer.echo(f"The same as a page to open in a browser: {shown.page}")
    typer.echo(f"What subscribers get in Telegram: {shown.chat}")


@database.command("upgrade")
def upgrade() -> None:
    """Brings the database up to date."""
    asyncio.run(_upgrade(_settings()))
    typer.echo("The database is up to date.")


def _settings() -> Settings:
    loaded = settings.load()
    logs.configure(loaded.log_format, quiet=sys.stderr.isatty())
    return loaded


def _moment(at: str, loaded: Settings) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(
            f"“{at}” is no time; give one such as 2026-02-12T09:00.", param_hint="--at"
        ) from None
    if moment.year not in _YEARS:
        raise typer.BadParameter(f"arXiv announces nothing in the year {moment.year}.", param_hint="--at")
    if _is_date(at):
        return calendar(loaded).anchor(moment.date())
    return (moment if moment.tzinfo else moment.replace(tzinfo=loaded.timezone)).astimezone(UTC)


def _is_date(given: str) -> bool:
    """Whether `given` is a date without a time."""
    try:
        date.fromisoformat(given)
    except ValueError:
        return False
    return True


def _date(given: str, option: str) -> date | None:
    try:
        day = date.fromisoformat(given) if given else None
    except ValueError:
        raise typer.BadParameter(
            f"“{given}” is no date; give one such as 2026-02-12.", param_hint=option
        ) from None
    if day is not None and day.year not in _YEARS:
        raise typer.BadParameter(f"arXiv announces nothing in the year {day.year}.", param_hint=option)
    return day


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a run came to, and what was delivered of it: None where there is no channel."""

    work: Work
    delivered: Delivered | None = None


async def _work(loaded: Settings, at: str, *, delivers: bool) -> _Made:
    began = _now()
    moment = _moment(at, loaded) if at else began

    def clock() -> datetime:
        return moment + (_now() - began)

    async def pause(time: timedelta) -> datetime:
        await asyncio.sleep(time.total_seconds())
        return clock()

    async with open_app(loaded, clock, wall_clock=_now) as parts:
        with reporting(Console(stderr=True)) as report:
            made = await day.work(parts, moment, report, None if at else pause)
        delivered = await deliver_made(parts, loaded, made) if delivers else None
        return _Made(made, delivered)


async def _deliver(loaded: Settings, wanted: date) -> Delivered:
    async with open_app(loaded, _now) as parts:
        return await deliver_day(parts, loaded, wanted)


async def _serve(loaded: Settings) -> None:
    await serve(loaded, _now, stopping())


async def _explained(loaded: Settings, made: Work) -> str:
    async with open_database(loaded) as engine:
        return text.render(
            "left_out", editions=[await coverages.of_edition(engine, each.edition.date) for each in made.news]
        )


async def _coverage(loaded: Settings, first: date, last: date) -> list[Coverage]:
    async with open_database(loaded) as engine:
        return await coverages.between(engine, calendar(loaded), first, last)


async def _paper(loaded: Settings, ref: PaperRef) -> str:
    async with open_app(loaded, _now) as parts:
        found = await parts.library.paper(ref)
        async with asyncio.TaskGroup() as group:
            translation = group.create_task(parts.library.translation(found, Onlooker()))
            reading = group.create_task(parts.library.reading(found, Onlooker()))
        earlier = await parts.library.earlier_reading(found)
        return text.paper(found, translation.result(), reading.result(), loaded.target_language, earlier)


async def _answer(loaded: Settings, ref: PaperRef, question: str) -> str:
    async with open_app(loaded, _now) as parts:
        found = await parts.library.paper(ref)
        answer = await parts.library.answer(found, question)
    if isinstance(answer, Gap):
        raise ModelError(text.render("unanswered", why=answer).strip())
    return text.render("answer", answer=answer, paper=found).strip()


async def _upgrade(loaded: Settings) -> None:
    async with open_database(loaded):
        pass


def _tell(loaded: Settings, made: Work) -> None:
    typer.echo(
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
        typer.echo(text.render("unexplained", papers=made.unexplained), err=True, nl=False)
    if made.outcome.standing is Standing.MISSING or made.outcome.overdue:
        raise typer.Exit(1)
