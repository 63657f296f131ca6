"""A cache of values that many request at once: each is made once and reused for a moment."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

_PLACES = 64
V = TypeVar("V")


class Shelf:
    """A cache whose values are valid for the time `fresh`. The least recently used ones are removed."""

    def __init__(self, clock: Callable[[], datetime], fresh: timedelta) -> None:
        self._clock = clock
        self._fresh = fresh
        self._kept: OrderedDict[object, tuple[datetime, asyncio.Future[Any]]] = OrderedDict()

    async def get(self, key: object, make: Callable[[], Awaitable[V]]) -> V:
        """Return the value of `make` for `key`. Concurrent requests share one call. Raises what `make` raises."""
        now = self._clock()
        made_at, future = self._kept.get(key, (None, None))
        if future is None or made_at is None or not timedelta(0) <= now - made_at < self._fresh:
            future = asyncio.ensure_future(make())
            self._kept[key] = (now, future)
            future.add_done_callback(lambda done: self._drop_failed(key, done))
        self._kept.move_to_end(key)
        while len(self._kept) > _PLACES:
            self._kept.popitem(last=False)
        found: V = await asyncio.shield(future)  # a client that disconnects leaves it to the others
        return found

    def _drop_failed(self, key: object, done: "asyncio.Future[Any]") -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._kept.get(key, (None, None))[1] is done:
            del self._kept[key]
