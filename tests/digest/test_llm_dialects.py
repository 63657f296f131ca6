"""Endpoints of all dialects: every paper is translated and read, and what is learned is paid for once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from digest.llm import refusals, stream
from digest.llm.completion import completion
from digest.llm.faults import CallError, Outcome
from digest.llm.profile import NEW, EndpointProfile
from digest.llm.prompts import Prompt
from digest.llm.question import Question, request, value
from digest.llm.statuses import Sent, fault_for
from digest.models import Purpose, Reading, Translation
from digest.translation import TranslationAnswer
from tests.digest.llm_world import World, full_text, world
from tests.fakes.model import FakeModel
from tests.fakes.model_asked import Asked
from tests.fakes.model_dialects import DIALECTS, Dialect
from tests.papers import paper

ANSWER = {"title": "标题", "abstract": "摘要：的确如此。", "summary": "总结"}
QUESTION = Question(
    Prompt("Write JSON.", "A paper.", "1"),
    TranslationAnswer,
    Purpose.TRANSLATION,
    paper().version,
    "zh-CN",
    "m",
)
THREE_TOKENS = {"prompt_tokens": 1, "completion_tokens": 2}

by_name = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@by_name
async def test_a_dialect_takes_one_step_for_each_cause_and_then_the_answer_is_whole(dialect: Dialect) -> None:
    profile, outcomes, room = NEW, [], None
    for _ in range(4):
        body = request(QUESTION, profile, room)
        answer = await _answered(dialect, body)
        if not isinstance(answer, CallError):
            break
        outcomes.append(answer.outcome)
        assert answer.learn is not None or answer.outcome in {Outcome.FORMAT_FAILED, Outcome.LENGTH}
        profile = _after(profile, answer)
        room = 8192 if answer.outcome is Outcome.LENGTH else room
    else:
        pytest.fail(f"still refused: {outcomes}")
    assert (answer.title, answer.summary) == (ANSWER["title"], ANSWER["summary"])
    assert len({*outcomes}) == len(outcomes) or {*outcomes} <= {
        Outcome.UNSUPPORTED_FORMAT,
        Outcome.FORMAT_FAILED,
    }


def _after(profile: EndpointProfile, fault: CallError) -> EndpointProfile:
    if fault.outcome is Outcome.FORMAT_FAILED:
        return refusals.lower_format(profile)
    return fault.learn(profile) if fault.learn else profile


async def _answered(dialect: Dialect, body: dict[str, Any]) -> TranslationAnswer | CallError:
    """What a call comes to, without a network."""
    text = json.dumps(ANSWER, ensure_ascii=False)
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
    asked = Asked(Request({"type": "http"}), body, ANSWER, {"choices": [choice], "usage": THREE_TOKENS})
    response = dialect(asked)
    sent = Sent(body)
    try:
        if response.status_code != 200:
            parsed = json.loads(bytes(response.body))
            return fault_for(response.status_code, parsed.get("error", parsed), sent=sent)
        return value(QUESTION, completion(await _body(response), sent))
    except CallError as fault:
        return fault


async def _body(response: Response) -> bytes:
    if not isinstance(response, StreamingResponse):
        return bytes(response.body)
    if response.media_type == stream.MEDIA_TYPE:
        return await stream.joined(_pieces(response), lambda _: None)
    return b"".join([piece async for piece in _pieces(response)])


async def _pieces(response: StreamingResponse) -> AsyncIterator[bytes]:
    async for piece in response.body_iterator:
        yield piece.encode() if isinstance(piece, str) else bytes(piece)


PAPERS = range(1, 4)
QUICK = {"openai, reasoning", "qwen, thinking", "groq", "ollama, 4096 tokens"}
"""Of which the whole way is tried each time; the others are tried by `make test-all`."""


def _text(dialect: Dialect) -> str:
    lines = "Rooms have shapes that can be heard.\n" * dialect.lines
    return f"# Rooms\n{lines}In them, errors fall by up to 12.5%.\n"


async def _day(it: World, dialect: Dialect) -> list[Translation | Reading | None]:
    return await asyncio.gather(
        *(it.translate(paper(number)) for number in PAPERS),
        *(it.read(paper(number), full_text(paper(number), _text(dialect))) for number in PAPERS),
    )


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(each, id=each.name, marks=[] if each.name in QUICK else [pytest.mark.play])
        for each in DIALECTS
    ],
)
async def test_a_dialect_is_learned_once_and_costs_no_more_than_others_then(dialect: Dialect) -> None:
    async with FakeModel(always=dialect) as fake:
        async with world(fake) as it:
            made = await _day(it, dialect)
        assert all(made)
        assert "草稿" not in repr(made)
        refused = Counter(
            (call.origin.model, call.outcome) for call in it.calls if Outcome(call.outcome).is_learned_from
        )
        assert all(number <= 2 for number in refused.values())
        async with world(fake, known=it.learned) as later:
            assert all(await _day(later, dialect))
        outcomes = Counter(later.outcomes)
        assert outcomes.total() <= 1.5 * outcomes["ok"]
        assert not [each for each in outcomes if Outcome(each).is_learned_from]
