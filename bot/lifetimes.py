"""Lifetimes of a program's parts: in parallel until a stop, which takes a bounded time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
_log = structlog.get_logger()
_STOP_SECONDS, _CUT_OFF_SECONDS = 6.0, 1.0  # for all parts to end, and for those that were cancelled


async def in_time(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Await `work`, which ends by itself at `stop`, and cancel it if it takes some seconds more.

    The tables tell where to continue: a cancellation here is like a crash.
    """
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    _, late = await asyncio.wait({working}, timeout=_STOP_SECONDS)
    if late:
        _log.warning("cut_off_at_the_stop", seconds=_STOP_SECONDS)
        working.cancel()
        _, late = await asyncio.wait({working}, timeout=_CUT_OFF_SECONDS)
    if not late and not working.cancelled():
        await working


async def side_by_side(stop: asyncio.Event, parts: list[Coroutine[Any, Any, object]]) -> None:
    """Run all `parts`, which end by themselves at `stop`. If one fails, the others stop and its exception is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def unless(stop: asyncio.Event, work: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
    """Return the result of `work`, or None if `stop` is set before."""
    working, stopped = asyncio.create_task(work()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        stopped.cancel()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@asynccontextmanager
async def own_stop(stop: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set with `stop`, or on its own to end only some parts."""
    own = asyncio.Event()

    async def follow() -> None:
        await stop.wait()
        own.set()

    following = asyncio.create_task(follow())
    try:
        yield own
    finally:
        following.cancel()
