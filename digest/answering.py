"""Answers to questions about a paper, by a model, resting on passages that are in the paper to the letter."""

import asyncio
import re
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ValidationInfo, field_validator

from digest import keywords
from digest.fidelity.quotes import is_in, searchable
from digest.flights import Audience
from digest.keywords import InvalidKeywordError, Keyword
from digest.llm.client import Model
from digest.llm.markup import CJK, one_line
from digest.llm.prompts import PromptTemplate
from digest.models import Answer, Call, FullText, Origin, Paper, Purpose, Statement

TEXT_LIMIT = 120_000
"""Characters of a full text that a model gets to read for an answer."""
QUESTION_LIMIT = 500
"""Characters of a question."""

_BEGINNING = 20_000  # of them, whatever the question: what the paper is about
_PIECE = 800  # characters that are chosen or left out together
_LEFT_OUT = "\n[…]\n"
_STATEMENT_LIMIT = 2_000
_MOST = 8  # statements, and quotes of one
_WORD = re.compile(r"[^\W_]+")


class Answerer:
    """Answers in `language` (a BCP 47 tag) with the model `model_name`."""

    def __init__(self, model: Model, model_name: str, language: str) -> None:
        self._model = model
        self._language = language
        self._prompt = PromptTemplate(Purpose.ANSWER, AnswerAnswer, language)
        self._origin = Origin(model_name, self._prompt.version)

    async def answer(
        self, paper: Paper, text: FullText | None, question: str, audience: Audience | None = None
    ) -> tuple[Answer, Call]:
        """The answer of `paper` to `question`, and the call that it took; without `text`, the abstract is asked.

        `audience` waits for it. Raises ModelError.
        """
        question = question.strip()[:QUESTION_LIMIT]
        source = text.text if text else paper.abstract or ""
        chosen = await asyncio.to_thread(passages, source, question)  # a thesis takes a while
        answered = await self._model.ask(
            self._prompt.render(id=paper.version, title=paper.title, text=chosen, question=question),
            AnswerAnswer,
            purpose=Purpose.ANSWER,
            version=paper.version,
            language=self._language,
            model=self._origin.model,
            audience=audience,
        )
        statements = await asyncio.to_thread(supported, answered.value, source)
        answer = Answer(paper.version, self._language, question, statements, bool(statements), self._origin)
        return answer, answered.call


def _wording(text: str) -> str:
    line = one_line(text)
    if len(line) > _STATEMENT_LIMIT:
        raise ValueError("too long")
    return line


class _Said(BaseModel):
    text: Annotated[str, AfterValidator(_wording)]
    quotes: list[str]


class AnswerAnswer(BaseModel):
    """What the model is asked for."""

    statements: list[_Said]

    @field_validator("statements")
    @classmethod
    def _few(cls, statements: list[_Said], _: ValidationInfo) -> list[_Said]:
        if len(statements) > _MOST or any(len(each.quotes) > _MOST for each in statements):
            raise ValueError("too many")
        return statements


def supported(said: AnswerAnswer, source: str) -> tuple[Statement, ...]:
    """The statements that rest on something: with those of their quotes that are in `source`. Pure."""
    known = searchable(source)
    statements = []
    for each in said.statements:
        quotes = tuple(quote for quote in map(one_line, each.quotes) if is_in(quote, known))
        if quotes and each.text:
            statements.append(Statement(each.text, quotes))
    return tuple(statements)


def passages(text: str, question: str, limit: int = TEXT_LIMIT) -> str:
    """`text` as far as `limit` characters go: its beginning, and what has the question's rarest words, in its order.

    What room is left goes to what follows the beginning and, a fourth as much, to the end. Pure.
    """
    if len(text) <= limit:
        return text
    beginning = text[: min(_BEGINNING, limit // 4)]
    pieces = _pieces(text[len(beginning) :])
    room, chosen = limit - len(beginning) - len(_LEFT_OUT), []
    for number in _ranked(pieces, _sought(question)):
        room -= len(pieces[number]) + len(_LEFT_OUT)
        if room < 0:
            break
        chosen.append(number)
    return beginning + _joined(pieces, sorted(chosen))


def _pieces(text: str) -> list[str]:
    """`text` in pieces, each of whole lines where these are no longer than a piece."""
    lines = text.splitlines(keepends=True)
    pieces = [""]
    for part in (line[at : at + _PIECE] for line in lines for at in range(0, len(line), _PIECE)):
        if len(pieces[-1]) + len(part) > _PIECE:
            pieces.append("")
        pieces[-1] += part
    return pieces


def _sought(question: str) -> list[Keyword]:
    """The words of `question` but those in Chinese characters: its names and terms stand in the paper's script."""
    found = {}
    for word in _WORD.findall(CJK.sub(" ", question)):
        with suppress(InvalidKeywordError):
            made = keywords.keyword(word)
            found[made.key] = made
    return list(found.values())


def _ranked(pieces: list[str], sought: list[Keyword]) -> list[int]:
    """The numbers of the pieces, those first that have the most of what few others have."""
    folded = [keywords.fold(piece) for piece in pieces]
    weights = [0.0] * len(pieces)
    for word in sought:
        having = [number for number, each in enumerate(folded) if keywords.found_in(word, each)]
        for number in having:
            weights[number] += 1 / len(having)
    last = len(pieces) - 1
    return sorted(range(len(pieces)), key=lambda number: (-weights[number], min(number, 4 * (last - number))))


def _joined(pieces: list[str], chosen: list[int]) -> str:
    """The chosen pieces, with a sign wherever some between them are left out."""
    before = [-1, *chosen]
    parts = [
        ("" if number == previous + 1 else _LEFT_OUT) + pieces[number]
        for previous, number in zip(before, chosen, strict=False)
    ]
    return "".join(parts) + ("" if before[-1] == len(pieces) - 1 else _LEFT_OUT)
