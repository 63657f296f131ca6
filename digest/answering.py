"""Answers to questions about a paper, by a model, resting on passages that are in the paper to the letter."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ValidationInfo, field_validator

from digest import keywords
from digest.llm.client import Model
from digest.llm.markup import one_line
from digest.llm.prompts import PromptTemplate
from digest.models import Answer, Call, FullText, Origin, Paper, Purpose, Statement

TEXT_LIMIT = 120_000
"""Characters of a full text that a model gets to read for an answer."""
QUESTION_LIMIT = 500
"""Characters of a question."""

_BEGINNING = 20_000  # of them, whatever the question: what the paper is about
_STATEMENT_LIMIT = 2_000
_QUOTE_LIMIT = 1_000
_MOST = 8  # statements, and quotes of one
_LEAST_QUOTED = 12  # characters: shorter ones are found anywhere
_HYPHENATED = re.compile(r"(?<=\w)[-\u2010\u00ad]\s*\n\s*(?=\w)")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_SINGLE, _DOUBLE = re.compile(r"[\u2018\u2019\u201a\u201b`´]"), re.compile(r"[\u201c\u201d\u201e\u201f]|''")


class Answerer:
    """Answers in `language` (a BCP 47 tag) with the model `model_name`."""

    def __init__(self, model: Model, model_name: str, language: str) -> None:
        self._model = model
        self._language = language
        self._prompt = PromptTemplate(Purpose.ANSWER, AnswerAnswer, language)
        self._origin = Origin(model_name, self._prompt.version)

    async def answer(self, paper: Paper, text: FullText | None, question: str) -> tuple[Answer, Call]:
        """The answer of `paper` to `question`, and the call that it took; without `text`, the abstract is asked.

        Raises ModelError.
        """
        question = question.strip()[:QUESTION_LIMIT]
        source = text.text if text else paper.abstract or ""
        answered = await self._model.ask(
            self._prompt.render(
                id=paper.version, title=paper.title, text=passages(source, question), question=question
            ),
            AnswerAnswer,
            purpose=Purpose.ANSWER,
            version=paper.version,
            language=self._language,
            model=self._origin.model,
        )
        statements = supported(answered.value, source)
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
    known = _comparable(source)
    statements = []
    for each in said.statements:
        quotes = tuple(" ".join(quote.split()) for quote in each.quotes if _is_in(quote, known))
        if quotes and each.text:
            statements.append(Statement(each.text, quotes))
    return tuple(statements)


def passages(text: str, question: str, limit: int = TEXT_LIMIT) -> str:
    """`text` as far as `limit` characters go: its beginning, and the paragraphs that have most of the question's words,
    in their order. Pure."""
    if len(text) <= limit:
        return text
    beginning = text[: min(_BEGINNING, limit // 4)]
    paragraphs = text[len(beginning) :].split("\n\n")
    sought = {word for word in re.findall(r"\w+", question.lower()) if len(word) > 2 or not word.isascii()}
    found = [keywords.keyword(word) for word in sorted(sought) if any(map(str.isalnum, word))]

    def weight(paragraph: str) -> int:
        folded = keywords.fold(paragraph)
        return sum(keywords.found_in(word, folded) for word in found)

    ranked = sorted(range(len(paragraphs)), key=lambda number: -weight(paragraphs[number]))
    room, chosen = limit - len(beginning), set()
    for number in ranked:
        if len(paragraphs[number]) + 2 <= room:
            room -= len(paragraphs[number]) + 2
            chosen.add(number)
    return "\n\n".join([beginning, *(paragraphs[number] for number in sorted(chosen))])


def _is_in(quote: str, known: str) -> bool:
    wanted = _comparable(quote)
    return _LEAST_QUOTED <= len(wanted) <= _QUOTE_LIMIT and wanted in known


def _comparable(text: str) -> str:
    """What is left when white space, hyphenation, ligatures and the shapes of quotes and dashes make no difference."""
    joined = _HYPHENATED.sub("", text)
    plain = unicodedata.normalize("NFKC", joined)
    plain = _DOUBLE.sub('"', _SINGLE.sub("'", _DASHES.sub("-", plain)))
    return "".join(plain.split())
