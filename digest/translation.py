"""A paper's title, abstract and one-line summary in another language, by a model."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ValidationInfo, field_validator

from digest.flights import Audience
from digest.llm.client import Model
from digest.llm.markup import CJK, one_line, paragraphs
from digest.llm.prompts import PromptTemplate
from digest.models import Call, Origin, Paper, Purpose, Translation

_TITLE_LIMIT = 500  # characters, as all limits here
_ABSTRACT_LIMIT = 10_000
_SUMMARY_LIMIT = 1_000


def _bounded(text: str, limit: int) -> str:
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        raise ValueError("no words")
    if len(text) > limit:
        raise ValueError("too long")
    return text


class TranslationAnswer(BaseModel):
    """What the model is asked for; once validated, in the stored form of text."""

    title: Annotated[str, AfterValidator(lambda text: _bounded(one_line(text), _TITLE_LIMIT))]
    abstract: Annotated[str, AfterValidator(lambda text: _bounded(paragraphs(text), _ABSTRACT_LIMIT))]
    summary: Annotated[str, AfterValidator(lambda text: _bounded(one_line(text), _SUMMARY_LIMIT))]

    @field_validator("abstract")
    @classmethod
    def _in_the_language(cls, abstract: str, info: ValidationInfo) -> str:
        """Chinese has Chinese characters; of other languages nothing as plain can be said."""
        language = (info.context or {}).get("language", "")
        if language.partition("-")[0] == "zh" and not CJK.search(abstract):
            raise ValueError("not in Chinese")
        return abstract


class Translator:
    """Translates papers into `language` (a BCP 47 tag) with the model `model_name`."""

    def __init__(self, model: Model, model_name: str, language: str) -> None:
        self._model = model
        self._language = language
        self._prompt = PromptTemplate(Purpose.TRANSLATION, TranslationAnswer, language)
        self.origin = Origin(model_name, self._prompt.version)

    async def translate(self, paper: Paper, audience: Audience | None = None) -> tuple[Translation, Call]:
        """The translation of `paper`, which must have an abstract (ValueError), and the call that it took.

        `audience` waits for it. Raises ModelError.
        """
        if paper.abstract is None:
            raise ValueError(f"{paper.version} has no abstract")
        answered = await self._model.ask(
            self._prompt.render(id=paper.version, title=paper.title, abstract=paper.abstract),
            TranslationAnswer,
            purpose=Purpose.TRANSLATION,
            version=paper.version,
            language=self._language,
            model=self.origin.model,
            audience=audience,
        )
        answer = answered.value
        translation = Translation(
            version=paper.version,
            language=self._language,
            title=answer.title,
            abstract=answer.abstract,
            summary=answer.summary,
            origin=self.origin,
        )
        return translation, answered.call
