"""The commands `arxiv-daily subscribers …`."""

import asyncio
import csv
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import command_line
from bot.command_line import say
from bot.container import open_database
from bot.core.models import ChannelName, ChatKind, Preferences, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.db.tables import subscribers as table
from bot.mail import import_csv, return_path
from bot.mail.import_csv import CsvSheet, Defaults
from bot.settings import Settings
from bot.subscriptions.preferences import Offer
from bot.subscriptions.service import Imported, SubscriptionService
from bot.telegram import templates
from digest.core.errors import DigestError
from digest.core.invisible import removed
from digest.db import engine as database
from digest.render import terminal

app = typer.Typer(help="Manage the subscribers.", no_args_is_help=True)
_FORMULA = re.compile(
    r"[=+@\t\r]|-(?!\d+(:\d+)?$)"
)  # what a spreadsheet would execute; but not a group's number


class SubscribersError(DigestError):
    """A list cannot be imported, or there is nobody to remove."""


@app.command("list")
def list_(
    channel: Annotated[ChannelName | None, typer.Option(help="Only those on this channel.")] = None,
    status: Annotated[
        SubscriberStatus | None, typer.Option("--status", "--standing", help="Only those with this status.")
    ] = None,
) -> None:
    """List the known subscribers, one a line."""
    asyncio.run(_list(command_line.load(), channel, status))


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="The target file.", show_default="standard output")
    ] = None,
) -> None:
    """Write all stored data of all subscribers as CSV, with the time and kind of their consent."""
    count = asyncio.run(_export(command_line.load(), file))
    if file is not None:
        say(f"{count} subscribers in {file}")


@app.command("import")
def take_over(
    file: Annotated[Path, typer.Argument(help="A CSV file.", exists=True, dir_okay=False, readable=True)],
    skip_faulty: Annotated[
        bool, typer.Option("--skip-faulty", help="Import the valid rows and skip the others.")
    ] = False,
) -> None:
    """Subscribe the mail addresses of a list whose owners have consented.

    Columns: address, consented_at, consent (where and how); optionally language, detail, categories, include, exclude,
    hour, zone, quiet. Without --skip-faulty nothing is imported unless all rows are valid. Known addresses stay
    unchanged, so nobody who has left is subscribed again.
    """
    loaded = command_line.load()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        sheet = import_csv.read(lines, _defaults(loaded))
    for fault in sheet.faults:
        say(f"{file}:{fault.line}: {fault.sentence}", err=True)
    if sheet.faults and not skip_faulty:
        raise SubscribersError(f"{len(sheet.faults)} faults found, so nothing was imported.")
    say(terminal.render("imported", done=asyncio.run(_import(loaded, sheet))), nl=False)


@app.command()
def remove(
    who: Annotated[str, typer.Argument(metavar="ADDRESS|ID", help="An address, or the number in the list.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete everything stored about a subscriber, including deliveries and requests. This is final."""
    loaded = command_line.load()
    found = asyncio.run(_found(loaded, who))
    if not yes:
        whose = removed(f"number {found.id} ({found.channel}, {found.address})")
        typer.confirm(f"Delete {whose} and all its data?", abort=True)
    asyncio.run(_forget(loaded, found))
    say("Deleted.")


async def _list(loaded: Settings, channel: ChannelName | None, status: SubscriberStatus | None) -> None:
    count = 0
    say(terminal.render("subscribers", heading=True, subscribers=(), total=None), nl=False)
    async with open_database(loaded) as engine:
        async for page in _pages(engine):
            # Chosen here: a query that also names the channel sorts all its subscribers again for each page.
            shown = [
                row for row in page if channel in {None, row["channel"]} and status in {None, row["standing"]}
            ]
            say(terminal.render("subscribers", heading=False, subscribers=shown, total=None), nl=False)
            count += len(shown)
    say(terminal.render("subscribers", heading=False, subscribers=(), total=count), nl=False)


async def _export(loaded: Settings, file: Path | None) -> int:
    """Write all subscribers to `file` or standard output; return their number. Raises SubscribersError."""
    async with open_database(loaded) as engine:
        if file is None:
            return await _write(sys.stdout, _pages(engine))
        try:
            with await asyncio.to_thread(_opened, file) as target:
                return await _write(target, _pages(engine))
        except OSError as error:
            raise SubscribersError(f"{file} cannot be written: {error.strerror}.") from None


async def _pages(engine: AsyncEngine) -> AsyncIterator[Sequence[RowMapping]]:
    """Yield the subscribers in pages, each read in a transaction of its own, so that a slow pager holds up nobody."""
    last = 0
    while True:
        async with database.reading(engine) as connection:
            page = await subscribers.listed(connection, last)
        if not page:
            return
        yield page
        last = page[-1]["id"]


async def _write(target: TextIO, pages: AsyncIterator[Sequence[RowMapping]]) -> int:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(table.columns.keys())
    count = 0
    async for page in pages:
        writer.writerows([_cell(value) for value in row.values()] for row in page)
        count += len(page)
    return count


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case tuple():
            return _cell(", ".join(value))
        case datetime() | date():
            return value.isoformat()
    written = removed(str(value))
    return f"'{written}" if _FORMULA.match(written) else written


def _opened(file: Path) -> TextIO:
    # The file contains addresses, so only the operator may read it.
    return open(file, "w", encoding="utf-8", newline="", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _defaults(loaded: Settings) -> Defaults:
    """Return the default values of an imported address."""
    now = _now()
    language = templates.nearest_language(None, loaded.target_language)
    subscriber = Subscriber(
        0,
        ChannelName.MAIL,
        "",
        ChatKind.MAILBOX,
        Preferences(language),
        loaded.timezone,
        status=SubscriberStatus.ACTIVE,
    )
    offer = Offer(loaded.arxiv_categories, templates.languages(), now.date())
    return Defaults(subscriber, offer, now, return_path.own_mailboxes(loaded))


async def _import(loaded: Settings, sheet: CsvSheet) -> Imported:
    async with open_database(loaded) as engine:
        return await SubscriptionService(engine, _now).import_(sheet.rows)


async def _found(loaded: Settings, who: str) -> Subscriber:
    """Find the subscriber. Raises SubscribersError if there is none, or more than one."""
    given = who.strip().lower()
    number = re.fullmatch(r"(id:)?([0-9]{1,18})", given)
    async with open_database(loaded) as engine, database.reading(engine) as connection:
        found = await subscribers.at_address(connection, given)
        numbered = await subscribers.get(connection, int(number[2])) if number else None
    if numbered and numbered not in found:
        found.append(numbered)
    if not found:
        raise SubscribersError(f"There is no subscriber “{who}”.")
    if len(found) > 1:
        numbers = " or ".join(f"id:{each.id}" for each in found)
        raise SubscribersError(f"“{who}” is a number and an address: write {numbers}.")
    return found[0]


async def _forget(loaded: Settings, who: Subscriber) -> None:
    async with open_database(loaded) as engine:
        await SubscriptionService(engine, _now).forget(who)


def _now() -> datetime:
    return datetime.now(UTC)
