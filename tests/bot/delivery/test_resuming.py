"""Tests of an outbox whose channel is refused: it pauses, alerts the operator, and resumes."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.alerts import Alerts
from bot.delivery.resuming import keep_sending
from digest.core.errors import StoreError
from digest.db.engine import open_engine
from tests.bot.mail.mail_fixture import MailFixture
from tests.fakes.smtp import FakeSmtp, Says, Stage


@dataclass
class Sender:
    """A mail fixture whose outbox keeps sending, and the alerts to the operator."""

    house: MailFixture
    smtp: FakeSmtp

    @property
    def alerts(self) -> Alerts:
        return Alerts(self.house.engine, lambda: self.house.now)

    async def told(self) -> list[str]:
        """Return the reasons of the alerts that last."""
        return [each.reason for each in await self.alerts.lasting()]

    async def until_told(self, reason: str) -> None:
        """Wait until the operator is alerted of `reason`, or until no alert lasts if it is empty."""
        async with asyncio.timeout(300):
            while not _says(await self.told(), reason):  # noqa: ASYNC110 - a row is no event
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def sending(self, pause_seconds: float = 0.01) -> AsyncIterator[asyncio.Event]:
        """Keep sending while the block runs; yields the event that stops it."""
        stop = asyncio.Event()
        async with self.house.outbox() as outbox:
            task = asyncio.create_task(
                keep_sending(stop, outbox, self.alerts, first_pause_seconds=pause_seconds)
            )
            try:
                yield stop
            finally:
                stop.set()
                await asyncio.wait_for(task, 300)


def _says(told: list[str], reason: str) -> bool:
    return reason in "".join(told) if reason else not told


@asynccontextmanager
async def sender(folder: Path, template: Path) -> AsyncIterator[Sender]:
    """A sender with one subscriber, to whom something is due."""
    shutil.copy(template, folder / "store.db")
    engine = open_engine(f"sqlite:///{folder}/store.db")
    async with FakeSmtp().serving() as smtp:
        house = MailFixture(engine, smtp.port)
        await house.subscribe("ada")
        await house.broadcast()
        yield Sender(house, smtp)
    await engine.dispose()


async def until_taken(smtp: FakeSmtp, count: int) -> None:
    async with asyncio.timeout(300):
        while smtp.mailboxes.total() < count:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.01)


async def test_a_channel_that_is_refused_for_a_while_is_told_of_once_and_goes_on(
    tmp_path: Path, sqlite_template: Path
) -> None:
    async with sender(tmp_path, sqlite_template) as here:
        here.smtp.fail(Stage.MAIL, Says("550 5.7.1 not yours"), times=3)
        async with here.sending():
            await here.until_told("550 5.7.1 not yours")
            await until_taken(here.smtp, 1)
            await here.house.broadcast("Once more.")
            await until_taken(here.smtp, 2)
            await here.until_told("")
        assert await here.house.deliveries() == [("sent", None), ("sent", None)]


async def test_a_stop_ends_the_pause(tmp_path: Path, sqlite_template: Path) -> None:
    async with sender(tmp_path, sqlite_template) as here:
        here.smtp.fail(Stage.MAIL, Says("550 5.7.1 not yours"))
        async with here.sending(pause_seconds=3600), asyncio.timeout(300):
            await here.until_told("550 5.7.1 not yours")
        assert await here.house.deliveries() == [("due", None)]


async def test_a_database_that_fails_is_no_pause(tmp_path: Path, sqlite_template: Path) -> None:
    async with sender(tmp_path, sqlite_template) as here:
        (tmp_path / "store.db").write_bytes(b"no database at all" * 100)
        with pytest.raises(StoreError):
            async with here.sending():
                await asyncio.sleep(0.2)
