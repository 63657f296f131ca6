"""Outages of the database: another writer holds it for long, or the server restarts. Work waits, and goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from digest.backoff import Backoff
from digest.errors import StoreUnavailableError

T = TypeVar("T")
_BACKOFF = Backoff(timedelta(seconds=0.5), timedelta(seconds=30))
_log = structlog.get_logger()


def pause_seconds(tries: int) -> float:
    """How long to wait after so many failed tries."""
    return _BACKOFF.pause(tries).total_seconds()


async def outlasting(what: str, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` comes to, begun anew until the database is there for it. Raises what else `work` raises."""
    tries = 0
    while True:
        try:
            return await work()
        except StoreUnavailableError as error:
            note(what, error, tries)
            await asyncio.sleep(pause_seconds(tries))
            tries += 1


def note(what: str, error: StoreUnavailableError, tries: int) -> None:
    """Tells the log that `what` waits for the database."""
    _log.warning("database_unavailable", waiting=what, error=str(error), seconds=pause_seconds(tries))
