"""A trial of claims: labelled faulty ones in readings, and which of them readers would see.

Each faulty claim of `benchmarks/labelled` stands in a reading among nine sound ones, on a paper that has their passages
as paragraphs. The program's own reader and judge work with a model behind a socket, which states these claims, and
states them once more when they are sent back. The judge is scripted: there is none, it knows the labels, or it gives a
wrong verdict on a tenth of the claims.
"""

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from starlette.responses import Response

from benchmarks.labelled.pairs import LabelledPair, load
from benchmarks.results import Result, unmet
from bot.db.upgrade import upgrade
from digest.checks.typography import typeset
from digest.core.errors import ModelError
from digest.core.proportions import Proportion
from digest.core.verdicts import Relation
from digest.db.engine import open_engine
from digest.pipeline.reading import ReadingWriter
from tests.digest.judging.judge_world import judge_world
from tests.digest.llm.llm_world import full_text
from tests.fakes import model_faults, model_judges, model_stream
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked
from tests.fakes.model_judges import AskedPair, Script
from tests.papers import paper

_LANGUAGE = "zh-CN"
_SOUND = 9  # claims beside a faulty one
_WRONG = 0.1  # of the verdicts of the judge that errs
_LEAST_KEPT = 0.95  # of the sound claims, with an honest judge


@dataclass(frozen=True, slots=True)
class _Reading:
    """The labelled claims of one reading: the first is faulty."""

    number: int
    claims: Sequence[LabelledPair]

    @property
    def text(self) -> str:
        return "\n\n".join(dict.fromkeys(claim.original for claim in self.claims))

    @property
    def answer(self) -> str:
        said = [{"text": claim.made, "quotes": [claim.original]} for claim in self.claims]
        return json.dumps({"background": [], "method": [], "results": said}, ensure_ascii=False)


Shown = Mapping[str, Proportion]
"""The claims that are shown, by the kind of their fault; those of `_SOUND_KIND` have none."""
_SOUND_KIND = "sound"


@dataclass(frozen=True)
class Claims(Result):
    """The claims that are shown with each judge."""

    shown: Mapping[str, Shown]

    @property
    def undone(self) -> list[str]:
        return unmet(*((each[_SOUND_KIND].total > 0, "no reading was made") for each in self.shown.values()))

    @property
    def broken(self) -> list[str]:
        honest = self.shown["honest judge"]
        passed = sum(each.hits for kind, each in honest.items() if kind != _SOUND_KIND)
        kept = honest[_SOUND_KIND]
        return unmet(
            (passed == 0, f"an honest judge lets {passed} faulty claims pass"),
            (
                kept.hits >= _LEAST_KEPT * kept.total,
                f"an honest judge keeps {kept.hits} of {kept.total} sound claims",
            ),
        )

    def __str__(self) -> str:
        head = f"{'claims shown':16}" + "".join(f"{judge:>20}" for judge in self.shown)
        kinds = next(iter(self.shown.values()))
        return "\n".join([head, *(self._line(kind) for kind in kinds)])

    def _line(self, kind: str) -> str:
        counts = (each[kind] for each in self.shown.values())
        return f"{kind:16}" + "".join(f"{f'{each.hits} of {each.total}':>20}" for each in counts)


def claims(most: int | None = None) -> Claims:
    """Make a reading with each faulty claim, or with `most` of them, without a judge and with each of two."""
    labels = {_plain(pair.made): pair.relation for pair in load("claims")}
    judges: dict[str, Script | None] = {
        "no judge": None,
        "honest judge": _judge(labels, 0),
        "one in ten wrong": _judge(labels, _WRONG),
    }
    return Claims({name: asyncio.run(_shown(judge, most)) for name, judge in judges.items()})


def _judge(labels: Mapping[str, Relation], wrong: float) -> Script:
    """Create a judge that knows the `labels`; a share `wrong` of its verdicts is the contrary."""

    def judge(pairs: Sequence[AskedPair]) -> dict[str, Any]:
        return {"verdicts": [model_judges.verdict(pair, _relation(labels, pair, wrong)) for pair in pairs]}

    return judge


def _relation(labels: Mapping[str, Relation], pair: AskedPair, wrong: float) -> Relation:
    right = labels[_plain(pair.made)]
    if random.Random(pair.made).random() >= wrong:
        return right
    return Relation.SAME if right.objects else Relation.ADDED


def _readings() -> Iterator[_Reading]:
    pairs = load("claims")
    sound = [pair for pair in pairs if not pair.relation.objects]
    for number, faulty in enumerate((pair for pair in pairs if pair.relation.objects), 1):
        others = [pair for pair in sound if pair.original != faulty.original]
        yield _Reading(number, [faulty, *random.Random(number).sample(others, _SOUND)])


async def _shown(judge: Script | None, most: int | None) -> Shown:
    """Make the readings and count the claims that they show."""
    shown, stated = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/claims.db")
        await upgrade(engine)
        async with FakeModel(judge=judge or model_judges.agreeing) as fake, judge_world(fake, engine) as it:
            reader = ReadingWriter(it.model, "reader", _LANGUAGE, judge=it.judge if judge else None)
            for reading in islice(_readings(), most):
                there = await _read(reader, fake, reading)
                for claim in reading.claims:
                    kind = claim.kind if claim.relation.objects else _SOUND_KIND
                    stated[kind] += 1
                    shown[kind] += _plain(typeset(claim.made, _LANGUAGE)) in there
        await engine.dispose()
    return {kind: Proportion(shown[kind], total) for kind, total in sorted(stated.items())}


async def _read(reader: ReadingWriter, fake: FakeModel, reading: _Reading) -> set[str]:
    """Return the claims that stand in the end; none if nothing does."""

    def answered(asked: Asked) -> Response:
        is_judge = '"verdicts"' in asked.body["messages"][0]["content"]
        return (
            model_stream.told(asked, asked.completion)
            if is_judge
            else model_faults.says(reading.answer)(asked)
        )

    fake.always = answered
    about = paper(reading.number)
    try:
        made = await reader.read(about, full_text(about, reading.text))
    except ModelError:
        return set()
    return {_plain(claim.text) for claim in made.reading.results}


def _plain(text: str) -> str:
    return "".join(text.split())
