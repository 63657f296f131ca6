"""Checks of arXiv."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.doctor.findings import BrokenError, UnsureError
from bot.settings import Settings
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed
from digest.core import ids
from digest.db.locks import RateSlots

_PAPER = "1706.03762"  # a paper that will always exist
_SKEW = timedelta(seconds=30)


@asynccontextmanager
async def opened(
    settings: Settings, engine: AsyncEngine, clock: Callable[[], datetime]
) -> AsyncIterator["Arxiv"]:
    """Open arXiv at the rate of ARXIV_REQUEST_INTERVAL."""
    client = open_client(settings.arxiv_contact, FetchPolicy())
    async with client:
        yield Arxiv(settings, engine, client, clock)


class Arxiv:
    """Checks of arXiv's services, one request each, in the rate slots shared by all programs here.

    `offset` is how far this machine's clock is ahead of arXiv's.
    """

    def __init__(
        self,
        settings: Settings,
        engine: AsyncEngine,
        client: httpx.AsyncClient,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._clock = clock
        client.event_hooks = {"response": [*client.event_hooks["response"], self._note_time]}
        interval = settings.arxiv_request_interval
        self._gate = ArxivClient(
            client,
            interval=interval,
            patience=FetchPolicy(attempts=1),
            shared=RateSlots(engine, "arxiv", interval).turn if interval else None,
        )
        self.offset: timedelta | None = None

    async def api(self) -> str:
        """Check that the query API returns a paper."""
        paper = await QueryApi(self._gate, str(self._settings.arxiv_api_url)).named(ids.parse(_PAPER))
        return f"knows {paper.version}"

    async def feed(self) -> str:
        """Check that the feed of the watched categories is readable."""
        feed = AnnouncementFeed(self._gate, str(self._settings.arxiv_rss_url))
        batch = await feed.batch(self._settings.arxiv_categories)
        return f"{len(batch.announcements)} papers, of {batch.day or 'an unknown day'}"

    async def time(self) -> str:
        """Check this machine's clock against arXiv's: delivery times and expiring links depend on it."""
        if self.offset is None:
            raise UnsureError("arXiv gave no time to compare this machine's clock with.")
        seconds = self.offset.total_seconds()
        if abs(self.offset) > _SKEW:
            ahead = "ahead" if seconds > 0 else "behind"
            raise BrokenError(f"This machine's clock is {abs(seconds):.0f} s {ahead}: let NTP set it.")
        return f"{seconds:+.0f} s from arXiv's"

    async def _note_time(self, response: httpx.Response) -> None:
        offset = ahead(self._clock(), response.headers.get("Date"), response.headers.get("Age"))
        self.offset = self.offset if offset is None else offset


def ahead(now: datetime, date: str | None, age: str | None) -> timedelta | None:
    """Return how far `now` is ahead of a response's Date, less its time in a cache in seconds (RFC 9111 §5.1). Pure."""
    try:
        said = parsedate_to_datetime(date or "")
        lain = timedelta(seconds=int(age or 0))
    except (ValueError, OverflowError):
        return None
    return now - lain - (said if said.tzinfo else said.replace(tzinfo=UTC))
