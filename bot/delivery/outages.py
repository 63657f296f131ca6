"""Waiting out outages of the database: another writer holds it for long, or the server restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from digest.core.backoff import Backoff
from digest.core.errors import StoreUnavailableError

T = TypeVar("T")
_BACKOFF = Backoff(timedelta(seconds=0.5), timedelta(seconds=30))
_log = structlog.get_logger()


def pause_seconds(tries: int) -> float:
    """Return the pause after that many failed tries, in seconds."""
    return _BACKOFF.pause(tries).total_seconds()


async def outlasting(what: str, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `work`, restarted until the database is available. Raises what else `work` raises."""
    tries = 0
    while True:
        try:
            return await work()
        except StoreUnavailableError as error:
            note(what, error, tries)
            await asyncio.sleep(pause_seconds(tries))
            tries += 1


def note(what: str, error: StoreUnavailableError, tries: int) -> None:
    """Log that `what` waits for the database."""
    _log.warning("database_unavailable", waiting=what, error=str(error), seconds=pause_seconds(tries))
