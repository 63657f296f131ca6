"""Endpoints of all dialects, without a network; `tests/bot/test_dialects.py` makes editions with them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from digest.core.models import Purpose
from digest.llm import endpoint, refusals
from digest.llm.endpoint import completion
from digest.llm.endpoint_profile import NEW, EndpointProfile
from digest.llm.errors import CallError, CallOutcome
from digest.llm.prompts import Prompt
from digest.llm.question import Question, parse_completion, request
from digest.llm.statuses import Sent, fault_for
from digest.pipeline.translate import TranslationAnswer
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
        assert answer.learn is not None or answer.outcome in {CallOutcome.FORMAT_FAILED, CallOutcome.LENGTH}
        profile = _after(profile, answer)
        room = 8192 if answer.outcome is CallOutcome.LENGTH else room
    else:
        pytest.fail(f"still refused: {outcomes}")
    assert (answer.title, answer.summary) == (ANSWER["title"], ANSWER["summary"])
    assert len({*outcomes}) == len(outcomes) or {*outcomes} <= {
        CallOutcome.UNSUPPORTED_FORMAT,
        CallOutcome.FORMAT_FAILED,
    }


def _after(profile: EndpointProfile, fault: CallError) -> EndpointProfile:
    if fault.outcome is CallOutcome.FORMAT_FAILED:
        return refusals.lower_format(profile)
    return fault.learn(profile) if fault.learn else profile


async def _answered(dialect: Dialect, body: dict[str, Any]) -> TranslationAnswer | CallError:
    """Return the result of a call, without a network."""
    text = json.dumps(ANSWER, ensure_ascii=False)
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
    asked = Asked(Request({"type": "http"}), body, ANSWER, {"choices": [choice], "usage": THREE_TOKENS})
    response = dialect(asked)
    sent = Sent(body)
    try:
        if response.status_code != 200:
            parsed = json.loads(bytes(response.body))
            return fault_for(response.status_code, parsed.get("error", parsed), sent=sent)
        return parse_completion(QUESTION, completion(await _body(response), sent))
    except CallError as fault:
        return fault


async def _body(response: Response) -> bytes:
    if not isinstance(response, StreamingResponse):
        return bytes(response.body)
    if response.media_type == endpoint.EVENT_STREAM:
        return await endpoint.joined_stream(_pieces(response), lambda _: None)
    return b"".join([piece async for piece in _pieces(response)])


async def _pieces(response: StreamingResponse) -> AsyncIterator[bytes]:
    async for piece in response.body_iterator:
        yield piece.encode() if isinstance(piece, str) else bytes(piece)
