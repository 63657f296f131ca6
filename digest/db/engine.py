"""The database engine: its connections, its two kinds of transactions, and which errors are transient.

    async with writing(engine) as connection:   one transaction, committed at the end, rolled back on an exception
    async with reading(engine) as connection:   neither waits for writers nor blocks them

On SQLite a writer takes its lock at the beginning (BEGIN IMMEDIATE), so that writers wait for each other instead of
failing halfway; readers see the last commit meanwhile (WAL).
"""

import asyncio
import errno
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite
import structlog
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from digest.core.errors import StoreError, StoreUnavailableError
from digest.db import private_files
from digest.db.types import storable

# Sources: https://www.sqlite.org/rescode.html, and PostgreSQL's appendix A, "PostgreSQL Error Codes".
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_FULL = {sqlite3.SQLITE_FULL}
# Errors of the disk and the file: an unavailable network folder, a file system mounted read-only, a file that was
# moved, too many open files. An open connection may continue with the old file, so a new one is made.
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_CODES = _BUSY | _FULL | _DISK
# Classes 08 (connection), 53 (no disk space, memory or connections left), 57P (shutting down, starting), 58 (system
# errors of the server), 40 (rolled back for other transactions), and of 55 and 57: lock not available, query cancelled.
_STATES = ("08", "40", "53", "55P03", "57014", "57P", "58")
_ERRNOS = {
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOLCK,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
}


def is_transient(error: DBAPIError | NoFreeConnectionError) -> bool:
    """Return True if a retry may succeed later."""
    if isinstance(error, NoFreeConnectionError) or error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _code(error.orig) in _CODES
    if not isinstance(error, OperationalError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_STATES)  # without a state, the connection was lost or failed


def is_busy(error: BaseException | None) -> bool:
    """Return True if SQLite reports that another connection holds the lock."""
    return _code(error) in _BUSY


def is_transient_of_system(error: OSError) -> bool:
    """Return True if a retry on a file beside the database may succeed later."""
    return error.errno in _ERRNOS


def renew_connection(context: ExceptionContext) -> None:
    """Make SQLAlchemy open a new connection after a disk error, as it does after a server has closed one."""
    if _code(context.original_exception) in _DISK:
        context.is_disconnect = True


def _code(error: BaseException | None) -> int | None:
    """Return SQLite's primary error code, without the upper bits of an extended one; None if there is none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


_ROWS_AT_ONCE = 64  # aiosqlite's own default


class SqliteConnections:
    """The connections of one engine to SQLite; it must be disposed of in the event loop in which it was used.

    Each has a thread, which always ends, however its task was cancelled. aiosqlite answers a call through the event
    loop, and a cancelled task leaves its call running in the thread; if the loop is closed before the thread is done,
    the thread dies of an unseen exception, with its file still open.
    """

    def __init__(self) -> None:
        self._ending: set[asyncio.Future[Any]] = set()

    async def open(self, database: str, **options: Any) -> aiosqlite.Connection:
        """Open a connection to the existing file `database`, with sqlite3's options.

        It does not create a missing file: sqlite3.OperationalError is raised. If the task is cancelled meanwhile, the
        connection is closed once it is open.
        """
        address = f"{Path(database).as_uri()}?mode=rw"
        opening = asyncio.ensure_future(
            _opened(self._ending, partial(sqlite3.connect, address, uri=True, **options))
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            _note(self._ending, asyncio.ensure_future(_closed(opening)))
            raise

    async def all_ended(self) -> None:
        """Wait until the threads of all closed and cancelled connections have ended."""
        while self._ending:
            await asyncio.wait(self._ending)


class _Connection(aiosqlite.Connection):
    """A connection that calls its thread once per statement, and stops only once.

    The thread never answers a second stop, so waiting for it would hang.
    """

    def __init__(self, ending: set[asyncio.Future[Any]], connector: partial[sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        self._ending = ending
        self._stopped: asyncio.Future[Any] | None = None
        self._thread.daemon = True  # a running statement must not keep the process alive

    def cursor(self) -> "_Cursor":  # type: ignore[override]
        """Return a cursor for one statement."""
        return _Cursor(self)

    async def rollback(self) -> None:
        """Roll back the transaction, if there is one: SQLAlchemy also asks for it after each commit.

        A call that was cancelled may still begin one, but SQLAlchemy closes such a connection.
        """
        if self.in_transaction:
            await super().rollback()

    def stop(self) -> asyncio.Future[Any] | None:
        """Let the thread end after its pending calls; the future is done when it has ended."""
        if self._stopped is None:
            self._stopped = super().stop()
            if self._stopped is not None:
                _note(self._ending, self._stopped)
        return self._stopped


class _Cursor:
    """A cursor with the methods that SQLAlchemy calls, except those of `stream()`.

    aiosqlite calls the thread to make a cursor, to run its statement, for its rows and to close it. Each call wakes the
    thread and then the event loop, which takes longer than most statements. Here one call does all of it.
    """

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> None:
        await self._run(self._connection._conn.execute, statement, parameters)  # noqa: SLF001

    async def executemany(self, statement: str, parameters: Iterable[Iterable[Any]]) -> None:
        await self._run(self._connection._conn.executemany, statement, parameters)  # noqa: SLF001

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        """Do nothing: after its last row a statement is reset."""

    async def _run(self, run: Callable[..., sqlite3.Cursor], *arguments: Any) -> None:
        def run_and_fetch() -> tuple[list[Any], Any, int, int | None]:
            cursor = run(*arguments)
            return cursor.fetchall(), cursor.description, cursor.rowcount, cursor.lastrowid

        done = await self._connection._execute(run_and_fetch)  # type: ignore[no-untyped-call]  # noqa: SLF001
        self._rows, self.description, self.rowcount, self.lastrowid = done


def _note(ending: set[asyncio.Future[Any]], future: asyncio.Future[Any]) -> None:
    ending.add(future)
    future.add_done_callback(ending.discard)


async def _opened(
    ending: set[asyncio.Future[Any]], connector: partial[sqlite3.Connection]
) -> aiosqlite.Connection:
    return await _Connection(ending, connector)


async def _closed(opening: asyncio.Future[aiosqlite.Connection]) -> None:
    await asyncio.wait([opening])
    if opening.exception() is None:
        await opening.result().close()


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
                _log.warning("waiting_for_another_writer", at_most_seconds=_LOCK_WAIT_SECONDS)
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
