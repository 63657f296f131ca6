"""An event loop whose clock jumps to the next timer when nothing is ready.

Work in threads (the database's, rendering) takes no time on that clock: the loop waits for it before it jumps.
"""

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Self

import aiosqlite


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` gives virtual seconds since the loop was made."""

    def __init__(self) -> None:
        self._now = 0.0
        self.in_threads = 0
        super().__init__(_Jumping(self))

    def __enter__(self) -> Self:
        asyncio.set_event_loop(self)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.set_event_loop(None)
        self.close()

    def time(self) -> float:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(lambda _: self._came_back())
        return future

    def _came_back(self) -> None:
        self.in_threads -= 1


class _Jumping(selectors.DefaultSelector):
    """A selector that really waits only for threads."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.in_threads or timeout is None:
            return super().select(1)
        self._loop.forward(timeout)
        return []


@contextmanager
def counting_the_database(loop: VirtualLoop) -> Iterator[None]:
    """Let the loop know when a database's thread is at work, while the block runs."""
    execute = aiosqlite.Connection._execute  # noqa: SLF001 - the only access to its thread

    async def counted(self: aiosqlite.Connection, *given: Any, **named: Any) -> Any:
        loop.in_threads += 1
        try:
            return await execute(self, *given, **named)  # type: ignore[no-untyped-call]
        finally:
            loop.in_threads -= 1

    aiosqlite.Connection._execute = counted  # type: ignore[method-assign]  # noqa: SLF001
    try:
        yield
    finally:
        aiosqlite.Connection._execute = execute  # type: ignore[method-assign]  # noqa: SLF001
