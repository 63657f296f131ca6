"""Readings made: the model is asked, what it says is held against the paper, and asked once more for what falls.

What the checks let stand is judged, if there is a judge, and so are the corrections of what fell.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from digest.checks import typography
from digest.checks.evidence import searchable
from digest.core.errors import LongPromptError, MalformedAnswerError, ModelError
from digest.core.findings import Finding
from digest.core.models import Basis, Call, Claim, FullText, Origin, Paper, Purpose, Reading, VersionId
from digest.core.sections import parts
from digest.core.singleflight import Listeners
from digest.judging import claims as claim_judging
from digest.judging.judge import Judge
from digest.llm.client import Answered, Model
from digest.llm.prompts import PromptTemplate
from digest.llm.structured_output import so_far
from digest.pipeline import reading_checks
from digest.pipeline.reading_checks import Failing, Lists, Parts, ReadingAnswer, ReadingSource

TEXT_LIMIT = 120_000
"""Characters that a model gets to read at once; most papers have fewer."""
LIMITS = tuple(TEXT_LIMIT >> halvings for halvings in range(6))
"""Character limits for models whose windows turn out to be smaller, tried one after another."""

_log = structlog.get_logger()
_NOTHING: Parts = ((), (), ())
_ABSENT = dict.fromkeys(("text", "notes", "number", "count", "failing"))  # of what a prompt may hold
_L = TypeVar("_L", bound=Lists)


@dataclass(frozen=True, slots=True)
class Read:
    """A reading, with what was found wrong on the way to it, and with the calls that are still to be kept."""

    reading: Reading
    findings: tuple[Finding, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """One paper to read: what its reading is held against, and who waits for it."""

    paper: Paper
    grounds: ReadingSource
    listeners: Listeners | None
    text: FullText

    @property
    def name(self) -> str:
        return str(self.paper.version)


class ReadingWriter:
    """Reads papers in `language` (a BCP 47 tag) with the model `model_name`; `spaced` is for `typography.typeset`.

    `judge` says whether passages say what the claims on them say; without one the checks decide alone.
    """

    def __init__(
        self,
        model: Model,
        model_name: str,
        language: str,
        *,
        spaced: bool = False,
        judge: Judge | None = None,
    ) -> None:
        self._model = model
        self._judge = judge
        self._language = language
        self._spaced = spaced
        self._prompt = PromptTemplate(Purpose.READING, ReadingAnswer, language)
        self._open: dict[VersionId, ReadingSource] = {}  # of the papers that are being read
        self.origin = Origin(model_name, self._prompt.version)

    async def read(self, paper: Paper, text: FullText, listeners: Listeners | None = None) -> Read:
        """The reading of `paper`, whose text is `text`. Raises ModelError, also where nothing of it stands.

        `listeners` wait for it, and may hear what the model writes: see `begun`. A paper that is too long is read part
        by part, and what is noted of the parts is read for the whole. Calls that were but a step are kept as they end.
        """
        known = await asyncio.to_thread(searchable, f"{paper.title}\n\n{text.text}")
        grounds = ReadingSource(known, self._language)
        self._open[paper.version] = grounds
        try:
            return await self._within(LIMITS, _Task(paper, grounds, listeners, text))
        finally:
            self._open.pop(paper.version, None)

    async def _within(self, limits: Sequence[int], task: _Task) -> Read:
        """The reading in parts of the first of `limits`; of the next ones, where the model takes no such."""
        limit, text = limits[0], task.text.text
        smaller = [each for each in limits if each < min(limit, len(text))]
        pieces = await asyncio.to_thread(parts, text, limit)
        try:
            read = await self._pieces(task, pieces, limit)
            return replace(read, reading=replace(read.reading, basis=basis(task.text, pieces)))
        except LongPromptError:
            if not smaller:
                raise
        _log.info("read_in_smaller_parts", paper=task.name, characters=smaller[0])
        return await self._within(smaller, task)

    async def _pieces(self, task: _Task, pieces: Sequence[str], limit: int) -> Read:
        if len(pieces) == 1:
            return await self._whole(task, {"text": pieces[0]})
        notes = await self._notes(task, pieces, limit // len(pieces))
        return await self._whole(task, {"notes": notes, "count": len(pieces)})

    def begun(self, paper: Paper, written: str) -> Reading | None:
        """Return the claims that stand in what the model has `written` on `paper` so far; None if there are none.

        None also if `paper` is not being read. Nobody sees a statement before its passage is found, nor, with a judge,
        before it is judged: claims are judged when all are written, so nothing is shown until then.
        """
        if self._judge is not None:
            return None
        found, grounds = so_far(written), self._open.get(paper.version)
        if found is None or grounds is None:
            return None
        stands, _ = reading_checks.mended(reading_checks.begun(found), _NOTHING, grounds)
        return self._reading(paper, stands) if any(stands) else None

    def _reading(self, paper: Paper, said: Parts) -> Reading:
        background, method, results = map(self._typeset, said)
        return Reading(paper.version, self._language, background, method, results, self.origin)

    def _typeset(self, said: Sequence[Claim]) -> tuple[Claim, ...]:
        """Claims as the translations beside them are set."""
        return tuple(
            replace(
                claim,
                text=typography.typeset(claim.text, self._language, spaced=self._spaced),
                claims=self._typeset(claim.claims),
            )
            for claim in said
        )

    async def _notes(self, task: _Task, pieces: Sequence[str], room: int) -> str:
        """Read all `pieces` and return the claims that stand, with passages: at most `room` characters for each."""
        noted = []
        for number, piece in enumerate(pieces, start=1):
            material = {"text": piece, "number": number, "count": len(pieces)}
            answered = await self._ask(task, Lists, material, aside=True)
            await self._model.record(answered.call)
            kept, _ = await asyncio.to_thread(
                reading_checks.mended, answered.value.parts, _NOTHING, task.grounds
            )
            noted.append("".join(_fitting(_outline(kept), room)))
        return "\n".join(noted)

    async def _whole(self, task: _Task, material: Mapping[str, object]) -> Read:
        """The reading of the text or the notes in `material`."""
        answered = await self._ask(task, ReadingAnswer, material)
        said, corrections = answered.value.parts, _NOTHING
        calls = await self._unrecorded(answered.call)
        grounds = await self._judged(task, said, task.grounds)
        failing = await asyncio.to_thread(reading_checks.failing, said, grounds)
        if failing:
            await self._record(calls)
            corrections, calls = await self._corrected(task, failing, material)
            grounds = await self._judged(task, corrections, grounds)
        kept, dropped = await asyncio.to_thread(reading_checks.mended, said, corrections, grounds)
        _log.info("reading_checked", paper=task.name, failing=len(failing), dropped=len(dropped))
        if not any(kept):
            await self._record(calls)
            raise MalformedAnswerError("Nothing that the model says of the paper rests on a passage of it.")
        doubts = await asyncio.to_thread(reading_checks.doubts, kept, task.paper.abstract or "")
        return Read(self._reading(task.paper, kept), (*dropped, *doubts), calls)

    async def _judged(self, task: _Task, said: Parts, grounds: ReadingSource) -> ReadingSource:
        """Return `grounds` with the judge's findings on what stands of `said`, if there is a judge that is believed."""
        if self._judge is None:
            return grounds
        stated = await asyncio.to_thread(reading_checks.unjudged, said, grounds)
        subject = claim_judging.Subject(task.paper.version, self._language, grounds.text)
        found = await claim_judging.findings(self._judge, stated, subject, task.listeners)
        if not grounds.judged and not claim_judging.are_believable(found):
            _log.warning("judge_not_believed", paper=task.name)
            return grounds
        return replace(grounds, judged={**grounds.judged, **found})

    async def _corrected(
        self, task: _Task, failing: Sequence[Failing], material: Mapping[str, object]
    ) -> tuple[Parts, tuple[Call, ...]]:
        """Return the model's corrections of the `failing` claims, and its call; nothing if the call fails."""
        try:
            answered = await self._ask(task, Lists, {**material, "failing": failing}, aside=True)
        except ModelError as error:
            _log.warning("reading_not_corrected", paper=task.name, error=str(error))
            return _NOTHING, ()
        return answered.value.corrections, await self._unrecorded(answered.call)

    async def _unrecorded(self, call: Call) -> tuple[Call, ...]:
        """Return `call`, to be stored with the reading; with a judge store it, since the process may end meanwhile."""
        if self._judge is None:
            return (call,)
        await self._model.record(call)
        return ()

    async def _record(self, calls: Sequence[Call]) -> None:
        for call in calls:
            await self._model.record(call)

    async def _ask(
        self, task: _Task, expected: type[_L], material: Mapping[str, object], *, aside: bool = False
    ) -> Answered[_L]:
        """One answer of the model, of which the listeners hear nothing where it is but a step `aside`."""
        return await self._model.ask(
            self._prompt.render(id=task.name, title=task.paper.title, **{**_ABSENT, **material}),
            expected,
            purpose=Purpose.READING,
            version=task.paper.version,
            language=self._language,
            model=self.origin.model,
            listeners=task.listeners,
            heard=not aside,
        )


def basis(text: FullText, pieces: Sequence[str]) -> Basis:
    """Return the basis of a reading of these `pieces` of `text`."""
    if not text.whole:
        return Basis.PART
    return Basis.WHOLE if sum(map(len, pieces)) == len(text.text) else Basis.BODY


def _outline(said: Parts) -> list[str]:
    """The claims of a part of the paper, each with its passages, as lines."""
    names = ReadingAnswer.model_fields
    return [line for name, part in zip(names, said, strict=True) for line in (name, *_lines(part))]


def _fitting(lines: Sequence[str], room: int) -> Iterator[str]:
    """Yield `lines`, from the first on, as long as they fit into `room` characters."""
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield f"{line}\n"


def _lines(claims: Sequence[Claim]) -> list[str]:
    return [
        line
        for claim in claims
        for line in (f"- {claim.text}", *(f'  "{quote}"' for quote in claim.quotes), *_lines(claim.claims))
    ]
