"""Connections to SQLite. Each has a thread, which always ends, however its task was cancelled.

aiosqlite answers a call through the event loop. A cancelled task leaves its call running in the thread; if the loop is
closed before the thread is done, the thread dies of an unseen exception, with its file still open.
"""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite

_ROWS_AT_ONCE = 64  # aiosqlite's own default


class SqliteConnections:
    """The connections of one engine, which must be disposed of in the event loop in which it was used."""

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
    """A connection that stops only once: the thread never answers a second stop, so waiting for it would hang."""

    def __init__(self, ending: set[asyncio.Future[Any]], connector: partial[sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        self._ending = ending
        self._stopped: asyncio.Future[Any] | None = None
        self._thread.daemon = True  # a running statement must not keep the process alive

    def stop(self) -> asyncio.Future[Any] | None:
        """Let the thread end after its pending calls; the future is done when it has ended."""
        if self._stopped is None:
            self._stopped = super().stop()
            if self._stopped is not None:
                _note(self._ending, self._stopped)
        return self._stopped


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
