"""The ledger's pen: marks of many sends at once become one commit, and each sender waits for its own.

A commit takes as long for one mark as for a hundred, so what comes in while one is under way, and in a moment after
it, goes into the next.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.models import Mark
from bot.store import deliveries
from digest.store import engine as database

_GATHERING_SECONDS = 0.002  # unnoticed, and at a thousand marks a second it spares most of the commits


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A mark that is to be written, and who waits for it: for whether its delivery is still wanted."""

    delivery: int
    mark: Mark
    written: "asyncio.Future[bool]"

    def answer(self, wanted: bool) -> None:
        if not self.written.done():
            self.written.set_result(wanted)

    def fail(self, error: Exception) -> None:
        if not self.written.done():
            self.written.set_exception(error)


class Ledger:
    """Marks deliveries in the database behind `engine`."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def note(self, delivery: int, mark: Mark) -> bool:
        """Returns once `mark` is committed; not sooner where the caller is cancelled meanwhile.

        A delivery whose subscriber has left or paused is not marked as being sent: False says so. Of one delivery, a
        mark is noted when the one before it has been. Raises StoreError.
        """
        waiting = _Waiting(delivery, mark, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        try:
            return await asyncio.shield(waiting.written)
        except asyncio.CancelledError:
            await asyncio.wait({waiting.written})
            raise

    async def close(self) -> None:
        """Returns once everything is committed."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_GATHERING_SECONDS)
                some, self._waiting = self._waiting, []
                await self._commit(some)
        finally:
            self._writer = None

    async def _commit(self, some: list[_Waiting]) -> None:
        try:
            async with database.writing(self._engine) as connection:
                marked: set[int] = set()
                for mark, numbers in _alike(some).items():
                    marked |= await deliveries.mark(connection, numbers, mark, self._clock())
        except Exception as error:  # noqa: BLE001 - each of those that wait has to hear of it
            for each in some:
                each.fail(error)
        else:
            for each in some:
                each.answer(each.delivery in marked)


def _alike(some: list[_Waiting]) -> dict[Mark, list[int]]:
    """What becomes the same is one statement."""
    alike: dict[Mark, list[int]] = {}
    for each in some:
        alike.setdefault(each.mark, []).append(each.delivery)
    return alike
