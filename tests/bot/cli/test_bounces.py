"""Tests of `arxiv-daily bounces`: returned mail, piped in or in files."""

import asyncio
from pathlib import Path

from bot.container import open_database
from bot.core.models import SubscriberStatus
from bot.settings import given
from tests.bot.commands import Commands
from tests.bot.mail.people import standing, subscribed
from tests.bot.mail.reports import LINKS, came_back_to, dsn, letter


async def _two(folder: Path) -> tuple[int, int]:
    async with open_database(given(data_dir=folder / "data")) as engine:
        return (await subscribed(engine)).id, (await subscribed(engine, "other@example.org")).id


async def _standing(folder: Path, number: int) -> tuple[SubscriberStatus, str | None]:
    async with open_database(given(data_dir=folder / "data")) as engine:
        return await standing(engine, number)


def test_a_mail_that_is_piped_in_is_acted_on(commands: Commands) -> None:
    reader, other = asyncio.run(_two(commands.folder))
    commands.set(SECRET_KEY=LINKS.secret)
    told = commands.call("bounces", piped=dsn(came_back_to(reader)))
    assert (told.status, told.out) == (0, "Mails: ended 1\n")
    again = commands.call("bounces", "-", piped=dsn(came_back_to(reader)))
    assert again.out == "Mails: already known 1\n"
    assert asyncio.run(_standing(commands.folder, reader)) == (SubscriberStatus.ENDED, "bounced 5.1.1")
    assert asyncio.run(_standing(commands.folder, other)) == (SubscriberStatus.ACTIVE, None)
    assert "example.org" not in told.out + told.err


def test_files_hold_one_mail_or_many(commands: Commands) -> None:
    reader, other = asyncio.run(_two(commands.folder))
    commands.set(SECRET_KEY=LINKS.secret)
    one, many = commands.folder / "one.eml", commands.folder / "mbox"
    one.write_bytes(dsn(came_back_to(reader)))
    many.write_bytes(
        b"From a Wed Feb 11\n"
        + dsn(came_back_to(other), message_id="<2@x>")
        + b"\n\nFrom b Wed Feb 11\n"
        + letter("daily@papers.example")
    )
    assert commands.call("bounces", str(one), str(many)).out == "Mails: for review 1 · ended 2\n"


def test_what_keeps_it_from_reading_is_said_in_a_sentence(commands: Commands) -> None:
    assert "SECRET_KEY is not set" in commands.call("bounces", piped=dsn()).sentence
    commands.set(SECRET_KEY=LINKS.secret)
    assert commands.call("bounces", piped=b"").out == "Mails: none\n"
    assert commands.call("bounces", "nowhere.eml").status == 2
