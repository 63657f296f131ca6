"""Tests of database outages: long locks by another program, and lost connections. Work waits and resumes."""
# ruff: noqa: ARG002 - the fake channel looks at the text alone

import asyncio
import resource
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.core.models import Delivery, Part
from bot.db.upgrade import upgrade
from bot.delivery import fanout, outages, worker
from bot.delivery.resuming import send_until
from digest.core.backoff import Backoff
from digest.core.errors import StoreUnavailableError
from digest.db import engine as database
from digest.db.engine import reading, writing
from tests.bot.commands import Commands
from tests.bot.commands import commands as commands  # noqa: PLC0414 - a fixture
from tests.bot.delivery.test_unknown_messages import ALL, FakeChannel, Fixture
from tests.bot.telegram.crowd import broadcast, reader, subscribe
from tests.bot.telegram.world import bot_world

Trouble = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten lock timeouts from half a minute to a moment."""
    monkeypatch.setattr(database, "_LOCK_WAIT_SECONDS", 0.1)
    moment = timedelta(seconds=0.05)
    monkeypatch.setattr(outages, "_BACKOFF", Backoff(moment, moment))


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    template = request.getfixturevalue("postgresql_template")
    yield from request.getfixturevalue("cluster").database(template)


@contextmanager
def held(url: str) -> Iterator[None]:
    """Hold the write lock from another program as long as the block runs; no write may be open at its start."""
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=0)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


@contextmanager
def without_a_disk(_url: str) -> Iterator[None]:
    """Forbid this process to write to files; SQLite reports an I/O error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def away(url: str) -> Iterator[None]:
    """Take the file away while the block runs, with none in its place at the end: its network folder is down."""
    path = Path(url.removeprefix("sqlite:///"))
    moved = path.rename(path.with_suffix(".away"))
    yield
    assert not path.exists()
    moved.rename(path)


@asynccontextmanager
async def held_between(url: str) -> AsyncIterator[None]:
    """Hold the write lock, beginning between writes of this process."""
    async with asyncio.timeout(300):
        while True:
            holding = held(url)
            try:
                holding.__enter__()
            except sqlite3.OperationalError:
                await asyncio.sleep(0.001)
            else:
                break
    with ExitStack() as stack:
        stack.push(holding)
        yield


async def until_noted(logs: Sequence[Mapping[str, object]], count: int = 1) -> None:
    """Wait until the log has that many waits for the database."""
    async with asyncio.timeout(300):
        while sum(each["event"] == "database_unavailable" for each in logs) < count:  # noqa: ASYNC110 - a log is no event
            await asyncio.sleep(0.01)


@pytest.fixture
async def fixture(sqlite_url: str) -> AsyncIterator[Fixture]:
    engine = database.open_engine(sqlite_url)
    yield Fixture(engine)
    await engine.dispose()


async def test_a_lock_that_lasts_is_told_from_a_fault(fixture: Fixture, sqlite_url: str) -> None:
    with capture_logs() as logs, held(sqlite_url), pytest.raises(StoreUnavailableError, match="locked"):
        async with writing(fixture.engine):
            pass
    assert [each["event"] for each in logs] == ["waiting_for_another_writer"]


async def test_a_disk_that_fails_is_waited_for_as_a_lock_is(fixture: Fixture, sqlite_url: str) -> None:
    async def write() -> None:
        async with writing(fixture.engine) as connection:
            await connection.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000)"))

    with without_a_disk(sqlite_url), pytest.raises(StoreUnavailableError, match="disk I/O error"):
        await write()
    await write()


async def test_a_file_that_is_away_is_waited_for_and_no_other_is_made(
    fixture: Fixture, sqlite_url: str
) -> None:
    with away(sqlite_url), pytest.raises(StoreUnavailableError, match="unable to open"):
        async with reading(fixture.engine):
            pass
    async with reading(fixture.engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM subscribers")) == 0


async def test_a_disk_that_is_full_is_waited_for_as_a_lock_is(fixture: Fixture) -> None:
    async def fill() -> None:
        async with writing(fixture.engine) as connection:
            await connection.execute(text("PRAGMA max_page_count = 1"))
            await connection.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000)"))

    with pytest.raises(StoreUnavailableError, match="full"):
        await fill()


async def test_many_who_wait_to_write_leave_readers_a_connection(
    fixture: Fixture, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCK_WAIT_SECONDS", 30)

    async def write() -> None:
        async with writing(fixture.engine) as connection:
            await connection.execute(text("DELETE FROM subscribers"))

    with held(sqlite_url):
        writers = [asyncio.create_task(write()) for _ in range(40)]
        await asyncio.sleep(0)
        async with asyncio.timeout(20), reading(fixture.engine) as connection:
            assert await connection.scalar(text("SELECT count(*) FROM subscribers")) == 0
    await asyncio.gather(*writers)


async def test_a_database_that_is_up_to_date_is_opened_while_another_program_writes(
    fixture: Fixture, sqlite_url: str
) -> None:
    with held(sqlite_url):
        await upgrade(fixture.engine)


@pytest.mark.parametrize("trouble", [held, without_a_disk])
async def test_an_outbox_waits_for_the_database_and_goes_on(
    fixture: Fixture, sqlite_url: str, trouble: Trouble
) -> None:
    await fixture.broadcast(readers=2)
    stop = asyncio.Event()
    with capture_logs() as logs:
        with trouble(sqlite_url):
            sending = asyncio.create_task(send_until(stop, fixture.outbox()))
            await until_noted(logs, 2)
            assert fixture.channel.arrived == []
        await until_arrived(fixture, [*ALL, *ALL])
        stop.set()
        await asyncio.wait_for(sending, 300)
    assert [state for state, _, _ in await fixture.states()] == ["sent", "sent"]


async def until_arrived(fixture: Fixture, messages: list[str]) -> None:
    async with asyncio.timeout(300):
        while sorted(fixture.channel.arrived) != sorted(messages):  # noqa: ASYNC110 - the channel has no event
            await asyncio.sleep(0.01)


async def test_what_was_sent_while_the_database_was_out_of_reach_is_marked_as_sent_afterwards(
    fixture: Fixture, sqlite_url: str
) -> None:
    await fixture.broadcast()
    fixture.channel.hangs, stop = {"zh-CN 0"}, asyncio.Event()
    sending = asyncio.create_task(send_until(stop, fixture.outbox()))
    await asyncio.wait_for(fixture.channel.hanging.wait(), 300)
    with capture_logs() as logs:
        async with held_between(sqlite_url):
            fixture.channel.answer.set()
            await until_noted(logs, 2)
        await until_arrived(fixture, ALL)
    stop.set()
    await asyncio.wait_for(sending, 300)
    assert [state for state, _, _ in await fixture.states()] == ["sent"]


async def test_a_stop_waits_for_no_database_that_is_out_of_reach(
    fixture: Fixture, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_LAST_SECONDS", 0.1)
    await fixture.broadcast(readers=3)
    fixture.channel.hangs, stop = {"zh-CN 0"}, asyncio.Event()
    sending = asyncio.create_task(send_until(stop, fixture.outbox()))
    await asyncio.wait_for(fixture.channel.hanging.wait(), 300)
    async with held_between(sqlite_url):
        fixture.channel.answer.set()
        stop.set()
        await asyncio.wait_for(sending, 300)
    await fixture.drain()
    states = await fixture.states()
    assert [state for state, _, _ in states].count("unknown") == 1
    assert [state for state, _, _ in states].count("sent") == 2


async def test_postgresql_that_ends_all_connections_ends_no_outbox(postgresql_url: str) -> None:
    engine = database.open_engine(postgresql_url)
    fixture, stop = Fixture(engine), asyncio.Event()
    await fixture.broadcast()
    sending = asyncio.create_task(send_until(stop, fixture.outbox()))
    await until_arrived(fixture, ALL)
    await end_all_connections(postgresql_url)
    number = await fanout.draft_broadcast(engine, "More", fixture.now)
    await fanout.confirm_broadcast(engine, number, fixture.now)
    await until_arrived(fixture, [*ALL, *ALL])
    stop.set()
    await asyncio.wait_for(sending, 300)
    await engine.dispose()


class SlowChannel(FakeChannel):
    """A channel on which messages wait for their turn and take a while; `arrived` lists the recipients."""

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        await asyncio.sleep(0.01)
        await before()
        self.arrived.append(f"{delivery.id} {part['text']}")
        await asyncio.sleep(0.01)


async def test_two_that_send_since_postgresql_dropped_their_lock_send_nothing_twice(
    postgresql_url: str,
) -> None:
    """One process loses its lock with the connection, and another acquires it: `run` beside `serve`."""
    engines = [database.open_engine(postgresql_url) for _ in range(2)]
    fixture = Fixture(engines[0], SlowChannel())
    await fixture.broadcast(readers=30)
    first, second = fixture.outbox(), Fixture(engines[1], fixture.channel).outbox()
    first.width = second.width = 10
    sending = asyncio.create_task(first.run())
    async with asyncio.timeout(300):
        while len(fixture.channel.arrived) < 10:  # noqa: ASYNC110 - the fake has no event
            await asyncio.sleep(0.005)
    await end_all_connections(postgresql_url)
    await asyncio.wait_for(second.drain(), 300)
    first.close()
    await asyncio.wait_for(sending, 300)
    await asyncio.wait_for(second.drain(), 300)  # what the first gave up at its end
    assert len(fixture.channel.arrived) == len(set(fixture.channel.arrived))
    unknown = sum((await fixture.unknown()).values())
    assert 90 - unknown <= len(fixture.channel.arrived) <= 90
    assert {state for state, _, _ in await fixture.states()} <= {"sent", "unknown"}
    for engine in engines:
        await engine.dispose()


async def end_all_connections(url: str) -> None:
    """End all connections, as a restart of the server does."""
    other = database.open_engine(url)
    async with writing(other) as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await other.dispose()


async def test_the_bot_outlasts_another_program_that_writes_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_world(tmp_path, papers=1) as here:
        user = here.telegram.user(1001, started=True)
        await subscribe(here, reader(user.id))
        async with here.running():
            with capture_logs() as logs:
                async with held_between(here.settings().database_url):
                    await user.says("/help")
                    await until_noted(logs, 3)
            monkeypatch.setattr(
                database, "_LOCK_WAIT_SECONDS", 30
            )  # the test writes beside the bot from here on
            await user.chat.waits_for(lambda message: "/today" in message.text, timeout=300)
            await broadcast(here, "Still there.")
            await user.chat.waits_for(lambda message: "Still there." in message.text, timeout=300)


@pytest.mark.parametrize(
    "words",
    [
        ("subscribers", "list"),
        ("coverage",),
        ("quality",),
        ("subscribers", "export", "people.csv"),
        ("db", "upgrade"),
    ],
)
def test_a_command_that_only_reads_waits_for_nobody_who_writes(
    commands: Commands, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCK_WAIT_SECONDS", 30)  # a busy machine may not open a file in a moment
    assert commands.call("db", "upgrade").status == 0
    with held(commands.database_url):
        told = commands.call(*words)
    assert (told.status, told.err) == (0, "")
