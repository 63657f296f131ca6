import asyncio
from datetime import UTC, datetime

import pytest

from digest.core.errors import ModelThrottledError, ModelUnreachableError, QuotaSpentError
from digest.llm.circuit_breaker import Availability
from digest.llm.errors import CallError, Outcome
from digest.llm.retry import Patience, Tries
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
    return CallError(Outcome.THROTTLED, retry_after=retry_after)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (429, {"code": "rate_limit_exceeded"}, Outcome.THROTTLED),
        (429, {"type": "insufficient_quota"}, Outcome.QUOTA),
        (429, {"code": None, "type": "exceeded_current_quota_error"}, Outcome.QUOTA),
        (402, "Insufficient Balance", Outcome.QUOTA),
        (400, {"code": "Arrearage"}, Outcome.QUOTA),
        (401, None, Outcome.UNAUTHORISED),
        (403, "<html>", Outcome.NO_MODEL),
        (404, {"code": "model_not_found"}, Outcome.NO_MODEL),
        (400, {"code": "data_inspection_failed"}, Outcome.FILTERED),
        (400, {"message": "Content Exists Risk"}, Outcome.FILTERED),
        (400, {"message": "This response_format type is unavailable now"}, Outcome.UNSUPPORTED_FORMAT),
        (400, {"message": "does not support response format `json_schema`"}, Outcome.UNSUPPORTED_FORMAT),
        (422, {"detail": [{"loc": ["body", "response_format", "type"]}]}, Outcome.UNSUPPORTED_FORMAT),
        (400, {"message": "Unsupported parameter", "param": "max_tokens"}, Outcome.REFUSED),
        (400, {"message": "context_length_exceeded"}, Outcome.LONG_PROMPT),
        (400, {"message": "This model's maximum context length is 32768 tokens."}, Outcome.LONG_PROMPT),
        (400, {"message": "Range of input length should be [1, 30720]"}, Outcome.LONG_PROMPT),
        (413, None, Outcome.LONG_PROMPT),
        (529, "overloaded", Outcome.SERVER_ERROR),
        (408, None, Outcome.SERVER_ERROR),
        (307, None, Outcome.REDIRECTED),
    ],
)
def test_a_status_and_its_body_have_one_name(status: int, body: object, outcome: Outcome) -> None:
    assert fault_for(status, body, sent=Sent(ASKED)).outcome is outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, {"message": "Unsupported value", "param": "stream"}, Outcome.UNSUPPORTED_STREAM),
        (
            400,
            {"message": "Unrecognized request argument: stream_options"},
            Outcome.UNSUPPORTED_STREAM_OPTIONS,
        ),
        (422, {"detail": [{"loc": ["body", "stream_options"]}]}, Outcome.UNSUPPORTED_STREAM_OPTIONS),
        (501, "Streaming is not implemented", Outcome.UNSUPPORTED_STREAM),
        (400, {"message": "upstream error"}, Outcome.REFUSED),
        (400, {"message": "This response_format type is unavailable now"}, Outcome.UNSUPPORTED_FORMAT),
        (500, "stream closed", Outcome.SERVER_ERROR),
        (429, "too many streams", Outcome.THROTTLED),
    ],
)
def test_an_endpoint_that_does_not_stream_is_told_from_one_that_refuses(
    status: int, body: object, outcome: Outcome
) -> None:
    streamed = Sent({**ASKED, "stream": True, "stream_options": {"include_usage": True}})
    assert fault_for(status, body, sent=streamed).outcome is outcome
    assert fault_for(status, body, sent=Sent(ASKED)).outcome is not Outcome.UNSUPPORTED_STREAM


def test_what_an_endpoint_asks_for_is_waited_and_no_more_than_a_minute() -> None:
    assert Tries(Patience()).wait_before_next(CallError(Outcome.SERVER_ERROR, retry_after=7)) == 7
    assert Tries(Patience()).wait_before_next(CallError(Outcome.SERVER_ERROR, retry_after=70)) is True


def test_a_question_is_throttled_for_so_long_only_even_if_others_are_served() -> None:
    clock = Clock()
    tries = Tries(Patience(throttle_seconds=120), clock)
    assert tries.wait_before_next(throttled()) == 0.0
    clock.seconds += 121
    assert tries.wait_before_next(throttled()) is False


def test_pauses_double_and_stragglers_do_not_lengthen_them() -> None:
    clock = Clock()
    door = Availability(Patience(), clock)
    pauses = []
    for _ in range(4):
        door.failed("m", PAPER, throttled())
        door.failed("m", PAPER, throttled())
        pauses.append(door.pause_seconds("m"))
        clock.seconds += pauses[-1]
    assert pauses == [1, 2, 4, 8]
    assert door.pause_seconds("other") == 0


def test_a_retry_after_of_no_time_at_all_is_not_taken_at_its_word() -> None:
    door = Availability(Patience(), Clock())
    door.failed("m", PAPER, throttled(0))
    assert door.pause_seconds("m") == 1
    assert Tries(Patience()).wait_before_next(CallError(Outcome.SERVER_ERROR, retry_after=0)) is True


def test_a_success_ends_a_row_of_pauses() -> None:
    clock = Clock()
    door = Availability(Patience(), clock)
    for _ in range(100):
        door.failed("m", PAPER, throttled())
        clock.seconds += door.pause_seconds("m")
        clock.seconds += 10
        door.succeeded("m")
    assert door.is_open("m")


def test_an_endpoint_that_throttles_for_two_minutes_is_closed_and_tried_again_later() -> None:
    clock = Clock()
    door = Availability(Patience(), clock)
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
    door = Availability(Patience(), clock)
    for _ in range(10):
        door.failed("m", PAPER, CallError(Outcome.TIMEOUT))
        clock.seconds += 300
    assert door.is_open("m")


def test_several_unanswered_papers_close_a_model() -> None:
    clock = Clock()
    door = Availability(Patience(), clock)
    for number in (1, 2, 3):
        door.failed("m", paper(number).version, CallError(Outcome.TIMEOUT))
        clock.seconds += 61
    with pytest.raises(ModelUnreachableError):
        door.pause_seconds("m")


async def test_who_waits_hears_of_the_closing_at_once() -> None:
    door = Availability(Patience())
    door.failed("m", PAPER, throttled(30))
    waiting = asyncio.create_task(door.wait("m"))
    await asyncio.sleep(0.01)
    door.failed("m", PAPER, CallError(Outcome.QUOTA))
    with pytest.raises(QuotaSpentError, match="60 min"):
        await asyncio.wait_for(waiting, 60)
