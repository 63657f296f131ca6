"""A queue per chat: work for one chat in order, chats in parallel."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

_AT_ONCE = 256
ANY_NUMBER = 100_000
"""A limit for work that only waits for Telegram: a sleeping task costs next to nothing."""

Work = Callable[[], Awaitable[None]]
"""A unit of work in the queue. Raises nothing."""


class Turns:
    """Queues of work by key: in order for one key, in parallel for different keys.

    Work that waits behind its own key takes no place from other keys.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._queues: dict[Hashable, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def waiting(self, key: Hashable) -> int:
        """Return how many units of work wait for `key`, without the one in progress."""
        return len(self._queues.get(key, ()))

    def is_busy(self, key: Hashable) -> bool:
        """Return whether work for `key` is in progress."""
        return key in self._queues

    def join(self, key: Hashable, work: Work) -> None:
        """Add `work` after earlier work for `key`."""
        if key in self._queues:
            self._queues[key].append(work)
            return
        self._queues[key] = deque([work])
        task = asyncio.create_task(self._work_off(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_off(self, key: Hashable) -> None:
        queue = self._queues[key]
        try:
            while queue and not self._closing:
                async with self._places:
                    if not self._closing:
                        await queue.popleft()()
        finally:
            del self._queues[key]

    async def close(self, patience_seconds: float) -> int:
        """Start no more work, and wait up to `patience_seconds` for the rest. Returns how many were cancelled."""
        self._closing = True
        if not self._tasks:
            return 0
        _, cut_off = await asyncio.wait(self._tasks, timeout=patience_seconds)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        return len(cut_off)
