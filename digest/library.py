"""One paper's record, text, translation and reading: as stored, or made and stored.

Every result is committed as soon as it is there, so a process that dies repeats no call that had ended.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.answering import Answerer
from digest.errors import BudgetSpentError, ModelError
from digest.flights import Flights
from digest.ids import PaperRef
from digest.models import (
    Answer,
    FullText,
    Gap,
    NoText,
    NoTextReason,
    Origin,
    Paper,
    Reading,
    Translation,
    VersionId,
)
from digest.progress import Step
from digest.reading import Reader
from digest.sources.api import QueryApi
from digest.sources.fulltext import FullTexts
from digest.store import calls, fulltexts, papers, readings, translations
from digest.store import engine as database
from digest.store.fulltexts import Attempt
from digest.translation import Translator
from digest.withdrawal import is_withdrawn

_log = structlog.get_logger()
Made = TypeVar("Made")
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=30), timedelta(days=1)
_DOUBLINGS = 6  # more than reach the longest pause


@dataclass(frozen=True, slots=True)
class Staff:
    """Those who make things of papers in one language, by a model."""

    translator: Translator
    reader: Reader
    answerer: Answerer


@dataclass(frozen=True, slots=True)
class Shelves:
    """What the libraries of all languages share: where papers are kept, where they come from, what is being made.

    `staff` gives those for a language, and is None where no model is configured; `clock` gives aware UTC.
    """

    engine: AsyncEngine
    api: QueryApi
    texts: FullTexts
    staff: Callable[[str], Staff] | None
    clock: Callable[[], datetime]
    flights: Flights = field(default_factory=Flights)


Tell = Callable[[Step], None]
"""Takes what is being done for a paper."""


def _to_nobody(_: Step) -> None:
    pass


class Library:
    """Papers, kept in the database, in one `language` (a BCP 47 tag)."""

    def __init__(self, shelves: Shelves, language: str) -> None:
        self._shelves = shelves
        self._engine = shelves.engine
        self._clock = shelves.clock
        self._language = language
        self._staff = shelves.staff(language) if shelves.staff else None

    async def paper(self, ref: PaperRef) -> Paper:
        """The paper that `ref` names, in that version or the latest that arXiv has.

        Raises UnknownPaperError, or another SourceError.
        """
        if ref.version is not None:
            async with database.reading(self._engine) as connection:
                stored = await papers.find(connection, VersionId(ref.paper, ref.version))
            if stored is not None and stored.abstract is not None:
                return stored
        return await self._shelves.flights.once(("paper", ref), lambda: self._named(ref))

    async def translation(self, paper: Paper, tell: Tell = _to_nobody) -> Translation | Gap:
        """The translation of `paper`, or why there is none."""
        stored = (await self.stored([paper]))[paper.version][0]
        if stored is not None:
            return stored
        if self._staff is None:
            return Gap.NO_KEY
        if paper.abstract is None:
            return Gap.DUE
        translator = self._staff.translator
        tell(Step.TRANSLATING)
        return await self._once("translation", paper, lambda: self._translate(translator, paper))

    async def reading(self, paper: Paper, tell: Tell = _to_nobody) -> Reading | Gap:
        """The reading of `paper`, or why there is none."""
        stored = (await self.stored([paper]))[paper.version][1]
        if stored is not None:
            return stored
        if is_withdrawn(paper):
            return Gap.WITHDRAWN
        if self._staff is None:
            return Gap.NO_KEY
        tell(Step.FETCHING)
        text = await self.text(paper)
        if isinstance(text, NoText):
            return Gap.NO_TEXT_YET if _passing(text) else Gap.NO_TEXT
        reader = self._staff.reader
        tell(Step.READING)
        return await self._once("reading", paper, lambda: self._read(reader, paper, text))

    async def answer(self, paper: Paper, question: str) -> Answer | Gap:
        """What `paper` says to `question`, or why that cannot be told; without a full text, its abstract is asked.

        Answers are not kept, only what they cost.
        """
        if self._staff is None:
            return Gap.NO_KEY
        text = await self.text(paper)
        try:
            made, call = await self._staff.answerer.answer(
                paper, text if isinstance(text, FullText) else None, question
            )
        except ModelError as error:
            return _gap("answer_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await calls.save(connection, call)
        return made

    async def stored(
        self, wanted: Sequence[Paper]
    ) -> dict[VersionId, tuple[Translation | None, Reading | None]]:
        """What there is of each paper already; for a whole edition at once."""
        versions = [paper.version for paper in wanted]
        staff = self._staff
        async with database.reading(self._engine) as connection:
            read = await readings.load(
                connection, versions, self._language, staff.reader.origin if staff else None
            )
            if is_original(self._language):
                translated = {paper.version: _original(paper, self._language) for paper in wanted}
            else:
                translated = dict(
                    await translations.load(
                        connection, versions, self._language, staff.translator.origin if staff else None
                    )
                )
        return {version: (translated.get(version), read.get(version)) for version in versions}

    async def earlier_reading(self, paper: Paper) -> Reading | None:
        """The stored reading of the newest version before that of `paper`."""
        async with database.reading(self._engine) as connection:
            return await readings.latest_before(connection, paper.version, self._language)

    async def text(self, paper: Paper) -> FullText | NoText:
        """The full text of `paper`, or why there is none."""
        async with database.reading(self._engine) as connection:
            stored = await fulltexts.find(connection, paper.version)
        if stored is not None and (not _passing(stored.outcome) or self._clock() < next_try(stored)):
            return stored.outcome
        return await self._shelves.flights.once(("text", paper.version), lambda: self._fetch(paper))

    async def _once(self, what: str, paper: Paper, make: Callable[[], Awaitable[Made]]) -> Made:
        return await self._shelves.flights.once((what, self._language, paper.version), make)

    async def _named(self, ref: PaperRef) -> Paper:
        paper = await self._shelves.api.named(ref)
        async with database.writing(self._engine) as connection:
            await papers.save(connection, [paper], self._clock())
        return paper

    async def _translate(self, translator: Translator, paper: Paper) -> Translation | Gap:
        stored = (await self.stored([paper]))[paper.version][0]
        if stored is not None:  # since the caller looked
            return stored
        try:
            made, call = await translator.translate(paper)
        except ModelError as error:
            return _gap("translation_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await translations.save(connection, made, self._clock())
            await calls.save(connection, call)
        return made

    async def _read(self, reader: Reader, paper: Paper, text: FullText) -> Reading | Gap:
        stored = (await self.stored([paper]))[paper.version][1]
        if stored is not None:
            return stored
        try:
            made, call = await reader.read(paper, text)
        except ModelError as error:
            return _gap("reading_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await readings.save(connection, made, self._clock())
            await calls.save(connection, call)
        return made

    async def _fetch(self, paper: Paper) -> FullText | NoText:
        found = await self._shelves.texts.fetch(paper.version)
        if isinstance(found, NoText):
            _log.info("no_text", paper=str(paper.version), reason=found.reason)
        async with database.writing(self._engine) as connection:
            await fulltexts.save(connection, found, self._clock())
        return found


def is_original(language: str) -> bool:
    """Whether arXiv's own records are in `language`: their titles and abstracts are English."""
    return language.partition("-")[0].lower() == "en"


def _original(paper: Paper, language: str) -> Translation:
    """The record itself, in the place of a translation."""
    return Translation(
        paper.version, language, paper.title, paper.abstract or "", None, Origin(model="arxiv", prompt="")
    )


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
