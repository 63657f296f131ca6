"""A paper's title, abstract and one-line summary in another language, by a model, checked before anybody sees them."""

import json
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import structlog
from pydantic import AfterValidator, BaseModel

from digest import drafts
from digest.attempts import Attempt
from digest.drafts import Draft, Sheet, Source
from digest.errors import ModelError
from digest.fidelity.glossary import Glossary
from digest.flights import Audience
from digest.llm.answers import A
from digest.llm.client import Answered, Model
from digest.llm.markup import lines
from digest.llm.prompts import Prompt, PromptTemplate
from digest.models import Origin, Paper, Purpose, Translation

CALLS = 3
"""What a translation may cost at most: to be made, to be repaired, to have what still fails mended."""

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
    """What the model is asked for: masked, and not yet without what models put around a text."""

    title: Annotated[str, AfterValidator(lambda text: _bounded(text, _TITLE_LIMIT))]
    abstract: Annotated[str, AfterValidator(lambda text: _bounded(text, _ABSTRACT_LIMIT))]
    summary: Annotated[str, AfterValidator(lambda text: _bounded(text, _SUMMARY_LIMIT))]


class PassagesAnswer(BaseModel):
    """What the larger model is asked for."""

    passages: list[Annotated[str, AfterValidator(lambda text: _bounded(text, _ABSTRACT_LIMIT))]]


@dataclass(frozen=True, slots=True)
class Rules:
    """What translations are held to, and who mends what fails: `repair_model`, where there is one.

    `spaced` is whether there is a blank between Chinese and Latin.
    """

    glossary: Glossary
    spaced: bool = False
    repair_model: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt; the translation that it gives, None where that is not to be shown; how it renders open terms."""

    attempt: Attempt
    translation: Translation | None
    terms: Mapping[str, str]


Keep = Callable[[Tried], Awaitable[None]]
"""Takes each attempt as soon as it is there: it is paid for."""


class Translator:
    """Translates papers into `language` (a BCP 47 tag) with the model `model_name`."""

    def __init__(self, model: Model, model_name: str, language: str, rules: Rules) -> None:
        self._model = model
        self._language = language
        self._rules = rules
        self._prompt = PromptTemplate(Purpose.TRANSLATION, TranslationAnswer, language)
        self._passages = PromptTemplate("passages", PassagesAnswer, language)
        self.origin = Origin(model_name, self._prompt.version)

    async def translate(
        self,
        paper: Paper,
        keep: Keep,
        decided: Mapping[str, str] | None = None,
        audience: Audience | None = None,
    ) -> Translation | None:
        """The translation of `paper`, which must have an abstract (ValueError); None where none passes the checks.

        What is wrong goes back to the model once; what then still must not be shown goes to the larger model, if there
        is one. `decided` is how other papers of the edition render terms; `audience` waits. Raises ModelError where
        there was no answer to check at all.
        """
        if paper.abstract is None:
            raise ValueError(f"{paper.version} has no abstract")
        rules = self._rules
        source = drafts.source(paper, self._language, rules.glossary, decided or {}, spaced=rules.spaced)
        row = _Row(paper, source, self.origin, keep)
        best = await self._first(row, audience)
        try:
            best = await self._repaired(row, best, audience)
            best = await self._mended(row, best, audience)
        except ModelError as error:
            _log.warning("repair_failed", paper=str(paper.version), error=str(error))
        return row.translation(best) if best.passes else None

    async def _first(self, row: "_Row", audience: Audience | None) -> Draft:
        answered = await self._ask(row, self._request(row), TranslationAnswer, self.origin.model, audience)
        return await row.taken(answered, _sheet(answered.value))

    async def _repaired(self, row: "_Row", draft: Draft, audience: Audience | None) -> Draft:
        """The same question, so that a provider's cache has it, with what is wrong behind it."""
        if not draft.findings or not row.calls_left:
            return draft
        request = self._request(row)
        more = self._prompt.part("repair", answer=_written(draft.sheet), findings=draft.findings)
        request = replace(request, user=request.user + more)
        answered = await self._ask(row, request, TranslationAnswer, self.origin.model, audience)
        return await row.taken(answered, _sheet(answered.value), draft)

    async def _mended(self, row: "_Row", draft: Draft, audience: Audience | None) -> Draft:
        """The passages that fail, alone, by the larger model."""
        model = self._rules.repair_model
        if draft.passes or not row.calls_left or model is None:
            return draft
        cut = drafts.passages(row.source, draft)
        request = self._passages.render(id=row.paper.version, passages=cut.failing, terms=row.source.terms)
        answered = await self._ask(row, request, PassagesAnswer, model, audience)
        return await row.taken(answered, cut.mended(answered.value.passages) or draft.sheet, draft)

    def _request(self, row: "_Row") -> Prompt:
        source = row.source
        return self._prompt.render(
            id=row.paper.version, title=source.title.text, abstract=source.abstract.text, terms=source.terms
        )

    async def _ask(
        self, row: "_Row", request: Prompt, form: type[A], model: str, audience: Audience | None
    ) -> Answered[A]:
        return await self._model.ask(
            request,
            form,
            purpose=Purpose.TRANSLATION,
            version=row.paper.version,
            language=self._language,
            model=model,
            audience=audience,
            attempts=row.calls_left,
        )


class _Row:
    """The attempts at one paper, one after another; each is kept as soon as it is there."""

    def __init__(self, paper: Paper, source: Source, origin: Origin, keep: Keep) -> None:
        self.paper = paper
        self.source = source
        self.calls_left = CALLS
        self._origin = origin
        self._keep = keep
        self._attempts = 0

    async def taken(self, answered: Answered[A], sheet: Sheet, before: Draft | None = None) -> Draft:
        """The better one of what `sheet`, which was answered, comes to, and the draft `before`."""
        self.calls_left -= answered.tries
        self._attempts += 1
        draft = self.source.draft(sheet)
        better = before is None or draft.rank <= before.rank
        made = draft.made
        attempt = Attempt(
            self._attempts, answered.call, made.title, made.abstract, made.summary, draft.findings
        )
        _log.info(
            "translation_checked",
            paper=str(self.paper.version),
            attempt=attempt.number,
            model=answered.call.origin.model,
            findings=[finding.flaw.value for finding in draft.findings],
            passes=draft.passes,
        )
        shown = self.translation(draft) if better and draft.passes else None
        await self._keep(Tried(attempt, shown, self.source.decided(draft) if shown else {}))
        return draft if better or before is None else before

    def translation(self, draft: Draft) -> Translation:
        made = draft.made
        return Translation(
            version=self.paper.version,
            language=self.source.language,
            title=made.title,
            abstract=made.abstract,
            summary=made.summary,
            origin=self._origin,
        )


def _sheet(answer: TranslationAnswer) -> Sheet:
    return Sheet(answer.title, answer.abstract, answer.summary)


def _written(sheet: Sheet) -> str:
    return json.dumps(asdict(sheet), ensure_ascii=False)
