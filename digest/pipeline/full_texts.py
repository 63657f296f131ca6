"""The full texts of papers, kept in the database: fetched when first asked for, and again if they may appear."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.backoff import Backoff
from digest.core.models import FullText, NoText, NoTextReason, Paper
from digest.core.singleflight import SingleFlight
from digest.db import engine as database
from digest.db import fulltexts
from digest.db.fulltexts import FetchAttempt
from digest.fulltext.fetch import FullTexts

_log = structlog.get_logger()
_BACKOFF = Backoff(timedelta(minutes=30), timedelta(days=1))


class FullTextStore:
    """Full texts in the database behind `engine`; those that it lacks come from `source`.

    `clock` returns aware UTC; `single_flight` shares what is being fetched.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        source: FullTexts,
        clock: Callable[[], datetime],
        single_flight: SingleFlight,
    ) -> None:
        self._engine = engine
        self._source = source
        self._clock = clock
        self._single_flight = single_flight

    async def of(self, paper: Paper) -> FullText | NoText:
        """Return the full text of `paper`, or why there is none; many who ask at once cost one download."""
        known = await self._known(paper)
        if known is not None:
            return known
        return await self._single_flight.once(("text", paper.version), lambda _: self._fetch(paper))

    async def _known(self, paper: Paper) -> FullText | NoText | None:
        """Return the stored outcome for `paper`; None if the source is to be asked."""
        async with database.reading(self._engine) as connection:
            stored = await fulltexts.find(connection, paper.version)
        if stored is None or (_passes(stored) and self._clock() >= _next_try(stored)):
            return None
        return stored.outcome

    async def _fetch(self, paper: Paper) -> FullText | NoText:
        known = await self._known(paper)
        if known is not None:  # since the caller looked
            return known
        found = await self._source.fetch(paper.version)
        if isinstance(found, NoText):
            _log.info("no_text", paper=str(paper.version), reason=found.reason)
        else:
            _log_found(found)
        async with database.writing(self._engine) as connection:
            await fulltexts.save(connection, found, self._clock())
        return found


def _log_found(found: FullText) -> None:
    _log.info(
        "text_found",
        paper=str(found.version),
        source=found.source,
        extractors=" ".join(found.extractors),
        characters=len(found.text),
    )
    if not found.whole:
        _log.warning("text_incomplete", paper=str(found.version), source=found.source)
    if found.orders:
        _log.warning("prompt_injection_found", paper=str(found.version), characters=len(found.orders))


def _passes(attempt: FetchAttempt) -> bool:
    """Return whether the text was missing for a reason that may pass."""
    return isinstance(attempt.outcome, NoText) and attempt.outcome.reason.passes


def _next_try(attempt: FetchAttempt) -> datetime:
    """Return when a full text that was missing or unreadable is asked for again.

    The pauses double, from half an hour to a day. A text that arXiv did not answer for is asked for again at once.
    """
    if isinstance(attempt.outcome, NoText) and attempt.outcome.reason is not NoTextReason.UNREACHABLE:
        return attempt.tried_at + _BACKOFF.pause(attempt.tries - 1)
    return attempt.tried_at
