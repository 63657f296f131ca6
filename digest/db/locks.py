"""Locks for work that only one process at a time may do on a database.

The locks are those of the operating system and of PostgreSQL: they end with the process that holds them, however it
ends. PostgreSQL's lock also ends with its connection while the work goes on, so writes must be safe without it.
"""

import asyncio
import fcntl
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import date
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.core.errors import StoreError, StoreUnavailableError
from digest.db.engine import reading
from digest.db.transient import is_transient_of_system

_NAMESPACE = 0x61727869  # the first number of this program's advisory locks, which are pairs of numbers


class BusyError(StoreError):
    """Another process does this work already."""


@asynccontextmanager
async def exclusive(engine: AsyncEngine, work: str) -> AsyncIterator[None]:
    """Hold the lock for `work` on this database while the block runs.

    Raises BusyError at once if another process holds it, and StoreError if it cannot be taken.
    """
    if engine.dialect.name == "postgresql":
        async with _on_postgresql(engine, work):
            yield
    else:
        with _beside_the_file(engine.url.database, work):
            yield


class ProcessLock:
    """A lock for `work`, as `exclusive`, which several tasks of this process can hold at the same time.

    `parts` are the days that are being worked on.
    """

    def __init__(self, engine: AsyncEngine, work: str) -> None:
        self._engine = engine
        self._work = work
        self._turn = asyncio.Lock()
        self._holders = 0
        self._kept: AsyncExitStack | None = None
        self.parts: set[date] = set()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lock while the block runs. Raises as `exclusive` does."""
        async with self._turn:
            if self._kept is None:
                stack = AsyncExitStack()
                await stack.enter_async_context(exclusive(self._engine, self._work))
                self._kept = stack
            self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            async with self._turn:
                if not self._holders:
                    await self._free()

    async def _free(self) -> None:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            await kept.aclose()


@asynccontextmanager
async def _on_postgresql(engine: AsyncEngine, work: str) -> AsyncIterator[None]:
    key = (_NAMESPACE, zlib.crc32(work.encode()) - 2**31)
    async with reading(engine) as connection:
        # AUTOCOMMIT, because a transaction would stay open for as long as the work takes.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if not await connection.scalar(select(func.pg_try_advisory_lock(*key))):
            raise _busy(work)
        try:
            yield
        finally:
            await _free(connection, key)


async def _free(connection: AsyncConnection, key: tuple[int, int]) -> None:
    """Release the lock explicitly, because a server may release the locks of a closed session late.

    On a broken connection the query fails, which is ignored.
    """
    try:
        with suppress(DBAPIError):
            await connection.execute(select(func.pg_advisory_unlock(*key)))
    finally:
        await connection.invalidate()  # it must not return to the pool with the lock


@contextmanager
def _beside_the_file(database: str | None, work: str) -> Iterator[None]:
    if not database or database == ":memory:":  # no other process can reach it
        yield
        return
    # The file is kept: if it were removed, one process could hold its lock while another creates it again.
    path = Path(f"{os.path.realpath(database)}.{work}.lock")
    descriptor = _opened(path)
    try:
        _lock(descriptor, path, work)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _fault(f"The lock {path} cannot be opened", error) from error


def _lock(descriptor: int, path: Path, work: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _busy(work) from None
    except OSError as error:
        raise _fault(f"The lock {path} cannot be taken", error) from error


def _fault(what: str, error: OSError) -> StoreError:
    kind = StoreUnavailableError if is_transient_of_system(error) else StoreError
    return kind(f"{what}: {error.strerror}.")


def _busy(work: str) -> BusyError:
    return BusyError(
        f"Another arxiv-daily is at work on the {work} of this database; this one leaves it alone."
    )
