"""Answers to questions about a paper, made by a model and supported by verbatim passages of the paper.

The model gets the passages that are relevant to the question: the text is split into some hundred pieces, ranked by the
words of the question; a word weighs more the fewer pieces contain it. Most papers fit as a whole. Each statement of the
answer is checked against the passages that it quotes, and judged against them if there is a judge.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator

from digest import languages
from digest.checks import evidence, typography
from digest.checks.evidence import Searchable, searchable
from digest.checks.glossary import Glossary
from digest.core import keywords
from digest.core.errors import LongPromptError, MalformedAnswerError
from digest.core.findings import Finding
from digest.core.keywords import InvalidKeywordError, Keyword
from digest.core.models import Answer, Call, FullText, Origin, Paper, Purpose, Statement
from digest.core.sections import packed, sections
from digest.core.singleflight import Listeners
from digest.judging import claims as claim_judging
from digest.judging.judge import Judge
from digest.llm.answer_text import CJK, one_line, quoted
from digest.llm.client import Answered, Model
from digest.llm.prompts import PromptTemplate
from digest.render import stored_text

TEXT_LIMIT = 120_000
"""The maximum number of characters of a full text that a model reads for an answer."""
LIMITS = tuple(TEXT_LIMIT >> halvings for halvings in range(6))
"""The limits to try one after another for models with a smaller context, in characters."""

_BEGINNING = 20_000  # characters that are always included, because they say what the paper is about
_PIECE = 800  # characters that are selected or left out together
_LEFT_OUT = "\n[…]\n"
_WORD = re.compile(r"[^\W_]+")
_SECTIONS = {word: headings for each in languages.known() for word, headings in each.words.sections.items()}
"""The words of questions, and the headings of the sections that answer them."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some lines of one section; `path` are its headings, and `begins` is True if the lines contain them."""

    path: str
    text: str
    begins: bool

    @property
    def size(self) -> int:
        return len(self.text) + len(self.path) + 2 * len(_LEFT_OUT)


def passages(text: str, question: str, glossary: Glossary, limit: int = TEXT_LIMIT) -> str:
    """Select up to `limit` characters of `text`, in order: its beginning, and pieces with the question's rarest words.

    Headings count as words of all text under them, and are repeated where a section is cut. `glossary` translates the
    question's terms into those of the paper. Remaining room goes to the text after the beginning and, a fourth as much,
    to the end.
    """
    if len(text) <= limit:
        return text
    beginning = text[: min(_BEGINNING, limit // 4)]
    pieces = [each for each in _pieces(text, len(beginning)) if each.text]
    room, chosen = limit - len(beginning) - len(_LEFT_OUT), []
    for number in _ranked(pieces, _sought(question, glossary)):
        room -= pieces[number].size
        if room < 0:
            break
        chosen.append(number)
    return beginning + _joined(pieces, sorted(chosen))


def _pieces(text: str, after: int) -> Iterator[_Piece]:
    """Split the text after its first `after` characters into pieces, of whole lines unless a line is longer."""
    at = 0
    for section in sections(text):
        skipped = min(max(0, after - at), len(section.text))
        at += len(section.text)
        for number, piece in enumerate(packed(iter([section.text[skipped:]]), _PIECE)):
            yield _Piece(" › ".join(section.path), piece, begins=not number and not skipped)


def _sought(question: str, glossary: Glossary) -> list[Keyword]:
    """Return the keywords of `question` in English; Chinese ones are translated by the glossary."""
    words = _WORD.findall(CJK.sub(" ", question))
    words += [term.source for term in glossary.terms.values() if _is_asked(term.passing, question)]
    words += [name for asked, names in _SECTIONS.items() if asked in question for name in names]
    found = {}
    for word in words:
        with suppress(InvalidKeywordError):
            made = keywords.keyword(word)
            found[made.key] = made
    return list(found.values())


def _is_asked(wordings: Sequence[str], question: str) -> bool:
    return any(CJK.search(wording) and wording in question for wording in wordings)


def _ranked(pieces: Sequence[_Piece], sought: Sequence[Keyword]) -> list[int]:
    """Return the indices of the pieces, those first that have the most rare keywords in their lines or headings."""
    weights = [0.0] * len(pieces)
    for texts in ([piece.text for piece in pieces], [piece.path for piece in pieces]):
        folded = [keywords.fold(text) for text in texts]
        for word in sought:
            having = [number for number, each in enumerate(folded) if keywords.found_in(word, each)]
            for number in having:
                weights[number] += 1 / len(having)
    last = len(pieces) - 1
    return sorted(range(len(pieces)), key=lambda number: (-weights[number], min(number, 4 * (last - number))))


def _joined(pieces: Sequence[_Piece], chosen: Sequence[int]) -> str:
    """Join the chosen pieces, with a mark and the next headings wherever pieces are left out."""
    before = [-1, *chosen]
    parts = [
        ("" if number == previous + 1 else _LEFT_OUT + _above(pieces[number])) + pieces[number].text
        for previous, number in zip(before, chosen, strict=False)
    ]
    return "".join(parts) + ("" if before[-1] == len(pieces) - 1 else _LEFT_OUT)


def _above(piece: _Piece) -> str:
    return f"[{piece.path}]\n" if piece.path and not piece.begins else ""


QUESTION_LIMIT = 500
"""The maximum length of a question, in characters."""

_STATEMENT_LIMIT = 2_000
_MOST = 8  # statements in an answer, and quotes of a statement


def _wording(text: str) -> str:
    """Return a statement in the stored form; empty if it is too long."""
    line = stored_text.stored(one_line(text))
    return line if len(line) <= _STATEMENT_LIMIT else ""


def _few(listed: object) -> object:
    """Return the first items of a list; a single value becomes a list of one, as models without a schema write it."""
    return listed[:_MOST] if isinstance(listed, list) else [listed] if listed else []


class _QuotedStatement(BaseModel):
    text: Annotated[str, AfterValidator(_wording)]
    quotes: Annotated[list[str], BeforeValidator(_few)]


class AnswerAnswer(BaseModel):
    """The answer that the model is asked for."""

    statements: Annotated[list[_QuotedStatement], BeforeValidator(_few)]


@dataclass(frozen=True, slots=True)
class Failing:
    """A statement of an answer that is not supported, and why."""

    text: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """The statements of an answer that are supported, each with its quotes that are in the paper, and the others."""

    supported: tuple[Statement, ...]
    failing: tuple[Failing, ...]

    def judged(self, found: Mapping[Statement, Finding | None]) -> "Checked":
        """Move the statements with a finding of a judge to those that fail."""
        wrong = {each: finding for each, finding in found.items() if finding is not None}
        return Checked(
            tuple(each for each in self.supported if each not in wrong),
            (*self.failing, *(Failing(each.text, finding) for each, finding in wrong.items())),
        )


def checked(said: AnswerAnswer, known: Searchable) -> Checked:
    """Check the statements against the passages that they quote, and against the numbers in these. Pure."""
    supported, failing = [], []
    for each in said.statements:
        statement = Statement(each.text, evidence.located(map(quoted, each.quotes), known))
        wrong = evidence.fault(each.text, statement.quotes, known)
        if wrong is not None:
            failing.append(Failing(each.text, wrong))
        elif each.text:
            supported.append(statement)
    return Checked(tuple(supported), tuple(failing))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question for the model, with the passages of the paper that it reads."""

    paper: Paper
    question: str
    passages: str
    listeners: Listeners | None


class Answerer:
    """Answers questions in `language` (a BCP 47 tag) with the model `model_name`.

    `glossary` translates the terms of a question into those of the paper; `spaced` is passed to `typography.typeset`.
    `judge` says whether the passages say what the statements say; without one the checks decide alone.
    """

    def __init__(
        self,
        model: Model,
        model_name: str,
        language: str,
        glossary: Glossary,
        *,
        spaced: bool = False,
        judge: Judge | None = None,
    ) -> None:
        self._model = model
        self._language = language
        self._spaced = spaced
        self._prompt = PromptTemplate(Purpose.ANSWER, AnswerAnswer, language)
        self._origin = Origin(model_name, self._prompt.version)
        self._glossary = glossary
        self._judge = judge

    async def answer(
        self, paper: Paper, text: FullText | None, question: str, listeners: Listeners | None = None
    ) -> tuple[Answer, Call]:
        """Answer `question` from `text`, or without one from the abstract; return the answer and its call.

        `listeners` wait for it. If no statement is supported, the model is asked once more. Raises
        ModelError, also if it then makes statements of which none is supported: this does not mean that the paper does
        not say.
        """
        question = question.strip()[:QUESTION_LIMIT]
        source = text.text if text else paper.abstract or ""
        known = await asyncio.to_thread(searchable, f"{paper.title}\n\n{source}")  # slow for a thesis
        asked, answered = await self._first(_Asked(paper, question, source, listeners), LIMITS)
        checked = await self._checked(asked, answered.value, known)
        if checked.failing and not checked.supported:
            await self._model.record(answered.call)
            answered = await self._ask(asked, checked.failing)
            checked = await self._checked(asked, answered.value, known)
        if checked.failing and not checked.supported:
            await self._model.record(answered.call)
            raise MalformedAnswerError("No passage of the paper supports the model's answer.")
        told = tuple(
            replace(each, text=typography.typeset(each.text, self._language, spaced=self._spaced))
            for each in checked.supported
        )
        answer = Answer(paper.version, self._language, question, told, bool(told), self._origin)
        return answer, answered.call

    async def _checked(self, asked: _Asked, said: AnswerAnswer, known: Searchable) -> Checked:
        """Check the statements of an answer, and have those that stand judged."""
        by_checks = checked(said, known)
        if self._judge is None or not by_checks.supported:
            return by_checks
        subject = claim_judging.Subject(asked.paper.version, self._language, known)
        found = await claim_judging.findings(self._judge, by_checks.supported, subject, asked.listeners)
        return by_checks.judged(found)

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

    async def _ask(self, asked: _Asked, failing: Sequence[Failing]) -> Answered[AnswerAnswer]:
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
            listeners=asked.listeners,
        )
