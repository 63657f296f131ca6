"""Turns at a far end that allows one request at a time, kept by all processes that share the database.

The turn itself is a lock that ends with its holder (`exclusive`); when the far end may be asked again is a row.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from sqlalchemy import ColumnElement, Double, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.store.bulk import insert_into
from digest.store.engine import reading, writing
from digest.store.exclusive import BusyError, exclusive
from digest.store.tables import turns

_BETWEEN_TRIES = 0.2  # seconds, while another process asks
_LONGEST_REST = 600  # seconds; a longer one is a clock that was set back


class Turns:
    """The turns at `far_end`: at least `interval` seconds from the beginning and the end of one to the next."""

    def __init__(self, engine: AsyncEngine, far_end: str, interval: float) -> None:
        self._engine = engine
        self._far_end = far_end
        self._interval = interval

    @asynccontextmanager
    async def turn(self, rest: Callable[[], float]) -> AsyncIterator[None]:
        """A turn, as soon as it is this process's. At its end, `rest` tells how many seconds the far end is left alone.

        Who waits does so without the lock, and all wake at the same moment: no process keeps the others out. Raises
        StoreError where the database fails.
        """
        async with AsyncExitStack() as stack:
            while (pause := await self._taken(stack)) > 0:  # noqa: ASYNC110 - other processes tell nobody
                await asyncio.sleep(pause)
            # Noted at the beginning too: a process that dies in its turn leaves the far end its rest.
            await self._note(self._interval)
            try:
                yield
            finally:
                await self._note(max(self._interval, rest()))

    async def _taken(self, stack: AsyncExitStack) -> float:
        """0 where this process has its turn, until `stack` ends; otherwise the seconds until it is worth a try."""
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
    """The database's clock, in seconds since 1970: its users may be on many machines."""
    if engine.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Double)
    return (func.julianday("now") - 2440587.5) * 86400.0
