"""Deletion of expired data, in small transactions, so that nobody waits long for the database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.db import alerts, asks, deliveries, dispatches, signups, updates
from bot.delivery import fanout
from digest.db import engine as database
from digest.db.bulk import BATCH

_AT_ONCE = 100  # transactions in one run; the rest can wait
_BREATH_SECONDS = 0.01  # for other writers

_Step = Callable[[AsyncConnection], Awaitable[int]]


async def prune(engine: AsyncEngine, at: datetime) -> bool:
    """Delete what has expired at `at`. Returns whether that is all."""
    left = _AT_ONCE
    for step in _steps(at):
        while left:
            left -= 1
            async with database.writing(engine) as connection:
                count = await step(connection)
            if count < BATCH:
                break
            await asyncio.sleep(_BREATH_SECONDS)
    return left > 0


def _steps(at: datetime) -> Iterator[_Step]:
    yield partial(updates.prune, at=at)
    yield partial(asks.prune, at=at)
    yield partial(signups.prune, at=at)
    yield partial(alerts.prune, at=at)
    yield partial(dispatches.prune, at=at, age=fanout.KEPT)
    yield partial(deliveries.prune, at=at)
    yield partial(dispatches.prune_texts, at=at)
