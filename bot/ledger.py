"""The ledger's pen: marks of many sends at once become one commit, and each sender waits for its own.

A commit takes as long for one mark as for a hundred, so what comes in while one is under way goes into the next.
"""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.models import Mark, Sending
from bot.store import deliveries
from digest.store import engine as database


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A mark that is to be written, and who waits for it: for whether its delivery is still wanted."""

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

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def note(self, mark: Mark) -> bool:
        """Returns once `mark` is committed, also where the caller is cancelled meanwhile.

        A delivery whose subscriber has left is not marked as being sent: False says so. Raises StoreError.
        """
        waiting = _Waiting(mark, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return await waiting.written

    async def close(self) -> None:
        """Returns once everything is committed."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting, []
                await self._commit(some)
        finally:
            self._writer = None

    async def _commit(self, some: list[_Waiting]) -> None:
        sending = {each.mark.delivery for each in some if each.mark.state is Sending.SENDING}
        try:
            async with database.writing(self._engine) as connection:
                left = sending - await deliveries.still_wanted(connection, sending)
                written = [each for each in some if not _is_void(each.mark, left)]
                await deliveries.mark(connection, [each.mark for each in written])
        except Exception as error:  # noqa: BLE001 - each of those that wait has to hear of it
            for each in some:
                each.fail(error)
        else:
            for each in some:
                each.answer(not _is_void(each.mark, left))


def _is_void(mark: Mark, left: set[int]) -> bool:
    return mark.state is Sending.SENDING and mark.delivery in left
