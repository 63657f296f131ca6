"""Readings made: the model is asked, what it says is held against the paper, and asked once more for what falls."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from digest.errors import MalformedAnswerError, ModelError
from digest.fidelity.findings import Finding
from digest.fidelity.quotes import Searchable, searchable
from digest.flights import Audience
from digest.llm.answers import so_far
from digest.llm.client import Answered, Model
from digest.llm.prompts import PromptTemplate
from digest.models import Call, Claim, FullText, Origin, Paper, Purpose, Reading
from digest.reading import form, proof
from digest.reading.form import Correction, ReadingAnswer
from digest.reading.proof import Failing, Parts
from digest.reading.sections import parts

TEXT_LIMIT = 120_000
"""Characters that a model gets to read at once; most papers have fewer."""

_log = structlog.get_logger()
_NOTHING: Parts = ((), (), ())
_F = TypeVar("_F", bound=Correction)


@dataclass(frozen=True, slots=True)
class Read:
    """A reading, with what was found wrong on the way to it, and with the calls that are still to be kept."""

    reading: Reading
    findings: tuple[Finding, ...]
    calls: tuple[Call, ...]


class Reader:
    """Reads papers in `language` (a BCP 47 tag) with the model `model_name`."""

    def __init__(self, model: Model, model_name: str, language: str) -> None:
        self._model = model
        self._language = language
        self._prompt = PromptTemplate(Purpose.READING, ReadingAnswer, language)
        self.origin = Origin(model_name, self._prompt.version)

    async def read(self, paper: Paper, text: FullText, audience: Audience | None = None) -> Read:
        """The reading of `paper`, whose text is `text`. Raises ModelError, also where nothing of it stands.

        `audience` waits for it, and may hear what the model writes: see `begun`. A paper that is too long is read part
        by part, and what is noted of the parts is read for the whole.
        """
        known = await asyncio.to_thread(searchable, text.text)
        pieces = await asyncio.to_thread(parts, text.text, TEXT_LIMIT)
        if len(pieces) == 1:
            return await _Work(self, paper, known, audience).whole(text=pieces[0])
        work = _Work(self, paper, known, audience)
        return await work.whole(notes=await work.notes(pieces), count=len(pieces))

    def begun(self, paper: Paper, written: str) -> Reading | None:
        """The reading of `paper` as far as it can be told from what the model has `written`; None where it cannot."""
        found = so_far(written)
        said = form.begun(found) if found is not None else _NOTHING
        return self.reading(paper, said) if any(said) else None

    def reading(self, paper: Paper, said: Parts) -> Reading:
        """The reading that these three parts are."""
        background, method, results = said
        return Reading(paper.version, self._language, background, method, results, self.origin)

    async def ask(
        self,
        paper: Paper,
        expected: type[_F],
        material: dict[str, object],
        audience: Audience | None,
        *,
        aside: bool,
    ) -> Answered[_F]:
        """One answer of the model, of which the audience hears nothing where it is but a step `aside`."""
        absent: dict[str, object] = dict.fromkeys(("text", "notes", "number", "count", "failing"))
        return await self._model.ask(
            self._prompt.render(id=paper.version, title=paper.title, **{**absent, **material}),
            expected,
            purpose=Purpose.READING,
            version=paper.version,
            language=self._language,
            model=self.origin.model,
            audience=audience,
            heard=not aside,
        )

    async def record(self, call: Call) -> None:
        """Keeps a call whose answer is but a step."""
        await self._model.record(call)


@dataclass(frozen=True, slots=True)
class _Work:
    """One paper being read."""

    reader: Reader
    paper: Paper
    known: Searchable
    audience: Audience | None

    async def notes(self, pieces: Sequence[str]) -> str:
        """What stands of the readings of all `pieces`, with its passages."""
        noted = []
        for number, piece in enumerate(pieces, start=1):
            material: dict[str, object] = {"text": piece, "number": number, "count": len(pieces)}
            answered = await self.reader.ask(self.paper, ReadingAnswer, material, self.audience, aside=True)
            await self.reader.record(answered.call)
            kept, _ = await asyncio.to_thread(proof.mended, answered.value.parts, _NOTHING, self.known)
            noted.append("\n".join(_outline(kept)))
        return "\n\n".join(noted)[:TEXT_LIMIT]

    async def whole(self, **material: object) -> Read:
        """The reading of what is in `material`."""
        answered = await self.reader.ask(self.paper, ReadingAnswer, material, self.audience, aside=False)
        said, corrections = answered.value.parts, _NOTHING
        calls: tuple[Call, ...] = (answered.call,)
        failing = await asyncio.to_thread(proof.failing, said, self.known)
        if failing:
            await self.reader.record(answered.call)
            corrections, calls = await self._corrected(material, failing)
        kept, dropped = await asyncio.to_thread(proof.mended, said, corrections, self.known)
        _log.info(
            "reading_checked", paper=str(self.paper.version), failing=len(failing), dropped=len(dropped)
        )
        if not any(kept):
            for call in calls:
                await self.reader.record(call)
            raise MalformedAnswerError("Nothing that the model says of the paper rests on a passage of it.")
        doubts = await asyncio.to_thread(proof.doubts, kept, self.paper.abstract or "")
        return Read(self.reader.reading(self.paper, kept), (*dropped, *doubts), calls)

    async def _corrected(
        self, material: dict[str, object], failing: Sequence[Failing]
    ) -> tuple[Parts, tuple[Call, ...]]:
        """What the model says in the place of what does not stand: nothing, where it fails."""
        again = {**material, "failing": failing}
        try:
            answered = await self.reader.ask(self.paper, Correction, again, self.audience, aside=True)
        except ModelError as error:
            _log.warning("reading_not_corrected", paper=str(self.paper.version), error=str(error))
            return _NOTHING, ()
        return answered.value.parts, (answered.call,)


def _outline(said: Parts) -> list[str]:
    """The claims of a part of the paper, each with its passages, as lines."""
    names = ReadingAnswer.model_fields
    return [line for name, part in zip(names, said, strict=True) for line in (name, *_lines(part))]


def _lines(claims: Sequence[Claim]) -> list[str]:
    return [
        line
        for claim in claims
        for line in (f"- {claim.text}", *(f'  "{quote}"' for quote in claim.quotes), *_lines(claim.claims))
    ]
