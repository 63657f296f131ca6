"""Rate slots for a server that allows one request at a time, shared by all processes on the database.

The slot itself is a lock that ends with its holder (`exclusive`); the time from which the next request is allowed is a
row.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from sqlalchemy import ColumnElement, Double, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.db.bulk import insert_into
from digest.db.engine import reading, writing
from digest.db.locks import BusyError, exclusive
from digest.db.tables import turns

_BETWEEN_TRIES = 0.2  # seconds, while another process has the slot
_LONGEST_REST = 600  # seconds; a longer one means that the clock was set back


class Turns:
    """The rate slots for `far_end`: at least `interval` seconds from the begin and end of one to the next."""

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
