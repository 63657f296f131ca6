import asyncio
from datetime import UTC, datetime

import pytest

from digest.core.errors import ModelThrottledError, ModelUnreachableError, QuotaSpentError
from digest.llm.circuit_breaker import Availability
from digest.llm.errors import CallError, CallOutcome
from digest.llm.retry import RetryPolicy, Tries
from digest.llm.statuses import Sent, fault_for
from tests.papers import paper

NOW = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
PAPER = paper().version
ASKED = {"model": "m", "messages": [], "response_format": {"type": "json_schema"}}


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def throttled(retry_after: float | None = None) -> CallError:
    return CallError(CallOutcome.THROTTLED, retry_after=retry_after)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (429, {"code": "rate_limit_exceeded"}, CallOutcome.THROTTLED),
        (429, {"type": "insufficient_quota"}, CallOutcome.QUOTA),
        (429, {"code": None, "type": "exceeded_current_quota_error"}, CallOutcome.QUOTA),
        (402, "Insufficient Balance", CallOutcome.QUOTA),
        (400, {"code": "Arrearage"}, CallOutcome.QUOTA),
        (401, None, CallOutcome.UNAUTHORISED),
        (403, "<html>", CallOutcome.NO_MODEL),
        (404, {"code": "model_not_found"}, CallOutcome.NO_MODEL),
        (400, {"code": "data_inspection_failed"}, CallOutcome.FILTERED),
        (400, {"message": "Content Exists Risk"}, CallOutcome.FILTERED),
        (400, {"message": "This response_format type is unavailable now"}, CallOutcome.UNSUPPORTED_FORMAT),
        (400, {"message": "does not support response format `json_schema`"}, CallOutcome.UNSUPPORTED_FORMAT),
        (422, {"detail": [{"loc": ["body", "response_format", "type"]}]}, CallOutcome.UNSUPPORTED_FORMAT),
        (400, {"message": "Unsupported parameter", "param": "max_tokens"}, CallOutcome.REFUSED),
        (400, {"message": "context_length_exceeded"}, CallOutcome.LONG_PROMPT),
        (400, {"message": "This model's maximum context length is 32768 tokens."}, CallOutcome.LONG_PROMPT),
        (400, {"message": "Range of input length should be [1, 30720]"}, CallOutcome.LONG_PROMPT),
        (413, None, CallOutcome.LONG_PROMPT),
        (529, "overloaded", CallOutcome.SERVER_ERROR),
        (408, None, CallOutcome.SERVER_ERROR),
        (307, None, CallOutcome.REDIRECTED),
    ],
)
def test_a_status_and_its_body_have_one_name(status: int, body: object, outcome: CallOutcome) -> None:
    assert fault_for(status, body, sent=Sent(ASKED)).outcome is outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, {"message": "Unsupported value", "param": "stream"}, CallOutcome.UNSUPPORTED_STREAM),
        (
            400,
            {"message": "Unrecognized request argument: stream_options"},
            CallOutcome.UNSUPPORTED_STREAM_OPTIONS,
        ),
        (422, {"detail": [{"loc": ["body", "stream_options"]}]}, CallOutcome.UNSUPPORTED_STREAM_OPTIONS),
        (501, "Streaming is not implemented", CallOutcome.UNSUPPORTED_STREAM),
        (400, {"message": "upstream error"}, CallOutcome.REFUSED),
        (400, {"message": "This response_format type is unavailable now"}, CallOutcome.UNSUPPORTED_FORMAT),
        (500, "stream closed", CallOutcome.SERVER_ERROR),
        (429, "too many streams", CallOutcome.THROTTLED),
    ],
)
def test_an_endpoint_that_does_not_stream_is_told_from_one_that_refuses(
    status: int, body: object, outcome: CallOutcome
) -> None:
    streamed = Sent({**ASKED, "stream": True, "stream_options": {"include_usage": True}})
    assert fault_for(status, body, sent=streamed).outcome is outcome
    assert fault_for(status, body, sent=Sent(ASKED)).outcome is not CallOutcome.UNSUPPORTED_STREAM


def test_what_an_endpoint_asks_for_is_waited_and_no_more_than_a_minute() -> None:
    assert Tries(RetryPolicy()).wait_before_next(CallError(CallOutcome.SERVER_ERROR, retry_after=7)) == 7
    assert Tries(RetryPolicy()).wait_before_next(CallError(CallOutcome.SERVER_ERROR, retry_after=70)) is True


def test_a_question_is_throttled_for_so_long_only_even_if_others_are_served() -> None:
    clock = Clock()
    tries = Tries(RetryPolicy(throttle_seconds=120), clock)
    assert tries.wait_before_next(throttled()) == 0.0
    clock.seconds += 121
    assert tries.wait_before_next(throttled()) is False


def test_pauses_double_and_stragglers_do_not_lengthen_them() -> None:
    clock = Clock()
    door = Availability(RetryPolicy(), clock)
    pauses = []
    for _ in range(4):
        door.failed("m", PAPER, throttled())
        door.failed("m", PAPER, throttled())
        pauses.append(door.pause_seconds("m"))
        clock.seconds += pauses[-1]
    assert pauses == [1, 2, 4, 8]
    assert door.pause_seconds("other") == 0


def test_a_retry_after_of_no_time_at_all_is_not_taken_at_its_word() -> None:
    door = Availability(RetryPolicy(), Clock())
    door.failed("m", PAPER, throttled(0))
    assert door.pause_seconds("m") == 1
    assert Tries(RetryPolicy()).wait_before_next(CallError(CallOutcome.SERVER_ERROR, retry_after=0)) is True


def test_a_success_ends_a_row_of_pauses() -> None:
    clock = Clock()
    door = Availability(RetryPolicy(), clock)
    for _ in range(100):
        door.failed("m", PAPER, throttled())
        clock.seconds += door.pause_seconds("m")
        clock.seconds += 10
        door.succeeded("m")
    assert door.is_open("m")


def test_an_endpoint_that_throttles_for_two_minutes_is_closed_and_tried_again_later() -> None:
    clock = Clock()
    door = Availability(RetryPolicy(), clock)
    began = clock.seconds
    while door.is_open("m"):
        door.failed("m", PAPER, throttled())
        try:
            clock.seconds += door.pause_seconds("m")
        except ModelThrottledError:
            break
    assert 60 < clock.seconds - began <= 120
    clock.seconds += 601
    assert door.is_open("m")
    door.failed("m", PAPER, throttled())
    assert 0 < door.pause_seconds("m") < 2


def test_one_paper_that_is_too_much_for_a_model_does_not_close_it() -> None:
    clock = Clock()
    door = Availability(RetryPolicy(), clock)
    for _ in range(10):
        door.failed("m", PAPER, CallError(CallOutcome.TIMEOUT))
        clock.seconds += 300
    assert door.is_open("m")


def test_several_unanswered_papers_close_a_model() -> None:
    clock = Clock()
    door = Availability(RetryPolicy(), clock)
    for number in (1, 2, 3):
        door.failed("m", paper(number).version, CallError(CallOutcome.TIMEOUT))
        clock.seconds += 61
    with pytest.raises(ModelUnreachableError):
        door.pause_seconds("m")


async def test_who_waits_hears_of_the_closing_at_once() -> None:
    door = Availability(RetryPolicy())
    door.failed("m", PAPER, throttled(30))
    waiting = asyncio.create_task(door.wait("m"))
    await asyncio.sleep(0.01)
    door.failed("m", PAPER, CallError(CallOutcome.QUOTA))
    with pytest.raises(QuotaSpentError, match="60 min"):
        await asyncio.wait_for(waiting, 300)
