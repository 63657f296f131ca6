import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from digest.core.errors import StoreError
from digest.db.engine import open_engine, reading, writing
from digest.db.locks import BusyError, ProcessLock, exclusive

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# It says `held` or why not. Its child inherits all that can be inherited, and lives until stdin is closed.
HOLDER = """
import asyncio, subprocess, sys
from digest.db.engine import open_engine
from digest.db.locks import BusyError, ProcessLock, exclusive

async def main():
    engine = open_engine(sys.argv[1])
    try:
        async with exclusive(engine, "editions"):
            subprocess.Popen(["cat"], close_fds=False)
            print("held", flush=True)
            await asyncio.sleep(60)
    except BusyError as error:
        print(error, flush=True)
    await engine.dispose()

asyncio.run(main())
"""


@asynccontextmanager
async def another(url: str) -> AsyncIterator[AsyncEngine]:
    """A separate engine, as another process would have."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


@contextmanager
def holder(url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that tries to hold the lock on editions, and its report about it."""
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


async def hold(engine: AsyncEngine, entered: asyncio.Event) -> None:
    async with exclusive(engine, "editions"):
        entered.set()
        await asyncio.Event().wait()


async def assert_free(engine: AsyncEngine, within_seconds: float = 0) -> None:
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            async with exclusive(engine, "editions"):
                return
        except BusyError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


async def sessions_with_locks(engine: AsyncEngine) -> list[tuple[int, str]]:
    """Return the process id and the state of each session that holds an advisory lock on this database."""
    query = """SELECT pid, state FROM pg_stat_activity JOIN pg_locks USING (pid)
               WHERE locktype = 'advisory' AND datname = current_database()"""
    async with reading(engine) as connection:
        return [(row.pid, row.state) for row in await connection.execute(text(query))]


async def break_the_holder(engine: AsyncEngine) -> None:
    [(pid, _)] = await sessions_with_locks(engine)
    async with writing(engine) as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


async def test_the_second_is_refused_at_once_with_a_sentence(engine: AsyncEngine, database_url: str) -> None:
    async with exclusive(engine, "editions"), another(database_url) as other, asyncio.timeout(300):
        for second in (engine, other):
            with pytest.raises(BusyError, match=r"^Another .* the editions of this database.*\.$"):
                async with exclusive(second, "editions"):
                    pass


async def test_one_that_was_refused_takes_nothing_from_the_holder(
    engine: AsyncEngine, database_url: str
) -> None:
    async with exclusive(engine, "editions"), another(database_url) as other:
        for _ in range(20):  # more than the pool has connections
            with pytest.raises(BusyError):
                async with exclusive(other, "editions"):
                    pass


async def test_it_is_free_at_once_afterwards(engine: AsyncEngine, database_url: str) -> None:
    async with another(database_url) as other:
        for _ in range(50):
            async with exclusive(engine, "editions"), reading(other):
                pass  # leaves the other with a connection that is open already
            await assert_free(other)


async def test_it_is_free_after_an_exception_which_goes_on(engine: AsyncEngine, database_url: str) -> None:
    async with another(database_url) as other:
        with pytest.raises(ZeroDivisionError):
            async with exclusive(engine, "editions"):
                raise ZeroDivisionError
        await assert_free(other)


async def test_it_is_free_after_a_cancellation(engine: AsyncEngine, database_url: str) -> None:
    entered = asyncio.Event()
    task = asyncio.create_task(hold(engine, entered))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with another(database_url) as other:
        await assert_free(other)


@pytest.mark.parametrize("steps", range(12))
async def test_it_is_free_after_two_cancellations(engine: AsyncEngine, database_url: str, steps: int) -> None:
    entered = asyncio.Event()
    task = asyncio.create_task(hold(engine, entered))
    await entered.wait()
    task.cancel()
    for _ in range(steps):  # so that the second hits every stage of the release
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    async with another(database_url) as other:
        await assert_free(other, within_seconds=300)


@pytest.mark.parametrize("milliseconds", range(0, 24, 2))
async def test_it_is_free_after_a_cancellation_on_the_way_in(
    engine: AsyncEngine, database_url: str, milliseconds: int
) -> None:
    task = asyncio.create_task(hold(engine, asyncio.Event()))
    await asyncio.sleep(milliseconds / 1000)
    task.cancel()
    await asyncio.wait([task])
    async with another(database_url) as other:
        await assert_free(other, within_seconds=300)


async def test_the_database_can_be_used_while_it_is_held(engine: AsyncEngine, database_url: str) -> None:
    async with exclusive(engine, "editions"), another(database_url) as other, asyncio.timeout(300):
        for each in (engine, other):
            async with writing(each) as connection:
                assert await connection.scalar(text("SELECT 1")) == 1


async def test_different_works_do_not_exclude_each_other(engine: AsyncEngine) -> None:
    async with exclusive(engine, "editions"), exclusive(engine, "deliveries"):
        pass


async def test_different_databases_do_not_exclude_each_other(
    engine: AsyncEngine, empty_database_url: str
) -> None:
    async with another(empty_database_url) as other, exclusive(engine, "editions"):
        await assert_free(other)


async def test_another_process_is_refused_while_we_hold(engine: AsyncEngine, database_url: str) -> None:
    async with exclusive(engine, "editions"):
        with holder(database_url) as (_, said):
            assert said.startswith("Another ")
    with holder(database_url) as (_, said):
        assert said == "held"


async def test_a_process_that_is_killed_leaves_no_lock(engine: AsyncEngine, database_url: str) -> None:
    with holder(database_url) as (process, said):
        assert said == "held"
        with pytest.raises(BusyError):
            await assert_free(engine)
        process.kill()
        process.wait()
        # PostgreSQL has to notice it first. The child lives on.
        await assert_free(engine, within_seconds=300 if engine.dialect.name == "postgresql" else 0)


@on_postgresql
async def test_no_transaction_is_open_meanwhile(engine: AsyncEngine) -> None:
    async with exclusive(engine, "editions"):
        assert [state for _, state in await sessions_with_locks(engine)] == ["idle"]
    assert await sessions_with_locks(engine) == []


@on_postgresql
async def test_a_connection_that_breaks_does_not_hide_what_happened(engine: AsyncEngine) -> None:
    async def broken() -> None:
        async with exclusive(engine, "editions"):
            await break_the_holder(engine)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    await assert_free(engine)


@on_postgresql
async def test_a_connection_that_breaks_does_not_undo_work_that_is_done(engine: AsyncEngine) -> None:
    async with exclusive(engine, "editions"):
        await break_the_holder(engine)
    await assert_free(engine)


async def test_a_server_that_is_not_there_gives_a_sentence_without_its_password() -> None:
    async with another("postgresql://me:secret@127.0.0.1:1/db") as engine:
        with pytest.raises(
            StoreError, match=r"^The database postgresql://me@127\.0\.0\.1:1/db failed: "
        ) as raised:
            async with exclusive(engine, "editions"):
                pass
    assert "secret" not in str(raised.value)


@on_sqlite
async def test_a_lock_that_cannot_be_opened_is_named(engine: AsyncEngine, tmp_path: Path) -> None:
    (tmp_path / "store.db.editions.lock").mkdir()
    with pytest.raises(
        StoreError, match=r"/store\.db\.editions\.lock cannot be opened: Is a directory\.$"
    ) as raised:
        async with exclusive(engine, "editions"):
            pass
    assert not isinstance(raised.value, BusyError)


@on_sqlite
async def test_a_file_with_two_names_is_one_database(engine: AsyncEngine, tmp_path: Path) -> None:
    (tmp_path / "alias.db").symlink_to(tmp_path / "store.db")
    async with another(f"sqlite:///{tmp_path}/alias.db") as alias, exclusive(engine, "editions"):
        with pytest.raises(BusyError):
            await assert_free(alias)


@on_sqlite
async def test_the_lock_file_stays_the_same(engine: AsyncEngine, tmp_path: Path) -> None:
    path = tmp_path / "store.db.editions.lock"
    await assert_free(engine)
    made = path.stat().st_ino
    await assert_free(engine)
    assert path.stat().st_ino == made


async def test_a_database_in_memory_needs_no_lock() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    await assert_free(engine)
    await engine.dispose()


async def test_a_claim_is_shared_by_the_tasks_of_its_process_and_by_nobody_else(engine: AsyncEngine) -> None:
    claim, other = ProcessLock(engine, "posts"), ProcessLock(engine, "posts")
    for _ in range(2):
        async with claim.held():
            async with claim.held():
                with pytest.raises(BusyError):
                    async with other.held():
                        raise AssertionError
            with pytest.raises(BusyError):
                async with other.held():
                    raise AssertionError
    async with other.held():
        pass
