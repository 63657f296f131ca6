"""The commands. Each ends with 0 when it is done, 1 with one sentence when it failed, 2 when called wrongly."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from bot import archive_commands, day, logs, settings
from bot.app import open_app, open_database
from bot.day import Account
from bot.demo import demonstrate
from bot.progress import reporting
from bot.settings import Settings
from digest import calendar, ids
from digest.errors import DigestError, InvalidPaperIdError
from digest.ids import PaperRef
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
    """Makes and archives the edition that is due, and exits: for cron and CI schedules."""
    loaded = _settings()
    account = asyncio.run(_edition(loaded, _moment(at, loaded)))
    typer.echo(_told(account) if account else "arXiv shows no new papers; no edition was made.")


@app.command()
def build(at: At = "") -> None:
    """The same as run, but delivers nothing."""
    run(at)


@app.command()
def paper(name: Annotated[str, typer.Argument(metavar="ID", help="An arXiv identifier or link.")]) -> None:
    """Shows the translation and the reading of any paper."""
    try:
        ref = ids.parse(name)
    except InvalidPaperIdError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None
    typer.echo(asyncio.run(_paper(_settings(), ref)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("demo"),
) -> None:
    """Makes an edition from the bundled sample: no network, no keys."""
    logs.configure("text", quiet=True)
    with reporting(Console(stderr=True)) as report:
        account = asyncio.run(demonstrate(out, report))
    typer.echo(_told(account))
    typer.echo(f"The same as a page to open in a browser: {account.post.with_suffix('.html')}")


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
    if not at:
        return _now()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(
            f"“{at}” is no time; give one such as 2026-02-12T09:00.", param_hint="--at"
        ) from None
    if len(at) == len("2026-02-12"):
        return calendar.anchor(moment.date(), loaded.digest_time, loaded.timezone)
    return (moment if moment.tzinfo else moment.replace(tzinfo=loaded.timezone)).astimezone(UTC)


def _now() -> datetime:
    return datetime.now(UTC)


async def _edition(loaded: Settings, at: datetime) -> Account | None:
    async with open_app(loaded, _now) as parts:
        with reporting(Console(stderr=True)) as report:
            return await day.work(parts, at, report)


async def _paper(loaded: Settings, ref: PaperRef) -> str:
    async with open_app(loaded, _now) as parts:
        found = await parts.library.paper(ref)
        async with asyncio.TaskGroup() as group:
            translation = group.create_task(parts.library.translation(found))
            reading = group.create_task(parts.library.reading(found))
        return text.paper(found, translation.result(), reading.result(), loaded.target_language)


async def _upgrade(loaded: Settings) -> None:
    async with open_database(loaded):
        pass


def _told(account: Account) -> str:
    return (
        f"Edition of {account.edition.date}: {account.post}\n"
        f"papers {account.papers} · translated {account.translated} · read {account.read} · "
        f"waiting {account.waiting} · failed {account.failed} · tokens {account.tokens:,} · "
        f"{account.seconds:.1f} s"
    )
