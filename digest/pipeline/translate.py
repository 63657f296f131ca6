"""Translation of a paper's title and abstract, with a one-line summary, by a model; checked before it is shown."""

import json
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import structlog
from pydantic import AfterValidator, BaseModel

from digest.checks.glossary import Glossary
from digest.checks.translation import Translated
from digest.core.errors import ModelError
from digest.core.findings import Attempt, Flaw
from digest.core.models import Origin, Paper, Purpose, Translation
from digest.core.singleflight import Listeners
from digest.judging.translations import (
    Objection,
    Reviewer,
    as_finding,
    is_worth_judging,
    with_originals,
)
from digest.llm.answer_text import lines
from digest.llm.client import Answered, Model
from digest.llm.prompts import Prompt, PromptTemplate
from digest.llm.structured_output import A
from digest.pipeline import translation_draft
from digest.pipeline.translation_draft import Draft, DraftSheet, Source

CALLS = 3
"""The maximum number of calls for a translation: the first draft, its repair, and a repair of the failing passages.

The judge, if there is one, is called twice at most: for the first draft and for what became of it.
"""

_TITLE_LIMIT = 500  # characters, as all limits here
_ABSTRACT_LIMIT = 10_000
_SUMMARY_LIMIT = 1_000
_log = structlog.get_logger()


def _bounded(text: str, limit: int) -> str:
    text = lines(text)
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        raise ValueError("no words")
    if len(text) > limit:
        raise ValueError("too long")
    return text


class TranslationAnswer(BaseModel):
    """The answer that the model is asked for: masked, and possibly with additions such as a preamble."""

    title: Annotated[str, AfterValidator(lambda text: _bounded(text, _TITLE_LIMIT))]
    abstract: Annotated[str, AfterValidator(lambda text: _bounded(text, _ABSTRACT_LIMIT))]
    summary: Annotated[str, AfterValidator(lambda text: _bounded(text, _SUMMARY_LIMIT))]


class PassagesAnswer(BaseModel):
    """The answer that the larger model is asked for."""

    passages: list[Annotated[str, AfterValidator(lambda text: _bounded(text, _ABSTRACT_LIMIT))]]


@dataclass(frozen=True, slots=True)
class TranslationRules:
    """The rules for translations; `repair_model`, if any, repairs the passages that fail.

    `spaced` puts a space between Chinese and Latin.
    """

    glossary: Glossary
    spaced: bool = False
    repair_model: str | None = None


@dataclass(frozen=True, slots=True)
class TranslationAttempt:
    """An attempt, its translation (None if it must not be shown), and its choices among the glossary's alternatives.

    If it `was_stored`, its reviewer has added findings since, and perhaps its translation has been decided.
    """

    attempt: Attempt
    translation: Translation | None
    terms: Mapping[str, str]
    was_stored: bool = False


Keep = Callable[[TranslationAttempt], Awaitable[None]]
"""Stores each attempt as soon as it is available, because it is paid for."""


class Translator:
    """Translates papers into `language` (a BCP 47 tag) with the model `model_name`; `reviewer` may be None."""

    def __init__(
        self,
        model: Model,
        model_name: str,
        language: str,
        rules: TranslationRules,
        reviewer: Reviewer | None = None,
    ) -> None:
        self._model = model
        self._language = language
        self._rules = rules
        self._reviewer = reviewer
        self._prompt = PromptTemplate(Purpose.TRANSLATION, TranslationAnswer, language)
        self._passages = PromptTemplate("passages", PassagesAnswer, language)
        self.origin = Origin(model_name, self._prompt.version)

    async def translate(
        self,
        paper: Paper,
        keep: Keep,
        decided: Mapping[str, str] | None = None,
        listeners: Listeners | None = None,
    ) -> Translation | None:
        """Translate `paper`; return None if no attempt passes the checks.

        The findings, those of the reviewer among them, go back to the model once. Passages that still fail go to the
        larger model, if there is one. Sentences that the reviewer still objects to are shown in the original.
        `decided` are the translations of terms in other papers of the edition; `listeners` wait for it.
        Raises ValueError if `paper` has no abstract, and ModelError if the model gave no answer to check.
        """
        if paper.abstract is None:
            raise ValueError(f"{paper.version} has no abstract")
        row = _Row(
            paper, self._source(paper, decided), self.origin, keep, is_reviewed=self._reviewer is not None
        )
        best = await self._first(row, listeners)
        reviewed = await self._reviewed(row, best, listeners)
        try:
            best = replace(best, findings=(*best.findings, *map(as_finding, reviewed.objections)))
            best = await self._repaired(row, best, listeners)
            best = await self._mended(row, best, listeners)
        except ModelError as error:
            _log.warning("repair_failed", paper=str(paper.version), error=str(error))
        if not best.passes:
            return None
        if best.made != reviewed.made:
            reviewed = await self._reviewed(row, best, listeners)
        return await row.finished(best, reviewed.objections)

    async def finish(
        self,
        paper: Paper,
        attempt: Attempt,
        keep: Keep,
        decided: Mapping[str, str] | None = None,
        listeners: Listeners | None = None,
    ) -> Translation | None:
        """Review a passing `attempt` at `paper` that was stored without a translation: the process ended before.

        What its reviewer objects to is not repaired but shown in the original.
        """
        row = _Row(paper, self._source(paper, decided), self.origin, keep, is_reviewed=True)
        draft = row.resumed(attempt)
        return await row.finished(draft, (await self._reviewed(row, draft, listeners)).objections)

    def _source(self, paper: Paper, decided: Mapping[str, str] | None) -> Source:
        rules = self._rules
        return translation_draft.source(
            paper, self._language, rules.glossary, decided or {}, spaced=rules.spaced
        )

    async def _reviewed(self, row: "_Row", draft: Draft, listeners: Listeners | None) -> "_Reviewed":
        if self._reviewer is None or not is_worth_judging(draft.findings):
            return _Reviewed(draft.made)
        objections = await self._reviewer.objections(
            row.source.original, draft.made, row.paper.version, self._language, listeners
        )
        if objections:
            await row.objected(draft, objections)
        return _Reviewed(draft.made, objections)

    async def _first(self, row: "_Row", listeners: Listeners | None) -> Draft:
        answered = await self._ask(row, self._request(row), TranslationAnswer, self.origin.model, listeners)
        return await row.taken(answered, _sheet(answered.value))

    async def _repaired(self, row: "_Row", draft: Draft, listeners: Listeners | None) -> Draft:
        """Ask again with the findings appended; the unchanged beginning hits the provider's prompt cache."""
        findings = [finding for finding in draft.findings if finding.needs_repair]
        if not findings or not row.calls_left:
            return draft
        request = self._request(row)
        more = self._prompt.part("repair", answer=_written(draft.sheet), findings=findings)
        request = replace(request, user=request.user + more)
        answered = await self._ask(row, request, TranslationAnswer, self.origin.model, listeners)
        return await row.taken(answered, _sheet(answered.value), draft)

    async def _mended(self, row: "_Row", draft: Draft, listeners: Listeners | None) -> Draft:
        """Have the larger model translate the failing passages alone."""
        model = self._rules.repair_model
        if draft.passes or not row.calls_left or model is None:
            return draft
        cut = translation_draft.passages(row.source, draft)
        request = self._passages.render(id=row.paper.version, passages=cut.failing, terms=row.source.terms)
        answered = await self._ask(row, request, PassagesAnswer, model, listeners)
        return await row.taken(answered, cut.mended(answered.value.passages) or draft.sheet, draft)

    def _request(self, row: "_Row") -> Prompt:
        source = row.source
        return self._prompt.render(
            id=row.paper.version, title=source.title.text, abstract=source.abstract.text, terms=source.terms
        )

    async def _ask(
        self, row: "_Row", request: Prompt, form: type[A], model: str, listeners: Listeners | None
    ) -> Answered[A]:
        return await self._model.ask(
            request,
            form,
            purpose=Purpose.TRANSLATION,
            version=row.paper.version,
            language=self._language,
            model=model,
            listeners=listeners,
            attempts=row.calls_left,
        )


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """A text, and the reviewer's objections to it."""

    made: Translated
    objections: tuple[Objection, ...] = ()


class _Row:
    """The series of attempts at one paper; each is stored as soon as it is available.

    A translation that is reviewed is stored when it is `finished`, because nobody is to see what may be objected to.
    """

    def __init__(
        self, paper: Paper, source: Source, origin: Origin, keep: Keep, *, is_reviewed: bool
    ) -> None:
        self.paper = paper
        self.source = source
        self.calls_left = CALLS
        self._origin = origin
        self._keep = keep
        self._is_reviewed = is_reviewed
        self._count = 0
        self._attempts: dict[DraftSheet, Attempt] = {}

    async def taken(self, answered: Answered[A], sheet: DraftSheet, before: Draft | None = None) -> Draft:
        """Check and store the answered `sheet`; return the better of its draft and the draft `before`."""
        self.calls_left -= answered.tries
        self._count += 1
        draft = self.source.draft(sheet)
        better = before is None or draft.rank <= before.rank
        made = draft.made
        attempt = Attempt(self._count, answered.call, made.title, made.abstract, made.summary, draft.findings)
        self._attempts[sheet] = attempt
        _log.info(
            "translation_checked",
            paper=str(self.paper.version),
            attempt=attempt.number,
            model=answered.call.origin.model,
            findings=[finding.flaw.value for finding in draft.findings],
            passes=draft.passes,
        )
        is_shown = better and draft.passes and not self._is_reviewed
        shown = self._translation(draft.made) if is_shown else None
        await self._keep(TranslationAttempt(attempt, shown, self.source.decided(draft) if shown else {}))
        return draft if better or before is None else before

    def resumed(self, attempt: Attempt) -> Draft:
        """Return the text of a stored `attempt`, with the findings of the checks."""
        sheet = DraftSheet(attempt.title or "", attempt.abstract or "", attempt.summary or "")
        findings = tuple(each for each in attempt.findings if each.flaw is not Flaw.MEANING)
        self._attempts[sheet] = replace(attempt, findings=findings)
        made = Translated(attempt.title or None, sheet.abstract, attempt.summary or None)
        return Draft(sheet, made, findings)

    async def objected(self, draft: Draft, objections: Sequence[Objection]) -> None:
        """Store the `objections` with the other findings of `draft`."""
        attempt = self._attempts[draft.sheet]
        attempt = replace(attempt, findings=(*attempt.findings, *map(as_finding, objections)))
        self._attempts[draft.sheet] = attempt
        await self._keep(TranslationAttempt(attempt, None, {}, was_stored=True))

    async def finished(self, draft: Draft, objections: Sequence[Objection]) -> Translation | None:
        """Return the translation to show; None if a sentence that is objected to cannot be taken out."""
        made = with_originals(self.source.original, draft.made, objections, self.source.language)
        if made is None:
            return None
        translation = self._translation(made)
        if self._is_reviewed:
            attempt = self._attempts[draft.sheet]
            findings = dict.fromkeys((*attempt.findings, *map(as_finding, objections)))
            attempt = replace(attempt, findings=tuple(findings))
            terms = self.source.decided(draft)
            await self._keep(TranslationAttempt(attempt, translation, terms, was_stored=True))
        return translation

    def _translation(self, made: Translated) -> Translation:
        return Translation(
            version=self.paper.version,
            language=self.source.language,
            title=made.title,
            abstract=made.abstract,
            summary=made.summary,
            origin=self._origin,
        )


def _sheet(answer: TranslationAnswer) -> DraftSheet:
    return DraftSheet(answer.title, answer.abstract, answer.summary)


def _written(sheet: DraftSheet) -> str:
    return json.dumps(asdict(sheet), ensure_ascii=False)
