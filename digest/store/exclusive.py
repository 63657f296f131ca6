"""Work that one process at a time may do on a database.

The locks are of the operating system and of PostgreSQL: they end with the process that holds them, however it ends.
PostgreSQL's ends with its connection too, while the work goes on: what is written must be safe without it.
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

from digest.errors import StoreError, StoreUnavailableError
from digest.store.engine import reading
from digest.store.transient import is_transient_of_system

_NAMESPACE = 0x61727869  # of this program's advisory locks, which are pairs of numbers


class BusyError(StoreError):
    """Another process does this work already."""


@asynccontextmanager
async def exclusive(engine: AsyncEngine, work: str) -> AsyncIterator[None]:
    """Keeps `work` on this database to this process while the block runs.

    Raises BusyError at once where another process has it, StoreError where it cannot be kept.
    """
    if engine.dialect.name == "postgresql":
        async with _on_postgresql(engine, work):
            yield
    else:
        with _beside_the_file(engine.url.database, work):
            yield


class ProcessLock:
    """Keeps `work` to this process, as `exclusive` does, while any of its tasks do some of it side by side.

    `parts` are those that are being done.
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
        """Takes part in the work while the block runs. Raises as `exclusive` does."""
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
        # Without a transaction: it would stay open for as long as the work takes.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if not await connection.scalar(select(func.pg_try_advisory_lock(*key))):
            raise _busy(work)
        try:
            yield
        finally:
            await _free(connection, key)


async def _free(connection: AsyncConnection, key: tuple[int, int]) -> None:
    """The server frees the locks of a closed session in its own time, hence the query; a broken one asks in vain."""
    try:
        with suppress(DBAPIError):
            await connection.execute(select(func.pg_advisory_unlock(*key)))
    finally:
        await connection.invalidate()  # it must not come back to the pool with the lock


@contextmanager
def _beside_the_file(database: str | None, work: str) -> Iterator[None]:
    if not database or database == ":memory:":  # no other process can reach it
        yield
        return
    # The file stays: removed, it could be locked by one process while another makes it anew.
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
