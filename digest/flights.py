"""The same work asked for by many at once is done once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

Made = TypeVar("Made")


class Flights:
    """Work that is under way in this process, by its key."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def once(self, key: Hashable, make: Callable[[], Awaitable[Made]]) -> Made:
        """What `make` gives; where the work of that `key` is under way already, what that gives.

        Who is cancelled stops waiting; the work goes on, also for nobody: what it brings is paid for, and kept.
        """
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(_done(make))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        made: Made = await asyncio.shield(task)
        return made

    def is_under_way(self, key: Hashable) -> bool:
        """Whether somebody is at that work."""
        return key in self._under_way

    async def close(self) -> None:
        """Cuts off what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: Hashable, task: "asyncio.Task[Any]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # those who still wait hear of it; where nobody does, it is no news to the loop


async def _done(make: Callable[[], Awaitable[Made]]) -> Made:
    return await make()
