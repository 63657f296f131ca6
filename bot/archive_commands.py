"""`arxiv-daily archive …`: the posts on disk."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import command_line
from bot.app import open_database
from bot.command_line import say
from bot.settings import Settings
from digest.archive import faults, files, importing, post, repair
from digest.errors import ArchiveError

app = typer.Typer(help="Posts: find faults, take old ones over, mend them.", no_args_is_help=True)
Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH…", help="Posts, or folders of posts.", exists=True, readable=True),
]


@app.command()
def check(paths: Paths) -> None:
    """Names file, line and fault of each unsound post."""
    count = 0
    for path in _posts(paths):
        for fault in faults.check(files.read(path)):
            say(f"{path}:{fault.line}: {fault.kind}: {fault.sentence}")
            count += 1
    if count:
        raise ArchiveError(f"{count} faults found; `arxiv-daily archive repair` mends most.")
    say("All posts are sound.")


@app.command("repair")
def mend(paths: Paths) -> None:
    """Mends posts: merge conflicts, leaked errors, uneven readings. A post that cannot be mended stays as it is."""
    zone, failed = command_line.load().timezone, 0
    for path in _posts(paths):
        try:
            changed = files.write(path, repair.repair(files.read(path), zone))
        except ArchiveError as error:
            say(f"{path}: {error}", err=True)
            failed += 1
        else:
            say(f"{path}: {'mended' if changed else 'sound'}")
    if failed:
        raise ArchiveError(f"{failed} posts could not be mended.")


@app.command("import")
def take_over(paths: Paths) -> None:
    """Takes sound posts over into the database, each as the edition of its day."""
    asyncio.run(_take_over(command_line.load(), list(_posts(paths))))


async def _take_over(loaded: Settings, found: list[Path]) -> None:
    async with open_database(loaded) as engine:
        for path in found:
            say(f"{path}: {await _import(engine, loaded, path)}")


async def _import(engine: AsyncEngine, loaded: Settings, path: Path) -> str:
    text = files.read(path)
    wrong = [fault for fault in faults.check(text) if fault.kind is not faults.FaultKind.TABLE]
    if wrong:
        raise ArchiveError(
            f"{path}:{wrong[0].line}: {wrong[0].sentence}. Run `arxiv-daily archive repair` first."
        )
    edition = post.parse(text, loaded.timezone)
    taken = await importing.take_over(engine, edition, datetime.now(UTC))
    return f"{len(edition.entries)} papers taken over" if taken else "its day is in the database already"


def _posts(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*-arxiv.md")) if path.is_dir() else [path]
