"""A judge: a second model that says whether passages mean what their originals say. It never rewrites.

It is asked once for all passages of a text. Its answer is untrusted like that of any model: unknown ids, second
verdicts on a pair, unknown relations, and objections without words of the pair are dropped. A judge that confirms
hardly anything is not believed (`digest.judging.trust`). Its failure is never a fault of the text: a pair
without a verdict is as if nobody had asked.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, BeforeValidator
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.errors import BudgetSpentError, ModelError
from digest.core.models import Call, Purpose, VersionId
from digest.core.singleflight import Listeners
from digest.core.verdicts import JudgedPair, Relation, Verdict
from digest.db import engine as database
from digest.db import model_calls
from digest.db import verdicts as stored_verdicts
from digest.db.verdicts import StoredVerdict
from digest.judging.trust import JudgedText, Trust, is_believable
from digest.llm.budget import estimate_tokens
from digest.llm.client import Answered, Model, PrioritySemaphore
from digest.llm.prompts import Prompt, PromptTemplate

About = Literal["translation", "claims"]
"""What is judged: translations against sentences of the original, or claims against quoted passages."""

MOST_PAIRS = 30
"""The maximum number of pairs of one text that are judged: those that a screen doubts first, then by their order."""
MOST_CHARACTERS = 16_000
"""The maximum number of characters of them."""
MOST_WORDS = 200
"""The maximum number of characters of the words that a verdict rests on."""

_MOST_ITEMS = 10 * MOST_PAIRS  # of an answer, which may repeat itself for megabytes
_AT_ONCE = (
    4  # calls: one that hangs takes a place from the translations, and one that runs away is seen by its cost
)
_FAILURES = 3  # in a row, from which the operator is told
_BREAK = re.compile(r"…|\.{3}|→|->|[/|;；\"“”‘’「」]")  # between passages in the words of a verdict
_log = structlog.get_logger()


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _bounded(items: object) -> object:
    return items[:_MOST_ITEMS] if isinstance(items, list) else items


_Loose = Annotated[str, BeforeValidator(_text)]


class VerdictItem(BaseModel):
    """One verdict as a judge writes it; a strange value spoils only its own verdict."""

    id: _Loose = ""
    relation: _Loose = ""
    words: _Loose = ""


class JudgementAnswer(BaseModel):
    """The answer that the judge is asked for."""

    verdicts: Annotated[list[VerdictItem], BeforeValidator(_bounded)]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on a text by the ids of its pairs, and the calls that they cost, which are stored already.

    A pair that was not judged, or whose verdict is not to be believed, is absent.
    """

    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()


Tell = Callable[[str | None], Awaitable[None]]
"""Tells the operator the reason why texts are not judged, as a sentence; None once they are judged again."""


class Judge:
    """The judge `model_name` for texts in all languages, one for a process, so that its record is one.

    Verdicts and calls are stored in the database behind `engine`; `clock` returns aware UTC.
    """

    def __init__(
        self, model: Model, model_name: str, engine: AsyncEngine, clock: Callable[[], datetime], tell: Tell
    ) -> None:
        self._model = model
        self._name = model_name
        self._engine = engine
        self._clock = clock
        self._tell = tell
        self._trust = Trust()
        self._slots = PrioritySemaphore(_AT_ONCE)
        self._failures = 0
        self._is_told_over: bool | None = None  # unknown: an earlier process may have told something

    async def judge(
        self,
        pairs: Sequence[JudgedPair],
        *,
        version: VersionId,
        language: str,
        about: About,
        listeners: Listeners | None = None,
    ) -> Judgement:
        """Judge the `pairs` of one text about `version` in `language`; pairs judged before cost nothing.

        Returns what is known if the judge does not answer, is out of budget or is not believed; raises StoreError only.
        """
        text = _JudgeText(pairs, version, language, about, self._name)
        known = await self._known(text)
        wanted = limited([pair for pair in pairs if pair.id not in known])
        if not wanted:
            return Judgement(known)
        await self._slots.enter(lambda: bool(listeners and listeners.is_urgent))
        try:
            return await self._judged(text, wanted, known, listeners)
        finally:
            self._slots.leave()

    async def _judged(
        self,
        text: "_JudgeText",
        wanted: Sequence[JudgedPair],
        known: Mapping[int, Verdict],
        listeners: Listeners | None,
    ) -> Judgement:
        if not self._trust.asks():
            return Judgement(known)
        prompt = text.template.render(id=text.version, pairs=wanted)
        try:
            answered = await self._ask(prompt, text, listeners)
        except ModelError as error:
            _log.warning("judging_failed", paper=str(text.version), about=text.about, error=str(error))
            await self._failed(str(error), at_once=isinstance(error, BudgetSpentError))
            return Judgement(known)
        return await self._heard(text, prompt, wanted, answered, known)

    async def _heard(
        self,
        text: "_JudgeText",
        prompt: Prompt,
        wanted: Sequence[JudgedPair],
        answered: Answered[JudgementAnswer],
        known: Mapping[int, Verdict],
    ) -> Judgement:
        """Store the call and, if the judge is believed, its verdicts on the `wanted` pairs."""
        given = verdicts_of(answered.value, wanted)
        whole = {**known, **given}
        self._note(prompt, answered.call, len(wanted), given)
        is_believed = self._trust.doubt is None and _is_believable(text.about, whole)
        await self._store(text, answered.call, given if is_believed else {})
        _log.info(
            "text_judged",
            paper=str(text.version),
            about=text.about,
            pairs=len(wanted),
            verdicts=len(given),
            objections=_objections(given),
            believed=is_believed,
        )
        await self._answered(given)
        return Judgement(whole if is_believed else {}, (answered.call,))

    async def measure(
        self, pairs: Sequence[JudgedPair], *, version: VersionId, language: str, about: About
    ) -> Judgement:
        """Judge the `pairs` of one text as `judge` does, believed or not: to compare the judge with people's labels.

        Verdicts that are stored cost nothing; new ones are not stored, because no text depends on them. Raises
        ModelError if the judge does not answer, and StoreError.
        """
        text = _JudgeText(pairs, version, language, about, self._name)
        known = await self._known(text)
        wanted = limited([pair for pair in pairs if pair.id not in known])
        if not wanted:
            return Judgement(known)
        answered = await self._ask(text.template.render(id=version, pairs=wanted), text, None)
        await self._store(text, answered.call, {})
        return Judgement({**known, **verdicts_of(answered.value, wanted)}, (answered.call,))

    async def _known(self, text: "_JudgeText") -> dict[int, Verdict]:
        """Load the verdicts on the pairs that were judged before."""
        async with database.reading(self._engine) as connection:
            stored = await stored_verdicts.load(connection, text.keys.values())
        pairs = ((number, stored.get(key)) for number, key in text.keys.items())
        return {number: Verdict(number, each.relation, each.words) for number, each in pairs if each}

    async def _ask(
        self, prompt: Prompt, text: "_JudgeText", listeners: Listeners | None
    ) -> Answered[JudgementAnswer]:
        return await self._model.ask(
            prompt,
            JudgementAnswer,
            purpose=Purpose.JUDGEMENT,
            version=text.version,
            language=text.language,
            model=self._name,
            listeners=listeners,
            attempts=1,  # the text can go without
            heard=False,
        )

    async def _store(self, text: "_JudgeText", call: Call, given: Mapping[int, Verdict]) -> None:
        fresh = {text.keys[each.id]: StoredVerdict(each.relation, each.words) for each in given.values()}
        async with database.writing(self._engine) as connection:
            await model_calls.save_call(connection, call)
            await stored_verdicts.save(connection, text.version, text.language, fresh, self._clock())

    def _note(self, prompt: Prompt, call: Call, pairs: int, given: Mapping[int, Verdict]) -> None:
        """Add the verdicts `given` on so many `pairs` to the judge's record."""
        expected = estimate_tokens(Purpose.JUDGEMENT, prompt.system + prompt.user)
        tokens = call.prompt_tokens + call.completion_tokens
        unconfirmed = sum(not verdict.relation.confirms for verdict in given.values())
        self._trust.note(JudgedText(pairs, len(given), unconfirmed, expected, tokens))

    async def _answered(self, given: Mapping[int, Verdict]) -> None:
        if not given:
            await self._failed(f"{self._name} answers without a usable verdict.")
            return
        self._failures = 0
        doubt = self._trust.doubt
        if doubt is not None:
            await self._say(f"{self._name} is not believed. {doubt}")
        elif self._is_told_over is not None or self._trust.is_known:  # an earlier process may have had doubts
            await self._say(None)

    async def _failed(self, reason: str, *, at_once: bool = False) -> None:
        """Tell the operator of a failure, `at_once` or if it repeats."""
        self._failures += 1
        if at_once or self._failures >= _FAILURES:
            await self._say(reason)

    async def _say(self, reason: str | None) -> None:
        """Tell the operator if texts are no longer judged, or are judged again."""
        is_over = reason is None
        if self._is_told_over is not is_over:
            self._is_told_over = is_over
            await self._tell(reason)


@dataclass(frozen=True)
class _JudgeText:
    """The pairs of a text for the judge `model`, and the keys of their verdicts."""

    pairs: Sequence[JudgedPair]
    version: VersionId
    language: str
    about: About
    model: str

    @property
    def template(self) -> PromptTemplate:
        return _template(self.about, self.language)

    @cached_property
    def keys(self) -> dict[int, str]:
        """The key of each pair by its id: of the judge, its prompt and both passages."""
        origin = (self.model, self.template.version)
        return {pair.id: _hash(*origin, pair.original, pair.made) for pair in self.pairs}


def limited(pairs: Sequence[JudgedPair]) -> list[JudgedPair]:
    """Return the most doubtful of `pairs` within the limits, in the order given. Pure."""
    chosen: set[int] = set()
    characters = 0
    for pair in sorted(pairs, key=lambda each: not each.is_doubted):
        size = len(pair.original) + len(pair.made)
        if len(chosen) < MOST_PAIRS and characters + size <= MOST_CHARACTERS:
            chosen.add(pair.id)
            characters += size
    return [pair for pair in pairs if pair.id in chosen]


def verdicts_of(answer: JudgementAnswer, pairs: Sequence[JudgedPair]) -> dict[int, Verdict]:
    """Return the valid verdicts of `answer` on `pairs` by id; of several on one pair, the first. Pure."""
    asked = {pair.id: pair for pair in pairs}
    found: dict[int, Verdict] = {}
    for item in answer.verdicts:
        for verdict in _verdict(item, asked):
            found.setdefault(verdict.id, verdict)
    return found


def _verdict(item: VerdictItem, asked: Mapping[int, JudgedPair]) -> Iterator[Verdict]:
    """Yield the verdict that `item` stands for, if it is valid."""
    number = item.id.strip(" #.")
    pair = asked.get(int(number)) if number.isascii() and number.isdecimal() and len(number) < 9 else None
    relation = item.relation.strip().lower()
    if pair is None or relation not in {*Relation}:
        return
    words = " ".join(item.words.split())[:MOST_WORDS]
    is_grounded = _is_in(words, pair)
    if is_grounded or not Relation(relation).objects:
        yield Verdict(pair.id, Relation(relation), words if is_grounded else "")


def _is_in(words: str, pair: JudgedPair) -> bool:
    """Return True if `words`, or a part of them between marks such as an ellipsis, are words of the pair."""
    texts = [_plain(text) for text in (pair.original, pair.made)]
    parts = [part for each in (words, *_BREAK.split(words)) if (part := _plain(each))]
    return any(part in text for part in parts for text in texts)


def _plain(text: str) -> str:
    """Return `text` without case and white space."""
    return "".join(text.casefold().split()).strip(".,，。：:")


def _is_believable(about: About, given: Mapping[int, Verdict]) -> bool:
    """Return False if there are too many objections to one text; of claims a call may have but some of a text."""
    return about == "claims" or is_believable(_objections(given), len(given))


def _objections(given: Mapping[int, Verdict]) -> int:
    return sum(verdict.relation.objects for verdict in given.values())


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).hexdigest()


@cache
def _template(about: About, language: str) -> PromptTemplate:
    return PromptTemplate(f"judge-{about}", JudgementAnswer, language)
