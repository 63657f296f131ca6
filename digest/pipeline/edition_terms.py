"""The terms of an edition: those that its papers share and the glossary leaves open, decided by a model in one call.

They are decided before the papers are translated, so that the same term reads the same in all of them. An edition can
go without: if the call fails, each translation chooses its own words.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from digest.checks import terms
from digest.checks.glossary import Glossary, key_of
from digest.checks.terms import OpenTerm
from digest.checks.translation import Original
from digest.core.models import Call, ClosedEdition, Origin, Paper, Purpose, VersionId
from digest.core.singleflight import Listeners
from digest.llm.client import Model
from digest.llm.prompts import PromptTemplate

_MOST_ALIKE = 2  # terms with one translation; a model that says the same of more does not translate


class TermItem(BaseModel):
    """One term as the model translates it."""

    term: str
    translation: str


class TermListAnswer(BaseModel):
    """The answer that the model is asked for."""

    terms: list[TermItem]


@dataclass(frozen=True, slots=True)
class DecidedTerms:
    """The translation of each term that was asked for, None if there is no usable one, and the call that it cost."""

    translations: Mapping[str, str | None]
    call: Call


class TermDecider:
    """Decides terms in `language` (a BCP 47 tag) with the model `model_name`, as far as `glossary` leaves them open."""

    def __init__(self, model: Model, model_name: str, language: str, glossary: Glossary) -> None:
        self._model = model
        self._language = language
        self._glossary = glossary
        self._prompt = PromptTemplate(Purpose.TERM_LIST, TermListAnswer, language)
        self.origin = Origin(model_name, self._prompt.version)

    def open_terms(self, papers: Sequence[Paper]) -> tuple[OpenTerm, ...]:
        """Return the terms that `papers` share and the glossary leaves open. Takes some tenths of a second."""
        originals = [Original(paper.title, paper.abstract or "") for paper in papers]
        return terms.open_terms(originals, self._glossary)

    async def decide(
        self, wanted: Sequence[str], edition: ClosedEdition, listeners: Listeners
    ) -> DecidedTerms:
        """Ask the model for the translations of the `wanted` terms of `edition`. Raises ModelError."""
        parts = dict.fromkeys(part for term in wanted for part in self._glossary.relevant(term))
        prompt = self._prompt.render(
            day=edition.date, categories=edition.categories, wanted=wanted, terms=[*parts]
        )
        answered = await self._model.ask(
            prompt,
            TermListAnswer,
            purpose=Purpose.TERM_LIST,
            version=booked_under(edition),
            language=self._language,
            model=self.origin.model,
            listeners=listeners,
            attempts=1,  # the edition can go without
            heard=False,
        )
        made = usable(answered.value, wanted, self._language, self._glossary)
        return DecidedTerms({term: made.get(term) for term in wanted}, answered.call)


def booked_under(edition: ClosedEdition) -> VersionId:
    """Return the version under which the call for the terms of `edition` is stored, since each call is of a version."""
    return edition.versions[0]


def usable(
    answer: TermListAnswer, wanted: Sequence[str], language: str, glossary: Glossary
) -> dict[str, str]:
    """Return the translations in `answer` that can be used, by `wanted` term; of several for one, the first. Pure."""
    asked = {key_of(term): term for term in wanted}
    made: dict[str, str] = {}
    for item in answer.terms:
        term, translation = asked.get(key_of(item.term)), item.translation.strip()
        if term and terms.is_usable(term, translation, language, glossary):
            made.setdefault(term, translation)
    times = Counter(made.values())
    return {term: translation for term, translation in made.items() if times[translation] <= _MOST_ALIKE}
