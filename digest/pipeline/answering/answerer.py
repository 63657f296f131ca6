"""The generator of answers: asks the model, and checks its statements against the passages that it quotes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator

from digest.checks import evidence, typography
from digest.checks.glossary import Glossary
from digest.checks.quotes import Searchable, searchable
from digest.core.errors import LongPromptError, MalformedAnswerError
from digest.core.models import Answer, Call, FullText, Origin, Paper, Purpose, Statement
from digest.core.singleflight import Audience
from digest.llm.client import Answered, Model
from digest.llm.markup import one_line, quoted
from digest.llm.prompts import PromptTemplate
from digest.pipeline.answering.passages import LIMITS, passages
from digest.render import originals

QUESTION_LIMIT = 500
"""The maximum length of a question, in characters."""

_STATEMENT_LIMIT = 2_000
_MOST = 8  # statements in an answer, and quotes of a statement


def _wording(text: str) -> str:
    """Return a statement in the stored form; empty if it is too long."""
    line = originals.stored(one_line(text))
    return line if len(line) <= _STATEMENT_LIMIT else ""


def _few(listed: object) -> object:
    """Return the first items of a list; a single value becomes a list of one, as models without a schema write it."""
    return listed[:_MOST] if isinstance(listed, list) else [listed] if listed else []


class _Said(BaseModel):
    text: Annotated[str, AfterValidator(_wording)]
    quotes: Annotated[list[str], BeforeValidator(_few)]


class AnswerAnswer(BaseModel):
    """The answer that the model is asked for."""

    statements: Annotated[list[_Said], BeforeValidator(_few)]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question for the model, with the passages of the paper that it reads."""

    paper: Paper
    question: str
    passages: str
    audience: Audience | None


class Answerer:
    """Answers questions in `language` (a BCP 47 tag) with the model `model_name`.

    `glossary` translates the terms of a question into those of the paper; `spaced` is passed to `typography.typeset`.
    """

    def __init__(
        self, model: Model, model_name: str, language: str, glossary: Glossary, *, spaced: bool = False
    ) -> None:
        self._model = model
        self._language = language
        self._spaced = spaced
        self._prompt = PromptTemplate(Purpose.ANSWER, AnswerAnswer, language)
        self._origin = Origin(model_name, self._prompt.version)
        self._glossary = glossary

    async def answer(
        self, paper: Paper, text: FullText | None, question: str, audience: Audience | None = None
    ) -> tuple[Answer, Call]:
        """Answer `question` from `text`, or without one from the abstract; return the answer and its call.

        `audience` are the listeners that wait. If no statement is supported, the model is asked once more. Raises
        ModelError, also if it then makes statements of which none is supported: this does not mean that the paper does
        not say.
        """
        question = question.strip()[:QUESTION_LIMIT]
        source = text.text if text else paper.abstract or ""
        known = await asyncio.to_thread(searchable, source)  # slow for a thesis
        asked, answered = await self._first(_Asked(paper, question, source, audience), LIMITS)
        statements = supported(answered.value, known)
        if answered.value.statements and not statements:
            await self._model.record(answered.call)
            answered = await self._ask(asked, [each.text for each in answered.value.statements])
            statements = supported(answered.value, known)
        if answered.value.statements and not statements:
            await self._model.record(answered.call)
            raise MalformedAnswerError("No passage of the paper supports the model's answer.")
        told = tuple(
            replace(each, text=typography.typeset(each.text, self._language, spaced=self._spaced))
            for each in statements
        )
        answer = Answer(paper.version, self._language, question, told, bool(told), self._origin)
        return answer, answered.call

    async def _first(self, asked: _Asked, limits: Sequence[int]) -> tuple[_Asked, Answered[AnswerAnswer]]:
        """Ask with passages up to the first of `limits`, and with the next if the prompt is too long for the model."""
        limit, source = limits[0], asked.passages
        smaller = [each for each in limits if each < min(limit, len(source))]
        chosen = await asyncio.to_thread(passages, source, asked.question, self._glossary, limit)
        fitting = replace(asked, passages=chosen)
        try:
            return fitting, await self._ask(fitting, ())
        except LongPromptError:
            if not smaller:
                raise
        return await self._first(asked, smaller)

    async def _ask(self, asked: _Asked, failing: Sequence[str]) -> Answered[AnswerAnswer]:
        """Ask the model once; `failing` are the unsupported statements of its previous answer."""
        paper = asked.paper
        return await self._model.ask(
            self._prompt.render(
                id=paper.version,
                title=paper.title,
                text=asked.passages,
                question=asked.question,
                failing=failing,
            ),
            AnswerAnswer,
            purpose=Purpose.ANSWER,
            version=paper.version,
            language=self._language,
            model=self._origin.model,
            audience=asked.audience,
        )


def supported(said: AnswerAnswer, known: Searchable) -> tuple[Statement, ...]:
    """Return the supported statements, each with the quotes that are in the paper and contain its numbers. Pure."""
    statements = []
    for each in said.statements:
        quotes = evidence.located(map(quoted, each.quotes), known)
        if each.text and evidence.fault(each.text, quotes, known, numbers=True) is None:
            statements.append(Statement(each.text, quotes))
    return tuple(statements)
