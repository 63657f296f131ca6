"""Tests of claims that a judge holds against their passages: what is not said there reaches no reader."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from digest.checks.evidence import searchable
from digest.checks.glossary import Glossary
from digest.core.errors import MalformedAnswerError
from digest.core.findings import Flaw
from digest.core.models import Answer, Claim, Purpose, Statement
from digest.core.singleflight import Listeners
from digest.core.verdicts import JudgedPair
from digest.judging.claims import PASSAGES_LIMIT, Subject, batches, findings, paired
from digest.judging.judge import MOST_PAIRS
from digest.pipeline.answering import Answerer
from digest.pipeline.reading import Read, ReadingWriter
from tests.databases import ONE_DATABASE
from tests.digest.judging.judge_world import judge_world
from tests.digest.llm.llm_world import full_text
from tests.fakes import model_faults as faults
from tests.fakes import model_judges as judges
from tests.fakes.model import FakeModel
from tests.fakes.model_asked import Asked
from tests.fakes.model_faults import Fault
from tests.fakes.model_judges import AskedPair, Script
from tests.fakes.model_stream import told
from tests.papers import paper

TEXT = (
    "Rooms have shapes. Known methods need labels. Labels are dear.\n"
    "EchoNet maps an echo to a shape. It hears better than WaveMap does. Both are small.\n"
    "Errors fall in every room. The delay stays the same. It was never tried outdoors.\n"
)
HONEST: list[dict[str, Any]] = [
    {"text": "已有方法依赖标注。", "quotes": ["Known methods need labels."]},
    {"text": "EchoNet 将回声映射为形状。", "quotes": ["EchoNet maps an echo to a shape."]},
    {"text": "每个房间的误差都下降。", "quotes": ["Errors fall in every room."]},
    {"text": "延迟不变。", "quotes": ["The delay stays the same."]},
    {"text": "标注昂贵。", "quotes": ["Labels are dear."]},
]
WRONG: dict[str, dict[str, Any]] = {
    "reversed": {"text": "每个房间的误差都变大。", "quotes": ["Errors fall in every room."]},
    "added": {"text": "该方法已在工业界部署。", "quotes": ["EchoNet maps an echo to a shape."]},
    "stronger": {"text": "EchoNet 完全解决了听觉问题。", "quotes": ["It hears better than WaveMap does."]},
    "missing": {"text": "WaveMap 的听力更好。", "quotes": ["It hears better than WaveMap does."]},
    "other": {"text": "该方法从未在室外试验。", "quotes": ["Rooms have shapes. Known methods"]},
}
FAULTS = {claim["text"][:-1]: relation for relation, claim in WRONG.items()}


def says(*results: Mapping[str, Any], method: Sequence[Mapping[str, Any]] = ()) -> Fault:
    """Create a model that answers with these lists."""
    return faults.says(
        json.dumps({"background": [], "method": method, "results": results}, ensure_ascii=False)
    )


def states(*statements: Mapping[str, Any]) -> Fault:
    """Create a model that answers a question with these statements."""
    return faults.says(json.dumps({"statements": statements}, ensure_ascii=False))


class Readers:
    """A reader and an answerer with a judge; `fake` answers for all three."""

    def __init__(self, fake: FakeModel, reader: ReadingWriter, answerer: Answerer) -> None:
        self.fake = fake
        self.reader = reader
        self._answerer = answerer

    async def read(self, listeners: Listeners | None = None) -> Read:
        return await self.reader.read(paper(), full_text(paper(), TEXT), listeners)

    async def answer(self) -> Answer:
        return (await self._answerer.answer(paper(), full_text(paper(), TEXT), "What is new?"))[0]

    def calls(self, purpose: Purpose) -> int:
        return sum(number for (asked, _), number in self.fake.asked_for.items() if asked is purpose)


@asynccontextmanager
async def readers(
    engine: AsyncEngine, judge: Script, *answers: Fault, limit_tokens: int | None = None
) -> AsyncIterator[Readers]:
    left = deque(answers)

    def answered(asked: Asked) -> Response:
        is_judge = '"verdicts"' in asked.body["messages"][0]["content"]
        return told(asked, asked.completion) if is_judge else left.popleft()(asked)

    fake = FakeModel(always=answered, judge=judge)
    async with fake, judge_world(fake, engine, limit_tokens=limit_tokens) as it:
        reader = ReadingWriter(it.model, "fake-large", "zh-CN", judge=it.judge)
        yield Readers(fake, reader, Answerer(it.model, "fake-large", "zh-CN", Glossary({}), judge=it.judge))


def texts(claims: Sequence[Claim] | Sequence[Statement]) -> list[str]:
    return ["".join(claim.text.split()) for claim in claims]


def honest() -> list[str]:
    return ["".join(each["text"].split()) for each in HONEST]


@pytest.mark.parametrize("relation", WRONG)
@ONE_DATABASE
async def test_a_claim_that_its_passage_does_not_say_goes_back_once_and_is_dropped(
    engine: AsyncEngine, relation: str
) -> None:
    wrong = WRONG[relation]
    answers = says(*HONEST, wrong), says(wrong)
    async with readers(engine, judges.honest(FAULTS), *answers) as it:
        made = await it.read()
        assert texts(made.reading.results) == honest()
        [finding] = made.findings
        assert (finding.flaw, finding.hard) == (Flaw.NOT_SAID, True)
        assert finding.detail.startswith(relation)
        correction = it.fake.requests[2]["messages"][1]["content"]
        assert f"- results: {wrong['text']}" in correction
        assert f"do not say this; a second reader found ({relation}: " in correction
        assert it.calls(Purpose.JUDGEMENT) == 1  # the same claim on the same passage is not judged again


@ONE_DATABASE
async def test_a_correction_is_judged_once_more(engine: AsyncEngine) -> None:
    again = WRONG["added"] | {"text": "即：该方法已在工业界部署。"}
    mended = {"text": "它优于WaveMap。", "quotes": ["It hears better than WaveMap does."]}
    answers = says(*HONEST, WRONG["reversed"], WRONG["added"]), says(mended, again)
    async with readers(engine, judges.honest(FAULTS), *answers) as it:
        made = await it.read()
        assert texts(made.reading.results) == [*honest(), "它优于WaveMap。"]
        assert [each.flaw for each in made.findings] == [Flaw.NOT_SAID]
        assert it.calls(Purpose.JUDGEMENT) == it.calls(Purpose.READING) == 2


@ONE_DATABASE
async def test_the_judge_reads_the_sentences_around_a_quote(engine: AsyncEngine) -> None:
    seen: list[AskedPair] = []

    def judge(pairs: Sequence[AskedPair]) -> dict[str, Any]:
        seen.extend(pairs)
        return judges.agreeing(pairs)

    under = [{"text": "两者都小。", "quotes": ["Both are small."]}]
    async with readers(engine, judge, says(HONEST[3] | {"claims": under})) as it:
        await it.read()
        small = "It hears better than WaveMap does. Both are small. Errors fall in every room."
        assert [(pair.original, pair.made) for pair in seen] == [
            (small, "两者都小。"),
            (
                f"Errors fall in every room. The delay stays the same. It was never tried outdoors. … {small}",
                "延迟不变。",
            ),
        ]


@ONE_DATABASE
async def test_what_a_judge_finds_weaker_or_does_not_answer_stays(engine: AsyncEngine) -> None:
    def judge(pairs: Sequence[AskedPair]) -> dict[str, Any]:
        return {"verdicts": [judges.verdict(pairs[0], "weaker")]}

    async with readers(engine, judge, says(*HONEST)) as it:
        made = await it.read()
        assert texts(made.reading.results) == honest()
        assert len(it.fake.requests) == 2


@pytest.mark.parametrize("relation", ["reversed", "other"])
@ONE_DATABASE
async def test_a_judge_that_objects_to_most_of_a_reading_is_not_believed(
    engine: AsyncEngine, relation: str
) -> None:
    async with readers(engine, judges.calling(relation), says(*HONEST)) as it:
        made = await it.read()
        assert texts(made.reading.results) == honest()
        assert made.findings == ()
        assert it.calls(Purpose.READING) == 1


@pytest.mark.parametrize("judge", [judges.broken, judges.about_others])
@ONE_DATABASE
async def test_without_verdicts_the_checks_decide(engine: AsyncEngine, judge: Script) -> None:
    unfounded = {"text": "没有出处。", "quotes": []}
    async with readers(engine, judge, says(*HONEST, unfounded), says(*HONEST[:1])) as it:
        made = await it.read()
        assert texts(made.reading.results) == honest()
        assert [each.flaw for each in made.findings] == [Flaw.UNFOUNDED]


@ONE_DATABASE
async def test_where_claims_are_judged_a_correction_must_be_confirmed(engine: AsyncEngine) -> None:
    """A judge that falls silent between the two does not let a claim pass to which it objected."""
    rounds = iter([judges.honest(FAULTS), judges.broken])

    def judge(pairs: Sequence[AskedPair]) -> dict[str, Any] | str:
        return next(rounds)(pairs)

    again = WRONG["reversed"] | {"text": "误差在每个房间都变大。"}
    answers = says(*HONEST, WRONG["reversed"]), says(again)
    async with readers(engine, judge, *answers) as it:
        assert texts((await it.read()).reading.results) == honest()


@ONE_DATABASE
async def test_with_a_judge_nobody_sees_a_claim_before_all_are_judged(engine: AsyncEngine) -> None:
    async with readers(engine, judges.agreeing, says(*HONEST)) as it:
        seen: list[object] = []
        listeners = Listeners()
        listeners.join(lambda written: seen.append(it.reader.begun(paper(), written)))
        await it.read(listeners)
        assert len(seen) > 1
        assert not any(seen)


@pytest.mark.parametrize("relation", WRONG)
@ONE_DATABASE
async def test_a_statement_of_an_answer_that_its_passage_does_not_say_is_dropped(
    engine: AsyncEngine, relation: str
) -> None:
    async with readers(engine, judges.honest(FAULTS), states(*HONEST, WRONG[relation])) as it:
        assert texts((await it.answer()).statements) == honest()
        assert len(it.fake.requests) == 2


@ONE_DATABASE
async def test_an_answer_of_which_nothing_is_said_is_asked_for_again_and_judged_again(
    engine: AsyncEngine,
) -> None:
    wrong = list(WRONG.values())
    async with readers(engine, judges.honest(FAULTS), states(*wrong), states(*HONEST, *wrong)) as it:
        assert texts((await it.answer()).statements) == honest()
        again = it.fake.requests[2]["messages"][1]["content"]
        assert all(f"- {each['text']}\n  Wrong: its own quotes" in again for each in wrong)


@ONE_DATABASE
async def test_an_answer_of_which_nothing_is_said_twice_is_none(engine: AsyncEngine) -> None:
    answers = [states(*WRONG.values())] * 2
    async with readers(engine, judges.honest(FAULTS), *answers) as it:
        with pytest.raises(MalformedAnswerError):
            await it.answer()
        assert it.calls(Purpose.ANSWER) == 2


@ONE_DATABASE
async def test_a_broken_judge_costs_no_answer(engine: AsyncEngine) -> None:
    async with readers(engine, judges.broken, states(*HONEST)) as it:
        assert texts((await it.answer()).statements) == honest()


def test_all_claims_are_judged_in_calls_of_about_the_same_size() -> None:
    pairs = [JudgedPair(number, "x" * 500, "字" * 100) for number in range(1, 71)]
    made = batches(pairs)
    assert sorted(pair.id for batch in made for pair in batch) == list(range(1, 71))
    assert {len(batch) for batch in made} == {23, 24}
    assert len(batches([*pairs[:MOST_PAIRS]])) == 2  # by their characters
    assert batches([]) == []


@ONE_DATABASE
async def test_the_calls_for_one_text_run_at_once_because_somebody_may_wait(engine: AsyncEngine) -> None:
    both = asyncio.Barrier(2)

    class Late(Response):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await both.wait()
            await super().__call__(scope, receive, send)

    def late(asked: Asked) -> Response:
        return Late(json.dumps(asked.completion), media_type="application/json")

    claims = [
        Statement(f"第{number}个房间的误差都下降。", ("Errors fall in every room.",)) for number in range(31)
    ]
    async with FakeModel(always=late) as fake, judge_world(fake, engine) as it:
        subject = Subject(paper().version, "zh-CN", searchable(TEXT))
        found = await findings(it.judge, claims, subject)
    assert found == dict.fromkeys(claims)


def test_the_passages_of_a_claim_are_bounded() -> None:
    text = " ".join(f"Sentence {number} says that {'very ' * 30}little is said." for number in range(40))
    quotes = tuple(f"Sentence {number} says that" for number in range(0, 40, 4))
    [few] = paired([Statement("甲。", quotes[:2])], searchable(text))
    [many] = paired([Statement("甲。", quotes)], searchable(text))
    assert few.original.count("little is said.") > 2
    assert many.original == " … ".join(quotes)
    assert len(few.original) <= PASSAGES_LIMIT
