"""Locks for work that only one process at a time may do on a database, and the rate slots that are built on them.

The locks are those of the operating system and of PostgreSQL: they end with the process that holds them, however it
ends. PostgreSQL's lock also ends with its connection while the work goes on, so writes must be safe without it.
"""

import asyncio
import fcntl
import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import date
from pathlib import Path

from sqlalchemy import ColumnElement, Double, cast, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.core.errors import StoreError, StoreUnavailableError
from digest.db.bulk import insert_into
from digest.db.engine import is_transient_of_system, reading, writing
from digest.db.tables import turns

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


_BETWEEN_TRIES = 0.2  # seconds, while another process has the slot
_LONGEST_REST = 600  # seconds; a longer one means that the clock was set back


class RateSlots:
    """The rate slots for `far_end`: at least `interval` seconds from the begin and end of one to the next.

    They are for a server that allows one request at a time, and shared by all processes on the database. The slot
    itself is a lock that ends with its holder (`exclusive`); the time from which the next request is allowed is a row.
    """

    def __init__(self, engine: AsyncEngine, far_end: str, interval: float) -> None:
        self._engine = engine
        self._far_end = far_end
        self._interval = interval

    @asynccontextmanager
    async def turn(self, rest: Callable[[], float]) -> AsyncIterator[None]:
        """Wait for a slot and hold it; at its end, `rest` returns the seconds until the next request is allowed.

        Processes wait without the lock and all wake at the same time, so none can starve the others. Raises StoreError
        if the database fails.
        """
        async with AsyncExitStack() as stack:
            while (pause := await self._taken(stack)) > 0:  # noqa: ASYNC110 - other processes send no notification
                await asyncio.sleep(pause)
            # Stored at the beginning too, in case this process crashes during its slot.
            await self._note(self._interval)
            try:
                yield
            finally:
                await self._note(max(self._interval, rest()))

    async def _taken(self, stack: AsyncExitStack) -> float:
        """Return 0 if this process has the slot, until `stack` ends; else the seconds until the next attempt."""
        async with AsyncExitStack() as trying:
            with suppress(BusyError):
                await trying.enter_async_context(exclusive(self._engine, self._far_end))
                pause = await self._rest()
                if pause <= 0:
                    stack.push_async_exit(trying.pop_all())
                return pause
        return _BETWEEN_TRIES

    async def _rest(self) -> float:
        query = select(turns.c.free_at - _now(self._engine)).where(turns.c.far_end == self._far_end)
        async with reading(self._engine) as connection:
            left: float = await connection.scalar(query) or 0
        return left if left <= _LONGEST_REST else 0

    async def _note(self, seconds: float) -> None:
        async with writing(self._engine) as connection:
            insert = insert_into(connection, turns).values(
                far_end=self._far_end, free_at=_now(self._engine) + seconds
            )
            await connection.execute(
                insert.on_conflict_do_update(
                    index_elements=[turns.c.far_end], set_={"free_at": insert.excluded.free_at}
                )
            )


def _now(engine: AsyncEngine) -> ColumnElement[float]:
    """Return the database's clock, in seconds since 1970, because its clients may be on several machines."""
    if engine.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Double)
    return (func.julianday("now") - 2440587.5) * 86400.0
