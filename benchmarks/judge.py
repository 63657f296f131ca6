"""The accuracy and the cost of a judge of meaning on the labelled pairs, to choose a JUDGE_MODEL with.

    python benchmarks/judge.py --base-url https://api.openai.com/v1 --model gpt-4.1-mini
        [--key-env OPENAI_API_KEY] [--price 0.40/0.10/1.60] [--pairs N]
    python benchmarks/judge.py --scripted honest|lazy|adversarial|broken

The pairs of benchmarks/labelled are asked through the project's own judge, 20 in a call. For each kind it prints how
often the judge objects if and only if it should, with a 95 % confidence interval, and how often it gives exactly the
labelled relation. A pair without a verdict counts as one without objection, as in production. All verdicts count, also
those of a judge that production would not believe. --price is that of a million prompt, cached and answer tokens.

Without an endpoint, scripted judges behind a real socket test the benchmark, not a model: one that knows the labels,
one that calls everything the same, one that calls everything reversed, and one whose JSON is broken.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog

from benchmarks.labelled.pairs import LabelledPair, load
from benchmarks.results import Result, run, unmet
from bot.db.upgrade import upgrade
from bot.setting_values import prices
from digest.core.errors import ModelError
from digest.core.models import Call, PaperId, Price, VersionId
from digest.core.proportions import Proportion
from digest.core.verdicts import JudgedPair, Relation
from digest.db.engine import open_engine
from digest.judging.judge import About, Judge
from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.endpoint import EndpointClient
from digest.llm.profiles import Profiles
from digest.llm.retry import RetryPolicy
from digest.pipeline.quality import spent
from tests.fakes import model_judges
from tests.fakes.model import KEY, FakeModel
from tests.fakes.model_judges import AskedPair, Script

_TEXT_PAIRS = 20
_CONCURRENCY = 4
_SMALLEST_ANSWERED = 0.9  # share of the pairs; with fewer verdicts nothing was measured
_LANGUAGE = "zh-CN"


@dataclass(frozen=True)
class Endpoint:
    """The endpoint and the model that judge, or the `script` in its place; `price` is that of its tokens, if known."""

    base_url: str
    model: str
    key: str
    price: Price | None
    script: str | None = None


@dataclass(frozen=True)
class Judged(Result):
    """The relations that a judge gave to `pairs`, by their ids, all calls, and why texts were not judged."""

    endpoint: Endpoint
    pairs: Sequence[LabelledPair]
    given: dict[str, Relation] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def undone(self) -> list[str]:
        answered = len(self.given)
        enough = answered >= _SMALLEST_ANSWERED * max(1, len(self.pairs))
        reasons = "".join(f" {reason}" for reason in dict.fromkeys(self.failures))
        return unmet((enough, f"{answered} of {len(self.pairs)} pairs have a verdict.{reasons}"))

    @property
    def broken(self) -> list[str]:
        """What a scripted judge must give, so that the benchmark itself is tested."""
        right, objections = self.right(self.pairs), sum(map(self.objects, self.pairs))
        match self.endpoint.script:
            case "honest":
                return unmet((right.hits == right.total, "the labels themselves were not called right"))
            case "lazy":
                return unmet((objections == 0, "a judge that objects to nothing objected"))
            case "adversarial":
                return unmet((objections == len(self.pairs), "a judge that objects to all did not object"))
        return []

    def objects(self, pair: LabelledPair) -> bool:
        return self.given.get(pair.id, Relation.SAME).objects

    def right(self, pairs: Sequence[LabelledPair]) -> Proportion:
        """Count the pairs that the judge objects to if and only if it should."""
        return Proportion(sum(self.objects(pair) is pair.relation.objects for pair in pairs), len(pairs))

    def exact(self, pairs: Sequence[LabelledPair]) -> Proportion:
        return Proportion(sum(self.given.get(pair.id) is pair.relation for pair in pairs), len(pairs))

    def __str__(self) -> str:
        kinds: dict[str, list[LabelledPair]] = {}
        for pair in sorted(self.pairs, key=lambda each: each.kind):
            kinds.setdefault(pair.kind, []).append(pair)
        missing = len(self.pairs) - len(self.given)
        asked = f"in {len(self.calls)} calls of {self.endpoint.model}"
        head = f"{len(self.pairs)} pairs, {missing} without a verdict, {asked}"
        columns = f"  {'kind':<18} {'pairs':>5}  {'objects as it should':<22} exact relation"
        lines = [
            f"  {kind:<18} {len(some):>5}  {self.right(some)!s:<22} {self.exact(some)}"
            for kind, some in [*kinds.items(), ("all", self.pairs)]
        ]
        return "\n".join([head, columns, *lines, *self._confusion(), self._cost()])

    def _confusion(self) -> list[str]:
        def count(*, should: bool, does: bool) -> int:
            return sum(pair.relation.objects is should and self.objects(pair) is does for pair in self.pairs)

        return [
            f"  {'':<24} {'objects':>8} {'does not':>9}",
            *(
                f"  {label:<24} {count(should=should, does=True):>8} {count(should=should, does=False):>9}"
                for label, should in (("should object", True), ("should not", False))
            ),
        ]

    def _cost(self) -> str:
        [each] = spent(self.calls)
        tokens = f"{each.prompt_tokens:,} of prompts ({each.cached_tokens:,} cached), {each.answer_tokens:,} of answers"
        price = self.endpoint.price
        cost = f"{price.of(each):.4f}" if price else "unknown without --price"
        return f"  tokens: {tokens}; cost: {cost}"


def texts(pairs: Sequence[LabelledPair]) -> list[list[LabelledPair]]:
    """Deal the pairs to texts, mixed in kind; no text has both twins, which would give each other away."""
    heaps: tuple[list[LabelledPair], list[LabelledPair]] = ([], [])
    originals = list(dict.fromkeys(pair.original for pair in pairs))
    turns = {original: number % 2 for number, original in enumerate(originals)}
    for pair in pairs:
        heaps[turns[pair.original]].append(pair)
        turns[pair.original] = 1 - turns[pair.original]
    return [chunk for heap in heaps for chunk in _spread(heap)]


def _spread(heap: Sequence[LabelledPair]) -> list[list[LabelledPair]]:
    count = -(-len(heap) // _TEXT_PAIRS)
    return [list(heap[number::count]) for number in range(count)]


def sample(about: About, most: int | None) -> list[LabelledPair]:
    """Return `most` of the labelled pairs, the same ones each time, or all."""
    pairs = load(about)
    return random.Random(1).sample(pairs, min(most or len(pairs), len(pairs)))


async def judged(endpoint: Endpoint, about: About, most: int | None) -> Judged:
    pairs = sample(about, most)
    result = Judged(endpoint, pairs)
    async with _judge(result) as judge:
        free = asyncio.Semaphore(_CONCURRENCY)
        async with asyncio.TaskGroup() as group:
            for number, text in enumerate(texts(pairs), 1):
                group.create_task(_one(judge, about, number, text, result, free))
    return result


async def _one(
    judge: Judge,
    about: About,
    number: int,
    text: Sequence[LabelledPair],
    result: Judged,
    free: asyncio.Semaphore,
) -> None:
    asked = [JudgedPair(place, pair.original, pair.made) for place, pair in enumerate(text, 1)]
    version = VersionId(PaperId(f"2602.{number:05}"), 1)
    async with free:
        try:
            made = await judge.measure(asked, version=version, language=_LANGUAGE, about=about)
        except ModelError as error:
            result.failures.append(str(error))
            return
    result.calls.extend(made.calls)
    result.given.update({text[each.id - 1].id: each.relation for each in made.verdicts.values()})


@asynccontextmanager
async def _judge(result: Judged) -> AsyncIterator[Judge]:
    """Open the judge of `result`; a scripted one is served meanwhile."""
    script = result.endpoint.script
    if script is None:
        async with _opened(result, result.endpoint.base_url) as judge:
            yield judge
        return
    async with FakeModel(judge=scripts(result.pairs)[script]) as fake, _opened(result, fake.url) as judge:
        yield judge


@asynccontextmanager
async def _opened(result: Judged, url: str) -> AsyncIterator[Judge]:
    """Open the judge at `url` on a database of its own; calls without an answer, which cost too, go into `result`."""

    async def record(call: Call) -> None:
        result.calls.append(call)

    async def ignored(*_: object) -> None:
        pass

    def clock() -> datetime:
        return datetime.now(UTC)

    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/judged.db")
        await upgrade(engine)
        async with EndpointClient(result.endpoint.key, url) as client:
            model = Model(
                client,
                concurrency=_CONCURRENCY,
                patience=RetryPolicy(throttle_seconds=30),
                budget=Budget(None, ZoneInfo("UTC")),
                clock=clock,
                record=record,
                profiles=Profiles({}, ignored),
            )
            yield Judge(model, result.endpoint.model, engine, clock, ignored)
        await engine.dispose()


def scripts(pairs: Sequence[LabelledPair]) -> dict[str, Script]:
    labels = {pair.made: pair.relation.value for pair in pairs}

    def honest(asked: Sequence[AskedPair]) -> dict[str, Any]:
        return {"verdicts": [model_judges.verdict(pair, labels[pair.made]) for pair in asked]}

    return {
        "honest": honest,
        "lazy": model_judges.agreeing,
        "adversarial": model_judges.objecting,
        "broken": model_judges.broken,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-url")
    parser.add_argument("--model")
    parser.add_argument("--key-env", default="OPENAI_API_KEY", help="the variable that holds the key")
    parser.add_argument("--price", metavar="PROMPT/CACHED/ANSWER")
    parser.add_argument("--scripted", choices=sorted(scripts([])))
    parser.add_argument("--pairs", type=int, help="so many of each part")
    asked = parser.parse_args()
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    endpoint = _endpoint(parser, asked)
    parts: dict[str, Callable[[], Result]] = {
        about: partial(_measured, endpoint, about, asked.pairs) for about in get_args(About)
    }
    run(parts, limits=asked.pairs is None)


def _measured(endpoint: Endpoint, about: About, most: int | None) -> Judged:
    print(f"{about}:", flush=True)
    return asyncio.run(judged(endpoint, about, most))


def _endpoint(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> Endpoint:
    price = _price(parser, asked.price)
    if asked.scripted or not (asked.base_url or asked.model):
        script = asked.scripted or "honest"
        return Endpoint("", f"{script}-script", KEY, price, script)
    if not (asked.base_url and asked.model):
        parser.error("--base-url and --model belong together")
    key = os.environ.get(asked.key_env)
    if not key:
        parser.error(f"the variable {asked.key_env} holds no key")
    return Endpoint(asked.base_url, asked.model, key, price)


def _price(parser: argparse.ArgumentParser, given: str | None) -> Price | None:
    try:
        found = prices(f"judge={given}") if given else None
    except ValueError:
        parser.error(f"“{given}” is not a price, such as 0.40/0.10/1.60")
    return found["judge"] if isinstance(found, dict) else None


if __name__ == "__main__":
    main()
