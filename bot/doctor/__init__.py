"""The command `arxiv-daily doctor`: checks each configured part and says what to fix."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime

import typer

from bot import process, settings
from bot.command_line import say
from bot.container import open_database
from bot.doctor import channels, domain, machine, models, papers
from bot.doctor.domain import Names
from bot.doctor.findings import Diagnosis, Health, found
from bot.doctor.machine import digest_time
from bot.settings import Settings, SettingsError
from digest.core.errors import StoreError
from digest.render import terminal

Clock = Callable[[], datetime]
Checks = list[tuple[str, Awaitable[str]]]


def doctor() -> None:
    """Check every configured service and say what to fix. Exits with 1 if anything is broken.

    No message is sent and no paper is made; each model is asked two or three short questions.
    """
    try:
        loaded = settings.load()
    except SettingsError as error:
        _tell(Diagnosis("settings", Health.BROKEN, str(error)))
        raise typer.Exit(1) from None
    process.configure_logs(loaded.log_format, quiet=True)
    if asyncio.run(_told(loaded)):
        raise typer.Exit(1)


async def _told(loaded: Settings) -> bool:
    """Report all findings, and return whether anything is broken."""
    broken = False
    async with aclosing(examine(loaded, lambda: datetime.now(UTC), Names())) as findings:
        async for finding in findings:
            _tell(finding)
            broken = broken or finding.health is Health.BROKEN
    return broken


def _tell(finding: Diagnosis) -> None:
    say(terminal.render("finding", finding=finding), nl=False)


async def examine(loaded: Settings, clock: Clock, names: Names) -> AsyncGenerator[Diagnosis, None]:
    """Check all parts in parallel, and yield the findings in order."""
    yield Diagnosis("settings", Health.OK, "valid")
    yield await found("data folder", machine.folder(loaded))
    tasks = [asyncio.create_task(found(what, check)) for what, check in _checks(loaded, clock, names)]
    try:
        async for finding in _on_the_database(loaded, clock):
            yield finding
        yield await found("private files", machine.privacy(loaded))
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _on_the_database(loaded: Settings, clock: Clock) -> AsyncGenerator[Diagnosis, None]:
    """Check the database, and arXiv, whose rate slots are stored in it."""
    try:
        async with open_database(loaded) as engine, papers.opened(loaded, engine, clock) as arxiv:
            yield await found("database", machine.tables(engine))
            yield await found("publishing", machine.unpublished(engine))
            yield await found("arXiv API", arxiv.api())
            yield await found("arXiv feed", arxiv.feed())
            yield await found("clock", arxiv.time())
    except StoreError as error:
        yield Diagnosis("database", Health.BROKEN, str(error))


def _checks(loaded: Settings, clock: Clock, names: Names) -> Checks:
    return [
        ("language", machine.language(loaded)),
        ("digest time", digest_time(loaded, clock().date())),
        ("archive", machine.archive(loaded)),
        *(
            ("model", models.model(loaded, name, asked, clock))
            for name, asked in models.names(loaded).items()
        ),
        ("Telegram", channels.telegram_bot(loaded, clock())),
        ("SMTP", channels.check_smtp(loaded, clock)),
        ("IMAP", channels.check_imap(loaded)),
        ("SPF", domain.spf(loaded, names)),
        ("DKIM", domain.dkim(loaded, names)),
        ("DMARC", domain.dmarc(loaded, names)),
        ("MX", domain.exchangers(loaded, names)),
        ("PTR", domain.reverse(loaded, names)),
        ("pages", machine.pages(loaded)),
    ]
