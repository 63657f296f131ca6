"""Singleflight: concurrent requests for the same work share one task and its result.

It works within one process. Two processes may do the same work twice; the result is the same and is stored once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

Made = TypeVar("Made")
_LAST_SECONDS = 2.0  # for tasks to close what they have open

Hear = Callable[[str], None]
"""A callback that gets the whole text written so far, each time it grows; raises nothing."""


class Listeners:
    """The listeners that wait for one piece of work; more may join while it runs."""

    def __init__(self) -> None:
        self.is_urgent = False
        """True if a person waits, or the rest of the day's edition."""
        self._hearers: list[Hear] = []
        self._written = ""

    def join(self, hear: Hear | None = None, *, urgent: bool = False) -> None:
        """Add a listener. `hear` gets at once the text written so far."""
        self.is_urgent = self.is_urgent or urgent
        if hear is not None:
            self._hearers.append(hear)
            if self._written:
                hear(self._written)

    @property
    def hears(self) -> bool:
        """True if any listener wants the text while it is written."""
        return bool(self._hearers)

    def tell(self, written: str) -> None:
        """Pass `written`, the whole text so far, to the listeners; a second attempt begins again from the start."""
        self._written = written
        for hear in self._hearers:
            hear(written)


@dataclass(frozen=True, slots=True)
class _Flight:
    task: "asyncio.Task[Any]"
    listeners: Listeners


class SingleFlight:
    """The running tasks of this process, by key."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Flight] = {}

    async def once(
        self,
        key: Hashable,
        make: Callable[[Listeners], Awaitable[Made]],
        hear: Hear | None = None,
        *,
        urgent: bool = False,
    ) -> Made:
        """Run `make` and return its result, or join the running task of that `key` and return its result.

        A caller that is cancelled stops waiting. The task runs on even if nobody waits, because its result is paid
        for and gets stored. Raises whatever `make` raises.
        """
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._begin(key, make)
        flight.listeners.join(hear, urgent=urgent)
        made: Made = await asyncio.shield(flight.task)
        return made

    def is_under_way(self, key: Hashable) -> bool:
        """Return True if a task of that `key` is running."""
        return key in self._under_way

    async def close(self) -> None:
        """Cancel the running tasks after a grace period of two seconds.

        An aiosqlite connection that is cancelled while it opens may never report that it is closed. A task that waits
        for this is cancelled again every two seconds until it ends.
        """
        tasks = {flight.task for flight in self._under_way.values()}
        if tasks:  # a task that is storing its result ends by itself
            _, tasks = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=_LAST_SECONDS)

    def _begin(self, key: Hashable, make: Callable[[Listeners], Awaitable[Made]]) -> _Flight:
        listeners = Listeners()
        task = asyncio.ensure_future(_done(make, listeners))
        flight = self._under_way[key] = _Flight(task, listeners)
        task.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: Hashable, task: "asyncio.Task[Any]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # callers that wait get it; without any, asyncio must not report it as never retrieved


async def _done(make: Callable[[Listeners], Awaitable[Made]], listeners: Listeners) -> Made:
    return await make(listeners)
