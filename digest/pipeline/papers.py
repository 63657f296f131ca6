"""The service for one paper: its record, full text, translation, reading and answers, loaded or made.

Every result is committed as soon as it is available, so a crashed process repeats no finished call.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest import languages
from digest.arxiv.query_api import QueryApi
from digest.checks.glossary import key_of
from digest.core.comments import is_withdrawn
from digest.core.errors import BudgetSpentError, ModelError
from digest.core.findings import is_asked_again, is_attempt_due, unfinished_attempt
from digest.core.ids import PaperRef
from digest.core.models import (
    Answer,
    ClosedEdition,
    FullText,
    Gap,
    NoText,
    Origin,
    Paper,
    Purpose,
    Reading,
    Translation,
    VersionId,
)
from digest.core.progress import Listener, Step
from digest.core.singleflight import Listeners, SingleFlight
from digest.db import engine as database
from digest.db import generated_texts, model_calls, papers
from digest.llm.errors import CallOutcome
from digest.pipeline.answering import Answerer
from digest.pipeline.edition_terms import TermDecider, booked_under
from digest.pipeline.full_texts import FullTextStore
from digest.pipeline.reading import ReadingWriter
from digest.pipeline.translate import TranslationAttempt, Translator
from digest.render import stored_text

TERMS_SECONDS = 30
"""The longest time for which an edition's translations wait for its terms.

The call takes about as long as a translation; one that takes longer is not worth a late edition. Meanwhile the readings
use the model, so waiting costs little.
"""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Generators:
    """The generators that use a model, for one language."""

    decider: TermDecider
    translator: Translator
    reader: ReadingWriter
    answerer: Answerer


@dataclass(frozen=True, slots=True)
class PaperSources:
    """The dependencies that the paper services of all languages share.

    `generators` returns the generators for a language; it is None if no model is configured. `clock` returns aware UTC.
    `single_flight` shares running tasks among those who ask for the same.
    """

    engine: AsyncEngine
    api: QueryApi
    texts: FullTextStore
    generators: Callable[[str], Generators] | None
    clock: Callable[[], datetime]
    single_flight: SingleFlight


class PaperService:
    """Papers in one `language` (a BCP 47 tag), stored in the database."""

    def __init__(self, dependencies: PaperSources, language: str) -> None:
        self._dependencies = dependencies
        self._engine = dependencies.engine
        self._clock = dependencies.clock
        self._language = language
        self._generators = dependencies.generators(language) if dependencies.generators else None

    @property
    def language(self) -> str:
        """The language of its translations and readings."""
        return self._language

    async def paper(self, ref: PaperRef) -> Paper:
        """Return the paper that `ref` names: that version, or the latest that arXiv has.

        Raises UnknownPaperError or another SourceError.
        """
        if ref.version is not None:
            async with database.reading(self._engine) as connection:
                stored = await papers.find(connection, VersionId(ref.paper, ref.version))
            if stored is not None and stored.abstract is not None:
                return stored
        return await self._dependencies.single_flight.once(("paper", ref), lambda _: self._named(ref))

    async def decide_terms(self, edition: ClosedEdition, ordered: Sequence[Paper]) -> None:
        """Decide the terms that the papers of `edition`, `ordered`, share, unless that was done before.

        Returns after `TERMS_SECONDS` at the latest; the call then goes on, for the translations that begin later.
        """
        if self._generators is None or languages.is_source(self._language):
            return
        decider = self._generators.decider
        try:
            async with asyncio.timeout(TERMS_SECONDS):
                await self._dependencies.single_flight.once(
                    ("terms", self._language, edition.date),
                    lambda listeners: self._decide(decider, edition, ordered, listeners),
                    urgent=True,  # all translations wait for it
                )
        except TimeoutError:
            _log.warning("terms_late", edition=str(edition.date), language=self._language)

    async def translation(self, paper: Paper, listener: Listener | None = None) -> Translation | Gap:
        """Return the translation of `paper`, or the reason why there is none."""
        stored = (await self.stored([paper]))[paper.version][0]
        if stored is not None:
            return stored
        if self._generators is None:
            return Gap.NO_KEY
        if paper.abstract is None:
            return Gap.DUE
        translator = self._generators.translator
        _show(listener, Step.TRANSLATING)
        return await self._dependencies.single_flight.once(
            ("translation", self._language, paper.version),
            lambda listeners: self._translate(translator, paper, listeners),
            urgent=listener is not None,
        )

    async def reading(self, paper: Paper, listener: Listener | None = None) -> Reading | Gap:
        """Return the reading of `paper`, or the reason why there is none.

        `begun` parses the text that the listener's `hears` gets.
        """
        stored = (await self.stored([paper]))[paper.version][1]
        if stored is not None:
            return stored
        if is_withdrawn(paper):
            return Gap.WITHDRAWN
        if self._generators is None:
            return Gap.NO_KEY
        _show(listener, Step.FETCHING)
        text = await self._dependencies.texts.of(paper)
        if isinstance(text, NoText):
            return _untold(text)
        reader = self._generators.reader
        _show(listener, Step.READING)
        return await self._dependencies.single_flight.once(
            ("reading", self._language, paper.version),
            lambda listeners: self._read(reader, paper, text, listeners),
            listener.hears if listener else None,
            urgent=listener is not None,
        )

    def begun(self, paper: Paper, written: str) -> Reading | None:
        """Parse the reading of `paper` as far as the model has `written` it; None if nothing can be shown yet."""
        return self._generators.reader.begun(paper, written) if self._generators else None

    async def answer(self, paper: Paper, question: str) -> Answer | Gap:
        """Answer `question` from the full text of `paper`, or from its abstract if there is none.

        Returns the reason if no answer is possible. The call has priority, since a person waits. Answers are not
        stored, only the calls that they cost.
        """
        if self._generators is None:
            return Gap.NO_KEY
        answerer = self._generators.answerer
        return await self._dependencies.single_flight.once(
            ("answer", self._language, paper.version, question),
            lambda listeners: self._ask(answerer, paper, question, listeners),
            urgent=True,
        )

    async def stored(
        self, wanted: Sequence[Paper]
    ) -> dict[VersionId, tuple[Translation | None, Reading | None]]:
        """Load the stored translation and reading of each paper, for a whole edition at once."""
        versions = [paper.version for paper in wanted]
        generators = self._generators
        async with database.reading(self._engine) as connection:
            read = await generated_texts.load_readings(
                connection, versions, self._language, generators.reader.origin if generators else None
            )
            if languages.is_source(self._language):
                translated = {paper.version: _original(paper, self._language) for paper in wanted}
            else:
                translated = dict(
                    await generated_texts.load_translations(
                        connection,
                        versions,
                        self._language,
                        generators.translator.origin if generators else None,
                    )
                )
        return {version: (translated.get(version), read.get(version)) for version in versions}

    async def refused(self, versions: Sequence[VersionId]) -> set[VersionId]:
        """Return those of `versions` with translation attempts that failed the checks.

        The `versions` must have no stored translation.
        """
        async with database.reading(self._engine) as connection:
            return {*await model_calls.load_attempts(connection, versions, self._language)}

    async def pin(self, translation: Translation) -> None:
        """Store the operator's own `translation`; it takes precedence over every model's."""
        async with database.writing(self._engine) as connection:
            await generated_texts.save_translation(connection, translation, self._clock())

    async def earlier_reading(self, paper: Paper) -> Reading | None:
        """Load the reading of the newest earlier version of `paper`; None if there is none."""
        async with database.reading(self._engine) as connection:
            return await generated_texts.latest_reading_before(connection, paper.version, self._language)

    async def _named(self, ref: PaperRef) -> Paper:
        paper = await self._dependencies.api.named(ref)
        async with database.writing(self._engine) as connection:
            await papers.save(connection, [paper], self._clock())
        return paper

    async def _decide(
        self, decider: TermDecider, edition: ClosedEdition, ordered: Sequence[Paper], listeners: Listeners
    ) -> None:
        wanted = await self._open_terms(decider, edition, ordered)
        if not wanted:
            return
        if not await self._is_asked_again(Purpose.TERM_LIST, booked_under(edition), decider.origin):
            return
        try:
            made = await decider.decide(wanted, edition, listeners)
        except ModelError as error:
            _log.warning("terms_not_decided", edition=str(edition.date), error=str(error))
            return
        async with database.writing(self._engine) as connection:
            await model_calls.save_call(connection, made.call)
            await generated_texts.save_edition_terms(
                connection, edition.date, self._language, made.translations, self._clock()
            )
        usable = sum(each is not None for each in made.translations.values())
        _log.info("terms_decided", edition=str(edition.date), terms=len(wanted), usable=usable)

    async def _open_terms(
        self, decider: TermDecider, edition: ClosedEdition, ordered: Sequence[Paper]
    ) -> list[str]:
        """Return the terms that are not decided yet and occur in a paper without a translation."""
        stored = await self.stored(ordered)
        due = {place for place, paper in enumerate(ordered) if stored[paper.version][0] is None}
        if not due:
            return []
        async with database.reading(self._engine) as connection:
            known = await generated_texts.load_edition_terms(connection, edition.date, self._language)
        decided = set(map(key_of, known))
        found = await asyncio.to_thread(decider.open_terms, ordered)
        return [each.source for each in found if key_of(each.source) not in decided and each.papers & due]

    async def _translate(
        self, translator: Translator, paper: Paper, listeners: Listeners
    ) -> Translation | Gap:
        stored = (await self.stored([paper]))[paper.version][0]
        if stored is not None:  # stored since the caller looked
            return stored
        async with database.reading(self._engine) as connection:
            refused = (await model_calls.load_attempts(connection, [paper.version], self._language)).get(
                paper.version, []
            )
            decided = await generated_texts.terms_of_edition(connection, paper.id, self._language)
        unfinished = unfinished_attempt(refused)
        if unfinished is not None:
            finished = await translator.finish(paper, unfinished, self._keep, decided, listeners)
            if finished is not None:
                return finished
        if not is_attempt_due(
            [each for each in refused if each.call.origin == translator.origin], self._clock()
        ):
            return Gap.UNFAITHFUL
        if not await self._is_asked_again(Purpose.TRANSLATION, paper.version, translator.origin):
            return Gap.MODEL
        try:
            made = await translator.translate(paper, self._keep, decided, listeners)
        except ModelError as error:
            return _gap("translation_failed", paper, error)
        if made is None:
            _log.warning("translation_unfaithful", paper=str(paper.version))
        return made or Gap.UNFAITHFUL

    async def _keep(self, tried: TranslationAttempt) -> None:
        async with database.writing(self._engine) as connection:
            if tried.was_stored:
                await model_calls.update_findings(connection, tried.attempt)
            else:
                await model_calls.save_attempts(connection, tried.attempt)
            if tried.translation is not None:
                made, now = tried.translation, self._clock()
                await generated_texts.save_translation(connection, made, now)
                await generated_texts.save_terms(connection, made.version, self._language, tried.terms, now)

    async def _read(
        self, reader: ReadingWriter, paper: Paper, text: FullText, listeners: Listeners
    ) -> Reading | Gap:
        stored = (await self.stored([paper]))[paper.version][1]
        if stored is not None:
            return stored
        # An answer counts, too: if there is no reading after it, mostly none of its claims stood.
        if not await self._is_asked_again(Purpose.READING, paper.version, reader.origin, answers_count=True):
            return Gap.MODEL
        try:
            made = await reader.read(paper, text, listeners)
        except ModelError as error:
            return _gap("reading_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await generated_texts.save_reading(connection, made.reading, self._clock(), made.findings)
            for call in made.calls:
                await model_calls.save_call(connection, call)
        return made.reading

    async def _is_asked_again(
        self, purpose: Purpose, version: VersionId, origin: Origin, *, answers_count: bool = False
    ) -> bool:
        """Return True if `origin` is asked again for `purpose` on `version` after its calls without a usable result.

        These are the calls that failed because of the paper, and with `answers_count` also those that were answered.
        """
        async with database.reading(self._engine) as connection:
            spent = await model_calls.of_versions(connection, [version], self._language)
        fruitless = [
            call
            for call in spent
            if call.purpose is purpose
            and call.origin == origin
            and CallOutcome(call.outcome).of_the_paper
            and (answers_count or call.outcome != CallOutcome.OK)
        ]
        return is_asked_again(fruitless, self._clock())

    async def _ask(
        self, answerer: Answerer, paper: Paper, question: str, listeners: Listeners
    ) -> Answer | Gap:
        found = await self._dependencies.texts.of(paper)
        text = found if isinstance(found, FullText) else None
        try:
            made, call = await answerer.answer(paper, text, question, listeners)
        except ModelError as error:
            return _gap("answer_failed", paper, error)
        async with database.writing(self._engine) as connection:
            await model_calls.save_call(connection, call)
        if made.told or (text is not None and text.whole):
            return made
        return _untold(found)  # an abstract or a part that does not say proves nothing about the paper


def _show(listener: Listener | None, step: Step) -> None:
    if listener is not None:
        listener.sees(step)


def _original(paper: Paper, language: str) -> Translation:
    """Return the record itself as a translation."""
    abstract = stored_text.stored(paper.abstract or "")
    return Translation(paper.version, language, paper.title, abstract, None, Origin(model="arxiv", prompt=""))


def _untold(text: FullText | NoText) -> Gap:
    return Gap.NO_TEXT_YET if isinstance(text, NoText) and text.reason.passes else Gap.NO_TEXT


def _gap(event: str, paper: Paper, error: ModelError) -> Gap:
    _log.warning(event, paper=str(paper.version), error=str(error))
    return Gap.BUDGET if isinstance(error, BudgetSpentError) else Gap.MODEL
