"""Lifetimes of the parts of a program: side by side until a stop, and no longer than a stop may take."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
_log = structlog.get_logger()
_STOP_SECONDS, _CUT_OFF_SECONDS = 6.0, 1.0  # for all parts to end, and for those that were cut off


async def in_time(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Awaits `work`, which ends by itself at `stop`; what has not ended some seconds after that is cut off.

    The tables say where to go on: what is cut off here fares as in a crash.
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
    """All `parts`, which end by themselves at `stop`; one that cannot go on stops the others, and is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def unless(stop: asyncio.Event, work: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
    """What `work` comes to; None where `stop` is set before."""
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
    """An event that is set with `stop`, and can be set without it: it ends a few parts, and the others go on."""
    own = asyncio.Event()

    async def follow() -> None:
        await stop.wait()
        own.set()

    following = asyncio.create_task(follow())
    try:
        yield own
    finally:
        following.cancel()
