"""The command `arxiv-daily bounces`, for bounced mail on standard input or in files."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot import command_line
from bot.alerting.alerts import Alerts
from bot.command_line import say
from bot.container import open_database
from bot.links import Links
from bot.mail import consequences
from bot.mail.consequences import Outcome
from bot.mail.mails import mails
from bot.settings import Settings, SettingsError
from digest.render import terminal

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


async def _take(loaded: Settings, files: list[Path]) -> Counter[Outcome]:
    links, now = _links(loaded), datetime.now(UTC)
    async with open_database(loaded) as engine:
        await consequences.forget_old(engine, now)
        outcomes = Counter([await consequences.take(engine, mail, links, now) for mail in _mails(files)])
        await consequences.alert_of_refusals(engine, Alerts(engine, lambda: now), now)
        return outcomes


def _mails(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        if path == PIPED:
            yield from mails(sys.stdin.buffer)
        else:
            with path.open("rb") as file:
                yield from mails(file)


def _links(loaded: Settings) -> Links:
    if loaded.secret_key is None:
        raise SettingsError("SECRET_KEY is not set: without it, reports cannot be assigned to subscribers.")
    return Links("", loaded.secret_key.get_secret_value(), lambda: datetime.now(UTC))
