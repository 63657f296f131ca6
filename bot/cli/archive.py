"""The commands for what is on disk or on standard input: `arxiv-daily archive …` and `arxiv-daily bounces`."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import command_line
from bot.alerts import Alerts
from bot.command_line import say
from bot.container import open_database
from bot.links import Links
from bot.mail import apply_bounces
from bot.mail.apply_bounces import BounceOutcome, mails_in
from bot.settings import Settings, SettingsError
from digest.archive import files, importing, lint, post
from digest.core.errors import ArchiveError
from digest.render import terminal

app = typer.Typer(help="Check, import and repair posts.", no_args_is_help=True)
Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH…", help="Posts, or folders of posts.", exists=True, readable=True),
]


@app.command()
def check(paths: Paths) -> None:
    """Print file, line and fault of each invalid post."""
    count = 0
    for path in _posts(paths):
        for fault in lint.check(files.read(path)):
            say(f"{path}:{fault.line}: {fault.kind}: {fault.sentence}")
            count += 1
    if count:
        raise ArchiveError(f"{count} faults found; `arxiv-daily archive repair` fixes most of them.")
    say("All posts are valid.")


@app.command("repair")
def mend(paths: Paths) -> None:
    """Repair posts: merge conflicts, leaked errors, uneven readings. A post that cannot be repaired stays unchanged."""
    zone, failed = command_line.load().timezone, 0
    for path in _posts(paths):
        try:
            changed = files.write(path, lint.repair(files.read(path), zone))
        except ArchiveError as error:
            say(f"{path}: {error}", err=True)
            failed += 1
        else:
            say(f"{path}: {'repaired' if changed else 'valid'}")
    if failed:
        raise ArchiveError(f"{failed} posts could not be repaired.")


@app.command("import")
def take_over(paths: Paths) -> None:
    """Import valid posts into the database, each as the edition of its day."""
    asyncio.run(_take_over(command_line.load(), list(_posts(paths))))


async def _take_over(loaded: Settings, found: list[Path]) -> None:
    async with open_database(loaded) as engine:
        for path in found:
            say(f"{path}: {await _import(engine, loaded, path)}")


async def _import(engine: AsyncEngine, loaded: Settings, path: Path) -> str:
    text = files.read(path)
    wrong = [fault for fault in lint.check(text) if fault.kind is not lint.FaultKind.TABLE]
    if wrong:
        raise ArchiveError(
            f"{path}:{wrong[0].line}: {wrong[0].sentence}. Run `arxiv-daily archive repair` first."
        )
    edition = post.parse(text, loaded.timezone)
    taken = await importing.take_over(engine, edition, datetime.now(UTC))
    return f"{len(edition.entries)} papers imported" if taken else "its day is already in the database"


def _posts(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*-arxiv.md")) if path.is_dir() else [path]


PIPED = Path("-")
Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Mails or mboxes; - is standard input.", show_default="-"),
]


def bounces(files: Files = None) -> None:
    """Read bounced mail and end the subscriptions that it reports as gone."""
    for path in files or []:
        if path != PIPED and not (path.is_file() and os.access(path, os.R_OK)):
            raise typer.BadParameter(f"{path} is not a readable file.", param_hint="FILE")
    loaded = command_line.load()
    outcomes = asyncio.run(_take(loaded, files or [PIPED]))
    say(terminal.render("bounces", outcomes=outcomes), nl=False)


async def _take(loaded: Settings, files: list[Path]) -> Counter[BounceOutcome]:
    links, now = _links(loaded), datetime.now(UTC)
    async with open_database(loaded) as engine:
        await apply_bounces.forget_old(engine, now)
        outcomes = Counter([await apply_bounces.take(engine, mail, links, now) for mail in _mails(files)])
        await apply_bounces.alert_of_refusals(engine, Alerts(engine, lambda: now), now)
        return outcomes


def _mails(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        if path == PIPED:
            yield from mails_in(sys.stdin.buffer)
        else:
            with path.open("rb") as file:
                yield from mails_in(file)


def _links(loaded: Settings) -> Links:
    if loaded.secret_key is None:
        raise SettingsError("SECRET_KEY is not set: without it, reports cannot be assigned to subscribers.")
    return Links("", loaded.secret_key.get_secret_value(), lambda: datetime.now(UTC))
