"""Work that many may ask for at once is done once: who asks while it is under way waits for the same.

Work lives in its process: another process does not know of it. What is made twice by two of them is made the same,
and stored once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

Made = TypeVar("Made")
_LAST_SECONDS = 2.0  # to put away what they had open

Hear = Callable[[str], None]
"""Takes all that is written of a text so far, again and again; raises nothing."""


class Audience:
    """Those who wait for one piece of work; more may come while it is under way."""

    def __init__(self) -> None:
        self.is_urgent = False
        """Whether a person waits among them, and not only the day's edition."""
        self._hearers: list[Hear] = []
        self._written = ""

    def join(self, hear: Hear | None = None, *, urgent: bool = False) -> None:
        """One more waits. `hear` is told at once what is written already."""
        self.is_urgent = self.is_urgent or urgent
        if hear is not None:
            self._hearers.append(hear)
            if self._written:
                hear(self._written)

    @property
    def hears(self) -> bool:
        """Whether anybody wants the text while it is written."""
        return bool(self._hearers)

    def tell(self, written: str) -> None:
        """`written` is the text so far; a second attempt begins it anew."""
        self._written = written
        for hear in self._hearers:
            hear(written)


@dataclass(frozen=True, slots=True)
class _Flight:
    task: "asyncio.Task[Any]"
    audience: Audience


class Flights:
    """Work that is under way in this process, by its key."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Flight] = {}

    async def once(
        self,
        key: Hashable,
        make: Callable[[Audience], Awaitable[Made]],
        hear: Hear | None = None,
        *,
        urgent: bool = False,
    ) -> Made:
        """What `make` gives; where the work of that `key` is under way already, what that gives.

        Who is cancelled stops waiting; the work goes on, also for nobody: what it brings is paid for, and kept.
        """
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._begin(key, make)
        flight.audience.join(hear, urgent=urgent)
        made: Made = await asyncio.shield(flight.task)
        return made

    def is_under_way(self, key: Hashable) -> bool:
        """Whether somebody is at that work."""
        return key in self._under_way

    async def close(self) -> None:
        """Cuts off what is under way.

        A connection that is cut off while it opens may never tell that it is closed (aiosqlite): whoever waits for that
        is cut off again after a moment.
        """
        tasks = {flight.task for flight in self._under_way.values()}
        if tasks:  # what is storing its result ends by itself
            _, tasks = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=_LAST_SECONDS)

    def _begin(self, key: Hashable, make: Callable[[Audience], Awaitable[Made]]) -> _Flight:
        audience = Audience()
        task = asyncio.ensure_future(_done(make, audience))
        flight = self._under_way[key] = _Flight(task, audience)
        task.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: Hashable, task: "asyncio.Task[Any]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # those who still wait hear of it; where nobody does, it is no news to the loop


async def _done(make: Callable[[Audience], Awaitable[Made]], audience: Audience) -> Made:
    return await make(audience)
