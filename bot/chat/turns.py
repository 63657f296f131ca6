"""Whose turn it is: what comes from one chat one after another, chats side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

_AT_ONCE = 256
ANY_NUMBER = 100_000
"""For work that only waits for Telegram: a sleeping task costs next to nothing."""

Work = Callable[[], Awaitable[None]]
"""What is done when its turn comes. Raises nothing."""


class Turns:
    """Has work done: of one key in the order in which it came, of all keys so much at once.

    What waits behind its own key takes no place that another key could have.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._queues: dict[Hashable, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def waiting(self, key: Hashable) -> int:
        """How much waits for a turn of `key`, without what is being done."""
        return len(self._queues.get(key, ()))

    def is_busy(self, key: Hashable) -> bool:
        """Whether something of `key` is being done."""
        return key in self._queues

    def join(self, key: Hashable, work: Work) -> None:
        """Has `work` done behind what came before it."""
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
        """Begins nothing more. What is being done may end within that time; gives how much was cut off."""
        self._closing = True
        if not self._tasks:
            return 0
        _, cut_off = await asyncio.wait(self._tasks, timeout=patience_seconds)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        return len(cut_off)
