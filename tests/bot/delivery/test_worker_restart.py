"""Tests of processes that end while they send: no subscriber gets anything twice, and every loss is recorded."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Sending
from bot.db import subscribers
from bot.db.tables import deliveries, renderings
from bot.delivery import fanout
from bot.telegram.incoming import Address
from digest.db import engine as database
from digest.db.engine import open_engine
from digest.db.locks import exclusive
from tests.bot.cli.test_main import NOON, environment
from tests.bot.telegram.crowd import reader
from tests.bot.world import World, world
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.programs import Program, call, start

AUDIENCE = 240
FIRST = 1000  # the chat of the first of them
ANSWER_SECONDS = 0.1
MESSAGES_A_SECOND = "100"


@dataclass
class Fixture:
    """A machine, its database, and the Telegram that its processes send to."""

    machine: World
    telegram: FakeTelegram
    url: str
    engine: AsyncEngine

    async def subscribe(self, *chats: int) -> None:
        async with database.writing(self.engine) as connection:
            for chat in chats:
                await subscribers.add(connection, reader(Address(chat)), datetime.now(UTC))

    async def broadcast(self, text: str = "Hello, all.") -> None:
        """Queue a broadcast of the operator to everybody, due now."""
        now = datetime.now(UTC)
        number = await fanout.draft_broadcast(self.engine, text, now)
        await fanout.confirm_broadcast(self.engine, number, now)

    async def states(self) -> dict[Sending, int]:
        query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        async with database.reading(self.engine) as connection:
            return {Sending(state): count for state, count in await connection.execute(query)}

    async def settle(self) -> dict[Sending, int]:
        """Wait until nothing is due or under way; return the final state."""
        async with asyncio.timeout(120):
            while (states := await self.states()).keys() & {Sending.DUE, Sending.SENDING}:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
            return states

    @property
    def env(self) -> dict[str, str]:
        return environment(
            self.machine,
            DATABASE_URL=self.url,
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_API_URL=self.telegram.url,
            TELEGRAM_RATE=MESSAGES_A_SECOND,
            WEB_PORT="0",
        )

    @asynccontextmanager
    async def serving(self, **others: str) -> AsyncIterator[Program]:
        """Run `serve` with `others` among its settings; kill it at the end if it still runs."""
        process = await start(self.machine.folder, "serve", env=self.env | others)
        try:
            yield process
        finally:
            if process.runs:
                process.send_signal(signal.SIGKILL)
            await process.status()


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of a SQLite database only, because the other kind would only take time."""
    shutil.copy(sqlite_template, tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"


@asynccontextmanager
async def fixture(folder: Path, url: str, latency_seconds: float = ANSWER_SECONDS) -> AsyncIterator[Fixture]:
    """A fixture whose database has all tables."""
    engine = open_engine(url)
    telegram = FakeTelegram(limits=False, everyone=True, latency_seconds=latency_seconds)
    try:
        async with world(folder) as machine, telegram:
            yield Fixture(machine, telegram, url, engine)
    finally:
        await engine.dispose()


BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.play)], indirect=True
)


@pytest.mark.play
@BOTH
async def test_killed_at_several_points_the_ledger_adds_up_and_nobody_gets_anything_twice(
    tmp_path: Path, database_url: str
) -> None:
    async with fixture(tmp_path, database_url) as here:
        await here.subscribe(*range(FIRST, FIRST + AUDIENCE))
        here.telegram.fail(faults.status(403), method="sendMessage", chat_id=FIRST + AUDIENCE - 1)
        await here.broadcast()
        in_flight = 0
        for asked in (40, 130):
            async with here.serving() as process:
                await here.telegram.is_asked("sendMessage", asked)
                process.send_signal(signal.SIGKILL)
                await process.status()
                in_flight += (await here.states()).get(Sending.SENDING, 0)
        async with here.serving():
            states = await here.settle()
        assert sum(states.values()) == AUDIENCE
        assert states[Sending.FAILED] == 1
        assert states.get(Sending.UNKNOWN, 0) == in_flight < AUDIENCE / 2
        assert max(here.telegram.sent.values()) == 1
        assert states[Sending.SENT] <= here.telegram.sent.total() <= AUDIENCE - 1


@BOTH
async def test_a_signal_to_stop_ends_what_is_in_flight_and_begins_nothing(
    tmp_path: Path, database_url: str
) -> None:
    async with fixture(tmp_path, database_url) as here:
        await here.subscribe(*range(FIRST, FIRST + AUDIENCE))
        await here.broadcast()
        async with here.serving() as process:
            await here.telegram.is_asked("sendMessage", 50)
            process.send_signal(signal.SIGTERM)
            assert await process.status() == 0
        states = await here.states()
        assert set(states) == {Sending.DUE, Sending.SENT}
        assert states[Sending.SENT] == here.telegram.sent.total()
        async with here.serving():
            assert await here.settle() == {Sending.SENT: AUDIENCE}
        assert max(here.telegram.sent.values()) == 1


@pytest.mark.play
async def test_a_signal_to_stop_is_obeyed_although_nothing_is_answered_any_more(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with fixture(tmp_path, sqlite_url, latency_seconds=0) as here:
        await here.subscribe(FIRST, FIRST + 1)
        here.telegram.fail(faults.accept_then_hang(), method="sendMessage", chat_id=FIRST)
        here.telegram.fail(faults.accept_then_hang(), method="sendMessage", chat_id=77)
        await here.broadcast()
        async with here.serving() as process:
            await here.telegram.is_asked("sendMessage", 2)
            await here.telegram.user(77).says("/help")
            await here.telegram.is_asked("sendMessage", 3)
            here.telegram.fail(faults.hang(), method="getUpdates")
            process.send_signal(signal.SIGTERM)
            assert await process.status() == 0
        states = await here.states()
        assert states.get(Sending.SENT) == 1
        async with here.serving():
            assert await here.settle() == {Sending.SENT: 1, Sending.UNKNOWN: 1}
        assert here.telegram.sent[FIRST] == 1


@BOTH
async def test_an_edition_that_two_processes_run_at_once_reaches_everybody_once(
    tmp_path: Path, database_url: str
) -> None:
    async with fixture(tmp_path, database_url, latency_seconds=0) as here:
        await here.subscribe(*range(FIRST, FIRST + 30))
        both = await asyncio.gather(*(call(here.machine.folder, "run", *NOON, **here.env) for _ in range(2)))
        again = await call(here.machine.folder, "run", *NOON, **here.env)
        assert 0 in {told.status for told in both}
        assert again.status == 0
        assert await here.states() == {Sending.SENT: 30}
        assert here.telegram.sent == dict.fromkeys(range(FIRST, FIRST + 30), 1)


async def test_a_run_for_a_day_long_past_keeps_the_messages_that_it_gives_out(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with fixture(tmp_path, sqlite_url, latency_seconds=0) as here:
        await here.subscribe(FIRST)
        for _ in range(2):  # the second does what a run does after a crash
            ran = await call(here.machine.folder, "run", *NOON, **here.env)
            assert ran.status == 0
        async with database.reading(here.engine) as connection:
            kept = await connection.scalar(select(func.count()).select_from(renderings))
        assert kept == 1


async def test_a_run_beside_a_process_that_sends_leaves_the_sending_to_it(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with fixture(tmp_path, sqlite_url, latency_seconds=0) as here:
        await here.subscribe(FIRST)
        async with exclusive(here.engine, "telegram deliveries"):
            ran = await call(here.machine.folder, "run", *NOON, **here.env)
        assert ran.status == 0
        assert "Edition of 2026-02-11" in ran.out
        assert "Another arxiv-daily process is sending" in ran.out
        assert await here.states() == {Sending.DUE: 1}


async def test_of_many_fan_outs_at_once_one_is_made(engine: AsyncEngine, database_url: str) -> None:
    now = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
    async with database.writing(engine) as connection:
        for chat in range(FIRST, FIRST + 20):
            await subscribers.add(connection, reader(Address(chat)), now)
    others = [open_engine(database_url) for _ in range(3)]
    made = await asyncio.gather(
        *(
            fanout.open_edition(each, date(2026, 2, 11), now - timedelta(hours=3), now)
            for each in (engine, *others)
        )
    )
    for other in others:
        await other.dispose()
    assert sum(campaign is not None for campaign in made) == 1
    async with database.reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(deliveries)) == 20
