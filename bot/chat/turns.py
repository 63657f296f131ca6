"""Updates side by side, but those of one chat one after another, and each once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from telegram import Update
from telegram.ext import BaseUpdateProcessor

_AT_ONCE = 256

Take = Callable[[int], Awaitable[bool]]
"""Whether an update, by its number, comes for the first time."""


class Turns(BaseUpdateProcessor):
    """Hands updates to their handlers: a chat's in the order in which they came."""

    def __init__(self, take: Take) -> None:
        super().__init__(_AT_ONCE)
        self._take = take
        self._queues: dict[int, _Queue] = {}

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Runs `coroutine` when it is its turn."""
        key = _key(update)
        queue = self._queues.setdefault(key, _Queue())
        queue.length += 1
        try:
            async with queue.lock:  # first come, first served
                await self._once(update, coroutine)
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[key]

    async def _once(self, update: object, coroutine: Awaitable[Any]) -> None:
        if isinstance(update, Update) and not await self._take(update.update_id):
            close = getattr(coroutine, "close", None)
            if close:
                close()
            return
        await coroutine

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to end."""


class _Queue:
    """A chat's updates: those that wait, and the one that is being handled."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0


def _key(update: object) -> int:
    """The chat; for what has none, such as an inline query, the person."""
    if not isinstance(update, Update):
        return 0
    found = update.effective_chat or update.effective_user
    return found.id if found else 0
