"""Outages of the database: another writer holds it for long, or the server restarts. Work waits, and goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from digest.errors import StoreUnavailableError

T = TypeVar("T")
_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 30.0
_log = structlog.get_logger()


def pause_seconds(tries: int) -> float:
    """How long to wait after so many failed tries: half a second, doubled each time, half a minute at the most."""
    return min(_FIRST_SECONDS * (1 << min(tries, 10)), _LONGEST_SECONDS)


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
