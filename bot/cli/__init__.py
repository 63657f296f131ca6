"""The commands. Exit codes: 0 for success, 1 for a failure with one sentence, 2 for wrong usage."""

import asyncio
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from bot import command_line, logs
from bot.cli import archive, editions, subscribers, translations
from bot.cli import bounces as bounce_commands
from bot.cli.demo import demonstrate
from bot.cli.preview import Medium, preview
from bot.cli.progress import reporting
from bot.command_line import say
from bot.container import open_app, open_database
from bot.doctor import doctor
from bot.loops import Loop
from bot.serve import serve, stopping
from bot.settings import Settings
from digest.core import ids
from digest.core.errors import DigestError, InvalidPaperIdError, ModelError
from digest.core.ids import PaperRef
from digest.core.models import Gap
from digest.core.progress import Onlooker
from digest.pipeline.answering import QUESTION_LIMIT
from digest.render import text

app = typer.Typer(
    help="The day's arXiv papers, translated and read in depth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
database = typer.Typer(help="The database.", no_args_is_help=True)
app.command()(editions.run)
app.command()(editions.build)
app.command()(editions.deliver)
app.command()(editions.coverage)
app.command()(editions.quality)
app.command()(translations.edit)
app.add_typer(archive.app, name="archive")
app.command()(bounce_commands.bounces)
app.command()(doctor)
app.add_typer(database, name="db")
app.add_typer(subscribers.app, name="subscribers")


def main() -> None:
    """Run the program `arxiv-daily`."""
    try:
        app()
    except DigestError as error:
        _fail(error)
    except ExceptionGroup as group:  # tasks that failed in parallel: the first message is enough
        first = _first(group)
        if not isinstance(first, DigestError):
            raise
        _fail(first)


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _fail(error: DigestError) -> NoReturn:
    say(f"arxiv-daily: {error}", err=True)
    sys.exit(1)


@app.command("serve")
def serve_() -> None:
    """Run the whole bot in one process: Telegram, schedule, delivery. Stops cleanly on SIGTERM."""
    loaded = command_line.load()
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_serve(loaded))


@app.command()
def paper(
    name: Annotated[str, typer.Argument(metavar="ID", help="An arXiv identifier or link.")],
    ask: Annotated[
        str, typer.Option("--ask", metavar="QUESTION", help="Answer this question from the paper.")
    ] = "",
) -> None:
    """Show the translation and the reading of any paper, or answer a question about it."""
    try:
        ref = ids.parse(name)
    except InvalidPaperIdError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None
    if len(ask) > QUESTION_LIMIT:
        raise typer.BadParameter(
            f"A question may have at most {QUESTION_LIMIT} characters.", param_hint="--ask"
        )
    loaded = command_line.load()
    say(asyncio.run(_answer(loaded, ref, ask) if ask else _paper(loaded, ref)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.")] = Path("demo"),
) -> None:
    """Make an edition from the bundled sample, without network or keys."""
    logs.configure("text", quiet=True)
    with reporting(Console(stderr=True)) as report:
        shown = asyncio.run(demonstrate(out, report))
    say(text.render("accounts", accounts=[shown.account]), nl=False)
    say(f"As a page for the browser: {shown.page}")
    say(f"As Telegram messages: {shown.chat}")
    say(f"As mail: {shown.mail}, also as .html and .txt")


@app.command("preview")
def preview_(
    channel: Annotated[Medium, typer.Option(help="The channel.")],
    day_: Annotated[str, typer.Option("--date", metavar="DATE", help="The edition's date.")],
    subscriber: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The subscriber; by default one without preferences.")
    ] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.")] = Path("preview"),
) -> None:
    """Write the messages of a subscriber for an edition to files. Nothing is sent."""
    loaded = command_line.load()
    wanted = command_line.required_day(day_, "--date")
    for path in asyncio.run(_preview(loaded, channel, wanted, subscriber or None, out)):
        say(path)


@database.command("upgrade")
def upgrade() -> None:
    """Upgrade the database."""
    asyncio.run(_upgrade(command_line.load()))
    say("The database is up to date.")


async def _preview(
    loaded: Settings, channel: Medium, wanted: date, address: str | None, out: Path
) -> tuple[Path, ...]:
    async with open_app(loaded, command_line.now) as parts:
        return await preview(parts, loaded, channel, wanted, address, out)


async def _serve(loaded: Settings) -> None:
    await serve(loaded, command_line.now, stopping())


async def _paper(loaded: Settings, ref: PaperRef) -> str:
    async with open_app(loaded, command_line.now) as parts:
        found = await parts.library.paper(ref)
        async with asyncio.TaskGroup() as group:
            translation = group.create_task(parts.library.translation(found, Onlooker()))
            reading = group.create_task(parts.library.reading(found, Onlooker()))
        earlier = await parts.library.earlier_reading(found)
        return text.paper(found, translation.result(), reading.result(), loaded.target_language, earlier)


async def _answer(loaded: Settings, ref: PaperRef, question: str) -> str:
    async with open_app(loaded, command_line.now) as parts:
        found = await parts.library.paper(ref)
        answer = await parts.library.answer(found, question)
    if isinstance(answer, Gap):
        raise ModelError(text.render("unanswered", why=answer).strip())
    return text.render("answer", answer=answer, paper=found).strip()


async def _upgrade(loaded: Settings) -> None:
    async with open_database(loaded):
        pass
