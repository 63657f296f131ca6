"""A batched writer of delivery marks: many marks share one commit, and each sender waits for its own.

A commit takes as long for one mark as for a hundred, so marks that arrive during a commit, or shortly after it, go into
the next one. While the database is unavailable the marks wait: no sent message is forgotten.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Mark
from bot.db import deliveries
from bot.delivery.outages import outlasting
from digest.core.errors import StoreError, StoreUnavailableError
from digest.db import engine as database

_GATHERING_SECONDS = 0.002  # unnoticeable, and at a thousand marks a second it saves most commits


class LedgerClosedError(StoreError):
    """The program ends before the database has taken a mark."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A mark to write, and a future for whether its delivery is still wanted."""

    delivery: int
    mark: Mark
    written: "asyncio.Future[bool]"

    def answer(self, wanted: bool) -> None:
        if not self.written.done():
            self.written.set_result(wanted)

    def fail(self, error: Exception) -> None:
        if not self.written.done():
            self.written.set_exception(error)


class BatchedWriter:
    """Writes marks of deliveries to the database of `engine`."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._closed = False
        self._is_in_doubt = False
        """True if a failed commit may have succeeded: the connection may break after it."""

    async def note(self, delivery: int, mark: Mark) -> bool:
        """Return once `mark` is committed, even if the caller is cancelled meanwhile.

        A delivery whose subscriber has left or paused, or that another process sends, is not marked as being sent; the
        result is then False. The caller must await one mark of a delivery before the next. Raises LedgerClosedError and
        StoreError.
        """
        if self._closed:
            raise _given_up()
        waiting = _Waiting(delivery, mark, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        try:
            return await asyncio.shield(waiting.written)
        except asyncio.CancelledError:
            await asyncio.wait({waiting.written})
            raise

    def open(self) -> None:
        """Accept marks, also after it was closed."""
        self._closed = False

    async def close(self, patience_seconds: float) -> None:
        """Wait for all commits; after `patience_seconds` the rest is given up."""
        self._closed = True
        if self._writer is None:
            return
        _, late = await asyncio.wait({self._writer}, timeout=patience_seconds)
        for writer in late:
            writer.cancel()
            await asyncio.wait({writer})

    async def _write(self) -> None:
        some: list[_Waiting] = []
        try:
            while self._waiting:
                await asyncio.sleep(_GATHERING_SECONDS)
                some, self._waiting = self._waiting, []
                await outlasting("ledger", partial(self._commit, some))
        finally:
            self._writer = None
            for each in (*some, *self._waiting):  # those already written have their result
                each.fail(_given_up())

    async def _commit(self, some: list[_Waiting]) -> None:
        try:
            async with database.writing(self._engine) as connection:
                marked: set[int] = set()
                for mark, numbers in _alike(some).items():
                    marked |= await deliveries.mark(
                        connection, numbers, mark, self._clock(), in_doubt=self._is_in_doubt
                    )
        except StoreUnavailableError:
            self._is_in_doubt = True
            raise
        except Exception as error:  # noqa: BLE001 - each of those that wait has to hear of it
            for each in some:
                each.fail(error)
        else:
            self._is_in_doubt = False
            for each in some:
                each.answer(each.delivery in marked)


def _given_up() -> LedgerClosedError:
    return LedgerClosedError("The program ended before the database stored the result of a message.")


def _alike(some: list[_Waiting]) -> dict[Mark, list[int]]:
    """Group equal marks, so that each group is one statement."""
    alike: dict[Mark, list[int]] = {}
    for each in some:
        alike.setdefault(each.mark, []).append(each.delivery)
    return alike
