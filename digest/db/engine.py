"""The database engine, and its two kinds of transactions.

    async with writing(engine) as connection:   one transaction, committed at the end, rolled back on an exception
    async with reading(engine) as connection:   neither waits for writers nor blocks them

On SQLite a writer takes its lock at the beginning (BEGIN IMMEDIATE), so that writers wait for each other instead of
failing halfway; readers see the last commit meanwhile (WAL).
"""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite
import structlog
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from digest.core.errors import StoreError, StoreUnavailableError
from digest.db import private_files
from digest.db.sqlite_connections import SqliteConnections
from digest.db.transient import is_busy, is_transient, renew_connection
from digest.db.types import storable

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_log = structlog.get_logger()
_LOCK_WAIT_SECONDS = 30
# The driver's own wait cannot be interrupted, so it is short, and a writer retries.
_LOCK_LOOK_SECONDS = 1
_SWITCH_PAUSE_SECONDS = 0.02
# libpq's own options, unless the URL sets them: seconds, seconds, milliseconds. They detect an unresponsive server
# within a minute.
_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000"}
_POOL_WAIT_SECONDS = 60  # longer than the wait for a lock, whose message is more specific
# The first is for `_begin_sqlite`; the second makes PostgreSQL reject a write that would never be committed.
_READS_ONLY = {"reads_only": True, "postgresql_readonly": True}


def open_engine(url: str) -> AsyncEngine:
    """Open the engine for a `DATABASE_URL`. PostgreSQL is not contacted yet; SQLite's folder is created if missing.

    Raises StoreError if the URL is invalid, names another kind of database, or its folder cannot be created.
    """
    parsed = _parse(url)
    return _open_sqlite(parsed) if parsed.drivername.startswith("sqlite") else _open_postgresql(parsed)


def require_writable(engine: AsyncEngine) -> None:
    """Raise StoreError if the SQLite file is not writable, because a program that continues would retry forever."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    if path is not None and os.path.exists(path) and not os.access(path, os.W_OK):  # noqa: PTH110 - it is a string
        raise StoreError(f"The database {shown(engine.url)} cannot be written to by this user.")


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that may write. Raises StoreError if the database fails; then nothing is written."""
    try:
        async with _turn(engine), engine.begin() as connection:
            yield connection
    except (DBAPIError, NoFreeConnectionError) as error:
        raise _fault(engine.url, error) from error


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a read-only transaction. Raises StoreError if the database fails."""
    try:
        async with engine.connect() as connection:
            yield await connection.execution_options(**_READS_ONLY)
    except (DBAPIError, NoFreeConnectionError) as error:
        raise _fault(engine.url, error) from error


@asynccontextmanager
async def _turn(engine: AsyncEngine) -> AsyncIterator[None]:
    """Wait for this process's turn to write to SQLite, which has one writer at a time.

    Writers wait here in order, without a connection, so that readers get one. Raises StoreUnavailableError after 30
    seconds.
    """
    line: asyncio.Lock | None = engine.sync_engine.get_execution_options().get("writers")
    if line is None:
        yield
        return
    try:
        async with asyncio.timeout(_LOCK_WAIT_SECONDS):
            await line.acquire()
    except TimeoutError:
        raise StoreUnavailableError(f"The database {shown(engine.url)} failed: database is locked.") from None
    try:
        yield
    finally:
        line.release()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # `from None`: the cause would repeat a part of the URL, which may be the password.
        raise StoreError("DATABASE_URL is invalid: give sqlite:///FILE or postgresql://…") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise StoreError(
            f"DATABASE_URL starts with “{parsed.drivername}”: only sqlite:///FILE and postgresql://… work."
        )
    return parsed.set(drivername=driver)


def _open_sqlite(url: URL) -> AsyncEngine:
    if not url.database or url.database == ":memory:" or url.host:
        raise StoreError(
            "DATABASE_URL does not name an SQLite file: give sqlite:///FILE, or sqlite:////ABSOLUTE/FILE."
        )
    try:
        private_files.make_folder(Path(url.database).parent)
    except OSError as error:
        raise StoreError(f"The folder of {shown(url)} cannot be created: {error.strerror}.") from error
    with suppress(OSError):  # SQLite reports the problem with the first statement
        private_files.make_database(Path(url.database))
    connections = SqliteConnections()
    engine = create_async_engine(
        url,
        connect_args={
            "async_creator_fn": connections.open,
            "isolation_level": None,  # the driver must not begin transactions itself
            "timeout": min(_LOCK_LOOK_SECONDS, _LOCK_WAIT_SECONDS),
        },
        pool_timeout=_POOL_WAIT_SECONDS,
        json_serializer=_json,
        hide_parameters=True,  # a logged error shows no address and no question
        execution_options={"writers": asyncio.Lock()},
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "handle_error", renew_connection)
    event.listen(engine.sync_engine, "engine_disposed", lambda _: await_only(connections.all_ended()))
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.run_async(_set_pragmas)


async def _set_pragmas(connection: aiosqlite.Connection) -> None:
    await _switch_to_wal(connection)
    await connection.execute_fetchall("PRAGMA synchronous = FULL")
    await connection.execute_fetchall("PRAGMA foreign_keys = ON")


async def _switch_to_wal(connection: aiosqlite.Connection) -> None:
    """Switch to WAL, with retries: two connections that switch a new file at the same time fail without waiting."""
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_SWITCH_PAUSE_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("reads_only"):
        connection.exec_driver_sql("BEGIN")
        return
    deadline, is_told = time.monotonic() + _LOCK_WAIT_SECONDS, False
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not is_busy(error.orig):
                raise
            if not is_told:  # so that a person at a terminal knows why nothing happens
                _log.warning("waits_for_another_program_that_writes", at_most_seconds=_LOCK_WAIT_SECONDS)
                is_told = True
            if time.monotonic() > deadline:
                raise
        else:
            return


def _open_postgresql(url: URL) -> AsyncEngine:
    return create_async_engine(
        url.set(query=_PATIENCE | dict(url.query)),
        pool_pre_ping=True,  # connections outlive a restart of the server
        pool_timeout=_POOL_WAIT_SECONDS,
        json_serializer=_json,
        hide_parameters=True,  # a logged error shows no address and no question
    )


def _json(value: Any) -> str:
    return storable(json.dumps(value, ensure_ascii=False))


def _fault(url: URL, error: DBAPIError | NoFreeConnectionError) -> StoreError:
    kind = StoreUnavailableError if is_transient(error) else StoreError
    return kind(_sentence(url, error))


def _sentence(url: URL, error: DBAPIError | NoFreeConnectionError) -> str:
    if isinstance(error, NoFreeConnectionError):
        return f"The database {shown(url)} is too busy: no connection became free in {_POOL_WAIT_SECONDS} s."
    reason = str(error.orig).strip().partition("\n")[0].rstrip(".")
    if url.password:
        reason = reason.replace(url.password, "***")
    return f"The database {shown(url)} failed: {reason}."


def shown(url: URL) -> str:
    """Return the URL without password and options, for messages; a file has its absolute path."""
    name = url.get_backend_name()
    database = os.path.abspath(url.database) if name == "sqlite" and url.database else url.database  # noqa: PTH100 - a string
    return URL.create(name, url.username, host=url.host, port=url.port, database=database).render_as_string()
