"""One paper's record, text, translation and reading: as stored, or made and stored.

Every result is committed as soon as it is there, so a process that dies repeats no call that had ended.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.errors import BudgetSpentError, ModelError
from digest.ids import PaperRef
from digest.models import FullText, Gap, NoText, NoTextReason, Paper, Reading, Translation, VersionId
from digest.reading import Reader
from digest.sources.api import QueryApi
from digest.sources.fulltext import FullTexts
from digest.store import calls, fulltexts, papers, readings, translations
from digest.store import engine as database
from digest.store.fulltexts import Attempt
from digest.translation import Translator
from digest.withdrawal import is_withdrawn

_log = structlog.get_logger()
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=30), timedelta(days=1)
_DOUBLINGS = 6  # more than reach the longest pause


class Library:
    """Papers, kept in the database behind `engine`.

    `translator` and `reader` are None where no model is configured; `clock` gives aware UTC.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        api: QueryApi,
        texts: FullTexts,
        translator: Translator | None,
        reader: Reader | None,
        *,
        language: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._api = api
        self._texts = texts
        self._translator = translator
        self._reader = reader
        self._language = language
        self._clock = clock

    async def paper(self, ref: PaperRef) -> Paper:
        """The paper that `ref` names, in that version or the latest that arXiv has.

        Raises UnknownPaperError, or another SourceError.
        """
        if ref.version is not None:
            async with database.reading(self._engine) as connection:
                stored = await papers.find(connection, VersionId(ref.paper, ref.version))
            if stored is not None and stored.abstract is not None:
                return stored
        paper = await self._api.named(ref)
        async with database.writing(self._engine) as connection:
            await papers.save(connection, [paper], self._clock())
        return paper

    async def translation(self, paper: Paper) -> Translation | Gap:
        """The translation of `paper`, or why there is none."""
        origin = self._translator.origin if self._translator else None
        async with database.reading(self._engine) as connection:
            stored = await translations.find(connection, paper.version, self._language, origin)
        if stored is not None:
            return stored
        if self._translator is None:
            return Gap.NO_KEY
        if paper.abstract is None:
            return Gap.DUE
        try:
            made, call = await self._translator.translate(paper)
        except ModelError as error:
            return _gap("translation_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await translations.save(connection, made, self._clock())
            await calls.save(connection, call)
        return made

    async def reading(self, paper: Paper) -> Reading | Gap:
        """The reading of `paper`, or why there is none."""
        origin = self._reader.origin if self._reader else None
        async with database.reading(self._engine) as connection:
            stored = await readings.find(connection, paper.version, self._language, origin)
        if stored is not None:
            return stored
        if is_withdrawn(paper):
            return Gap.WITHDRAWN
        if self._reader is None:
            return Gap.NO_KEY
        text = await self._text(paper)
        if isinstance(text, NoText):
            return Gap.NO_TEXT_YET if _passing(text) else Gap.NO_TEXT
        return await self._read(self._reader, paper, text)

    async def earlier_reading(self, paper: Paper) -> Reading | None:
        """The stored reading of the newest version before that of `paper`."""
        async with database.reading(self._engine) as connection:
            return await readings.latest_before(connection, paper.version, self._language)

    async def _read(self, reader: Reader, paper: Paper, text: FullText) -> Reading | Gap:
        try:
            made, call = await reader.read(paper, text)
        except ModelError as error:
            return _gap("reading_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await readings.save(connection, made, self._clock())
            await calls.save(connection, call)
        return made

    async def _text(self, paper: Paper) -> FullText | NoText:
        async with database.reading(self._engine) as connection:
            stored = await fulltexts.find(connection, paper.version)
        if stored is not None and (not _passing(stored.outcome) or self._clock() < next_try(stored)):
            return stored.outcome
        found = await self._texts.fetch(paper.version)
        if isinstance(found, NoText):
            _log.info("no_text", paper=str(paper.version), reason=found.reason)
        async with database.writing(self._engine) as connection:
            await fulltexts.save(connection, found, self._clock())
        return found


def _passing(text: FullText | NoText) -> bool:
    """Whether asking again may give what was not there."""
    return isinstance(text, NoText) and text.reason in (NoTextReason.NOT_FOUND, NoTextReason.UNREACHABLE)


def next_try(attempt: Attempt) -> datetime:
    """When a full text that was not there is asked for again: the pauses double, from half an hour to a day.

    A text that arXiv did not answer for is asked for again at once.
    """
    if isinstance(attempt.outcome, NoText) and attempt.outcome.reason is NoTextReason.NOT_FOUND:
        doublings = min(attempt.tries - 1, _DOUBLINGS)
        return attempt.tried_at + min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
    return attempt.tried_at


def _gap(event: str, paper: Paper, error: ModelError) -> Gap:
    _log.warning(event, paper=str(paper.version), error=str(error))
    return Gap.BUDGET if isinstance(error, BudgetSpentError) else Gap.MODEL
