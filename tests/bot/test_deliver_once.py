"""Tests of one run's sending: all that is due, again while something new is, and a refusing channel is left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import settings
from bot.container import open_app
from bot.deliver_once import Courier, Delivered
from tests.bot.mail.mail_fixture import SECRET, MailFixture
from tests.databases import migrated
from tests.fakes.smtp import FakeSmtp, Says, Stage

ADA = "ada@reader.example"
NOT_OURS = "553 5.7.1 <daily@daily.example>: Sender address rejected: not owned by user"


@dataclass
class Run:
    """A run that delivers: `house` makes something due, and `now` advances."""

    house: MailFixture
    courier: Courier
    smtp: FakeSmtp
    now: datetime = field(default=datetime(2026, 2, 12, 1, 0, tzinfo=UTC))

    async def broadcast(self, text: str) -> None:
        self.house.now = self.now
        await self.house.broadcast(text)
        self.courier.wake()

    async def until_faulty(self) -> None:
        async with asyncio.timeout(300):
            while not (await self.courier.delivered([])).faults:  # noqa: ASYNC110 - another task makes it so
                await asyncio.sleep(0.01)

    async def ended(self) -> Delivered:
        return await self.courier.delivered([])


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Run]:
    """A run with one subscriber, to whom the mails of three days are due."""
    await migrated(folder / "arxiv-daily.db")
    async with FakeSmtp().serving() as smtp:
        loaded = settings.given(
            data_dir=folder,
            smtp_host="127.0.0.1",
            smtp_port=smtp.port,
            smtp_security="none",
            mail_from="arXiv Daily <daily@daily.example>",
            mail_rate=0,
            public_url="https://daily.example",
            secret_key=SECRET,
        )
        run: Run
        async with open_app(loaded, lambda: run.now) as app:
            run = Run(MailFixture(app.engine, smtp.port), Courier(app, loaded), smtp)
            await run.house.subscribe("ada")
            for day in ("Monday", "Tuesday", "Wednesday"):
                await run.broadcast(day)
            yield run


async def test_a_relay_that_refuses_us_is_asked_twice_for_a_mailbox_in_a_run_at_the_most(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as run:
        run.smtp.fail(Stage.RCPT, Says(NOT_OURS), times=1000)
        async with run.courier.at_work():
            for day in ("Thursday", "Friday", "Saturday"):
                await run.broadcast(day)
                await run.until_faulty()
            assert run.smtp.asked[ADA] == 1
            run.now += timedelta(minutes=2)
        assert run.smtp.asked[ADA] == 2
        [fault] = (await run.ended()).faults
        assert "not owned by user" in str(fault)
        assert set(await run.house.deliveries()) == {("due", None)}


async def test_a_run_that_ends_within_the_pause_does_not_ask_again(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        run.smtp.fail(Stage.RCPT, Says(NOT_OURS), times=1000)
        async with run.courier.at_work():
            await run.broadcast("Thursday")
            await run.until_faulty()
        assert run.smtp.asked[ADA] == 1
        assert len((await run.ended()).faults) == 1


async def test_a_relay_that_takes_mail_again_at_the_end_of_the_run_is_given_all_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        run.smtp.fail(Stage.RCPT, Says(NOT_OURS))
        async with run.courier.at_work():
            await run.broadcast("Thursday")
            await run.until_faulty()
            run.now += timedelta(minutes=2)
        assert run.smtp.mailboxes == {ADA: 4}
        assert (await run.ended()).faults == ()
