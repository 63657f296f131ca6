"""Tests of opening a database, of its faults, of concurrent use, and of crashes."""

import asyncio
import gc
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import types
import warnings
from collections.abc import Coroutine, Generator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import aiosqlite
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.errors import StoreError
from digest.core.models import Origin, Translation
from digest.db import generated_texts, papers
from digest.db.engine import open_engine, reading, require_writable, writing
from digest.db.tables import translations as table
from tests.papers import MONDAY_MORNING, paper

ORIGIN = Origin("model", "prompt")


def translation(number: int) -> Translation:
    return Translation(paper(number).version, "zh", "标题", f"摘要 {number}", None, ORIGIN)


async def save(engine: AsyncEngine, number: int) -> None:
    async with writing(engine) as connection:
        await papers.save(connection, [paper(number)], MONDAY_MORNING)
        await generated_texts.save_translation(connection, translation(number), MONDAY_MORNING)


async def count(engine: AsyncEngine) -> int:
    async with reading(engine) as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


def damage(path: Path) -> None:
    """Overwrite all but the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


async def use(url: str) -> None:
    engine = open_engine(url)
    try:
        async with reading(engine) as connection:
            await connection.execute(text("SELECT * FROM papers"))
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "DATABASE_URL is invalid"),
        ("store.db", "DATABASE_URL is invalid"),
        ("postgresql://me:secret@host:port/db", "DATABASE_URL is invalid"),
        ("mysql://me:secret@host/db", "starts with “mysql”: only sqlite"),
        ("sqlite://", "does not name an SQLite file"),
        ("sqlite:///:memory:", "does not name an SQLite file"),
        ("sqlite://data/store.db", "does not name an SQLite file"),
    ],
)
def test_a_bad_url_says_what_to_give_and_no_password(url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as raised:
        open_engine(url)
    assert "secret" not in f"{raised.value} {raised.value.__cause__}"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
async def test_a_server_that_is_not_there_is_named_without_its_password(scheme: str) -> None:
    with pytest.raises(StoreError) as raised:
        await use(f"{scheme}://me:secret@127.0.0.1:1/db?sslpassword=secret")
    assert str(raised.value).startswith("The database postgresql://me@127.0.0.1:1/db failed: connection ")
    assert "secret" not in str(raised.value)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("This is not a database." * 100)
    with pytest.raises(StoreError, match=r"sqlite:///.*/store\.db failed: file is not a database\."):
        await use(f"sqlite:///{tmp_path}/store.db")


async def test_a_damaged_database_is_named(tmp_path: Path, sqlite_template: Path) -> None:
    damage(Path(shutil.copy(sqlite_template, tmp_path / "store.db")))
    with pytest.raises(StoreError, match="database disk image is malformed"):
        await use(f"sqlite:///{tmp_path}/store.db")


async def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        await use(f"sqlite:///{tmp_path}/store.db")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"The folder of sqlite:///.*/file/store\.db cannot be created: "):
        open_engine(f"sqlite:///{tmp_path}/file/store.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file")
async def test_a_file_that_may_not_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch(0o400)
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(StoreError, match=r"cannot be written to by this user\.$"):
        require_writable(engine)
    await engine.dispose()


async def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/new/data/store.db")
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_a_database_that_stays_locked_gives_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.db.engine._LOCK_WAIT_SECONDS", 0.1)
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    async with writing(engine):
        with pytest.raises(StoreError, match="database is locked"):
            async with writing(engine):
                pass
    await engine.dispose()


async def test_what_an_exception_interrupts_is_not_written(engine: AsyncEngine) -> None:
    async def interrupted() -> None:
        async with writing(engine) as connection:
            await papers.save(connection, [paper(1)], MONDAY_MORNING)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await interrupted()
    async with reading(engine) as connection:
        assert await papers.latest(connection, paper(1).id) is None


async def test_fifty_tasks_that_write_at_once_lose_nothing(engine: AsyncEngine) -> None:
    await asyncio.gather(*(save(engine, number) for number in range(1, 51)))
    versions = [paper(number).version for number in range(1, 51)]
    async with reading(engine) as connection:
        stored = await generated_texts.load_translations(connection, versions, "zh", ORIGIN)
    assert stored == {translation(number).version: translation(number) for number in range(1, 51)}


async def test_a_reader_neither_waits_for_a_writer_nor_fails(engine: AsyncEngine) -> None:
    await save(engine, 1)
    async with writing(engine) as connection, asyncio.timeout(300):
        await papers.save(connection, [paper(2)], MONDAY_MORNING)
        await generated_texts.save_translation(connection, translation(2), MONDAY_MORNING)
        assert await count(engine) == 1
    assert await count(engine) == 2


async def test_a_writer_does_not_wait_for_a_reader(engine: AsyncEngine) -> None:
    async with reading(engine) as connection, asyncio.timeout(300):
        await papers.latest(connection, paper(1).id)
        await save(engine, 1)


async def test_a_writer_that_is_cancelled_leaves_no_lock(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await papers.save(connection, [paper(1)], MONDAY_MORNING)
        waiting = [asyncio.create_task(save(engine, 1)) for _ in range(3)]
        await asyncio.sleep(0.2)
        for task in waiting:
            task.cancel()
    await asyncio.wait(waiting)
    async with asyncio.timeout(300):
        await save(engine, 2)
    assert await count(engine) == 1


@types.coroutine
def cancelled_at(point: int, times: int, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, bool]:
    """Run `work` and cancel its task at the `point`th time that it waits, and `times` in a row.

    Returns whether it waited that often.
    """
    steps, error, waits = work.__await__(), None, 0
    while True:
        try:
            future = steps.throw(error) if error else steps.send(None)
        except (StopIteration, asyncio.CancelledError):
            return waits > point
        if point <= waits < point + times:
            cast("asyncio.Task[bool]", asyncio.current_task()).cancel()
        waits, error = waits + 1, None
        try:
            yield future
        except asyncio.CancelledError as cancelled:
            error = cancelled


async def write_once(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        for category in WATCHED:
            await connection.execute(
                text("INSERT INTO watches VALUES (:category, '2026-02-09') ON CONFLICT DO NOTHING"),
                {"category": category},
            )


async def test_a_statement_on_sqlite_is_one_call_to_the_thread_of_its_connection(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    execute = aiosqlite.Connection._execute

    async def counted(connection: aiosqlite.Connection, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return await execute(connection, *arguments)  # type: ignore[no-untyped-call]

    engine = open_engine(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'store.db')}")
    await write_once(engine)
    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    await write_once(engine)
    await engine.dispose()
    assert calls == len(["BEGIN", *WATCHED, "COMMIT", "close"])


WATCHED = ("cs.SD", "cs.CL", "cs.LG", "eess.AS")


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("opened_before", [False, True])
async def test_a_task_that_is_cancelled_at_any_point_leaves_no_lock_no_open_connection_and_no_thread(
    tmp_path: Path, sqlite_template: Path, *, opened_before: bool, times: int
) -> None:
    path = shutil.copy(sqlite_template, tmp_path / "store.db")
    points = 0
    with warnings.catch_warnings(record=True) as warned, closing(sqlite3.connect(path, timeout=10)) as other:
        warnings.simplefilter("always")
        for points in itertools.count():
            engine = open_engine(f"sqlite:///{path}")
            if opened_before:
                await write_once(engine)
            reached = await asyncio.create_task(in_task(points, times, engine))
            other.execute("BEGIN IMMEDIATE")
            other.rollback()
            await engine.dispose()
            assert threads_of_connections() == []
            if not reached:
                break
        gc.collect()
    assert points > 5
    assert [str(each.message) for each in warned] == []


async def in_task(point: int, times: int, engine: AsyncEngine) -> bool:
    return await cancelled_at(point, times, write_once(engine))


def threads_of_connections() -> list[threading.Thread]:
    """Return the threads of aiosqlite that still run; one that has reported its end is joined."""
    found = [each for each in threading.enumerate() if "_connection_worker_thread" in each.name]
    for thread in found:
        thread.join(1)
    return [each for each in found if each.is_alive()]


@pytest.mark.parametrize("times", [1, 2])
def test_a_writer_that_is_cut_off_while_another_process_holds_the_lock_leaves_no_thread(
    tmp_path: Path, sqlite_template: Path, times: int
) -> None:
    path = shutil.copy(sqlite_template, tmp_path / "store.db")

    async def cut_off() -> None:
        engine = open_engine(f"sqlite:///{path}")
        waiting = asyncio.create_task(write_once(engine))
        await asyncio.sleep(0.1)  # it waits by now, or is cut off earlier, which must do no harm either
        for _ in range(times):
            waiting.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([waiting])
        await engine.dispose()

    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.run(cut_off())
        assert threads_of_connections() == []


async def test_many_programs_that_open_a_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(10)]

    async def opened(url: str) -> None:
        engine = open_engine(url)
        async with writing(engine) as connection:
            assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
        await engine.dispose()

    await asyncio.gather(*(opened(url) for url in urls for _ in range(6)))


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from digest.core.models import Origin, Paper, PaperId, Translation, VersionId
from digest.db import generated_texts, papers
from digest.db.engine import open_engine, writing

async def main():
    engine, now = open_engine(sys.argv[1]), datetime.now(UTC)
    for number in range(1, 100000):
        version = VersionId(PaperId(f"2602.{number:05d}"), 1)
        async with writing(engine) as connection:
            await papers.save(connection, [Paper(version, "", (), (), None, None, None, None)], now)
            made = Translation(version, "zh", None, "x" * 5000, None, Origin("m", "p"))
            await generated_texts.save_translation(connection, made, now)
        print(number, flush=True)

asyncio.run(main())
"""


def rows_of_a_killed_writer(url: str) -> int:
    """Return how many rows a process reported as committed when it was killed while it wrote."""
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        while (committed := int(writer.stdout.readline())) < 100:
            pass
        writer.kill()
        return max(map(int, writer.stdout.read().split()), default=committed)


async def test_a_process_that_is_killed_leaves_every_committed_row(engine: AsyncEngine) -> None:
    committed = rows_of_a_killed_writer(engine.url.render_as_string(hide_password=False))
    assert await count(engine) in (committed, committed + 1)  # it may die between commit and print
    await save(engine, 99999)


def test_a_killed_writer_leaves_a_sound_sqlite_file(tmp_path: Path, sqlite_template: Path) -> None:
    path = shutil.copy(sqlite_template, tmp_path / "store.db")
    rows_of_a_killed_writer(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
