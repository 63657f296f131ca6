import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from digest.core.errors import (
    BudgetSpentError,
    ModelRefusedError,
    ModelThrottledError,
    ModelUnreachableError,
    QuotaSpentError,
)
from tests.digest.llm.llm_world import QUICK, full_text, world
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked, Fault
from tests.leaps import leap
from tests.papers import paper


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not true():  # noqa: ASYNC110 - the awaited state has no event
            await asyncio.sleep(0.01)


async def test_a_short_retry_after_is_waited_for() -> None:
    async with (
        FakeModel(faults.status(429, retry_after=1)) as fake,
        world(fake, patience=replace(QUICK, throttle_seconds=5)) as it,
    ):
        began = time.monotonic()
        await it.translate(paper())
        assert time.monotonic() - began >= 1
        assert it.outcomes == ["throttled", "ok"]


async def test_a_date_in_retry_after_is_understood() -> None:
    date = "Mon, 09 Feb 2026 12:00:01 GMT"  # a second after the test's clock
    async with (
        FakeModel(faults.status(429, retry_after=date)) as fake,
        world(fake, patience=replace(QUICK, throttle_seconds=5)) as it,
    ):
        began = time.monotonic()
        await it.translate(paper())
        assert time.monotonic() - began >= 1


async def test_a_long_retry_after_defers_this_paper_and_all_others() -> None:
    async with FakeModel(always=faults.status(429, retry_after=600)) as fake, world(fake) as it:
        for number in range(1, 20):
            with pytest.raises(ModelThrottledError, match="about 10 min" if number > 1 else "fewer requests"):
                await it.translate(paper(number))
        assert len(fake.requests) == 1


async def test_ten_minutes_of_429_do_not_make_two_hundred_papers_wait_one_after_another() -> None:
    async with FakeModel(always=faults.status(429)) as fake, world(fake, concurrency=8) as it:
        made = await asyncio.gather(
            *(it.translate(paper(number)) for number in range(1, 201)), return_exceptions=True
        )
        assert all(isinstance(each, ModelThrottledError) for each in made)
        assert len(fake.requests) < 200
        assert {*it.outcomes} == {"throttled"}


async def test_a_rate_limit_that_lets_some_calls_through_loses_no_paper() -> None:
    throttled = [faults.status(429)] * 3

    patience = replace(QUICK, throttle_seconds=30)
    async with FakeModel(*throttled) as fake, world(fake, patience=patience, concurrency=8) as it:
        made = await asyncio.gather(*(it.translate(paper(number)) for number in range(1, 41)))
        assert len(made) == 40
        assert it.outcomes.count("throttled") == 3


async def test_waiting_for_a_retry_holds_no_slot() -> None:
    fake = FakeModel(faults.status(500))
    patience = replace(QUICK, backoff_initial_seconds=60, backoff_max_seconds=60)
    async with fake, world(fake, patience=patience, concurrency=1) as it:
        slow = asyncio.create_task(it.translate(paper(1)))
        await _until(lambda: bool(it.calls))
        await it.translate(paper(2))
        assert not slow.done()
        leap(61)
        await slow


@pytest.mark.parametrize(
    "fault",
    [faults.status(429, code="insufficient_quota", retry_after=1), faults.status(402)],
)
async def test_a_spent_quota_is_said_once_and_ends_all_calls(fault: Fault) -> None:
    async with FakeModel(always=fault) as fake, world(fake) as it:
        with capture_logs() as logs:
            for number in range(1, 10):
                with pytest.raises(QuotaSpentError):
                    await it.translate(paper(number))
                with pytest.raises(QuotaSpentError):
                    await it.read(paper(number), full_text(paper(number)))
        assert len(fake.requests) == 1
        assert it.outcomes == ["quota"]
        assert [log["reason"] for log in logs if log["log_level"] == "warning"] == ["quota"]


async def test_a_wrong_key_is_tried_once_and_never_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with FakeModel() as fake, world(fake, key="sk-secret-123") as it:
        with capture_logs() as logs:
            for number in range(1, 4):
                with pytest.raises(ModelRefusedError, match="OPENAI_API_KEY") as caught:
                    await it.translate(paper(number))
                assert "sk-secret" not in repr(caught.value)
        assert len(fake.requests) == 1
        assert "sk-secret" not in repr(logs) + caplog.text
        assert "HTTP" in caplog.text


async def test_an_unknown_model_ends_its_own_calls_only() -> None:
    def without_the_large(asked: Asked) -> Response:
        large = asked.body["model"] == "fake-large"
        return faults.status(404)(asked) if large else faults.around("")(asked)

    async with FakeModel(always=without_the_large) as fake, world(fake) as it:
        for _ in range(3):
            with pytest.raises(ModelRefusedError, match="does not offer"):
                await it.read(paper(), full_text(paper()))
        await it.translate(paper())
        assert it.outcomes == ["no-model", "ok"]


async def test_an_endpoint_that_falls_silent_is_given_up_for_all_papers() -> None:
    patience = replace(QUICK, call_seconds=0.2, throttle_seconds=0.3)
    async with FakeModel(always=faults.hang) as fake, world(fake, patience=patience) as it:
        made = await asyncio.gather(
            *(it.translate(paper(number)) for number in range(1, 101)), return_exceptions=True
        )
        assert all(isinstance(each, ModelUnreachableError) for each in made)
        assert len(fake.requests) < 30


async def test_a_failing_paper_holds_back_no_other() -> None:
    def one_bad(asked: Asked) -> Response:
        bad = "2602.00007v1" in asked.body["messages"][1]["content"]
        return faults.says("No.")(asked) if bad else faults.around("")(asked)

    async with FakeModel(always=one_bad) as fake, world(fake) as it:
        made = await asyncio.gather(
            *(it.translate(paper(number)) for number in range(1, 33)), return_exceptions=True
        )
        failed = [number for number, each in enumerate(made, 1) if isinstance(each, Exception)]
        assert failed == [7]


async def test_calls_run_side_by_side_up_to_the_width_and_no_wider() -> None:
    async with FakeModel(translation_seconds=60) as fake, world(fake, concurrency=32) as it:
        calls = [asyncio.create_task(it.translate(paper(number))) for number in range(1, 65)]
        async with asyncio.timeout(300):
            while fake.most_at_once < 32:  # noqa: ASYNC110 - the fake counts, and tells nobody
                await asyncio.sleep(0.01)
        for _ in range(1000):  # a call beyond the width would arrive meanwhile
            await asyncio.sleep(0)
        assert fake.most_at_once == 32
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_a_gateway_that_wraps_a_429_in_a_200_is_waited_for() -> None:
    wrapped = faults.raw(b'{"error": {"code": 429, "message": "Rate limited upstream"}}')
    async with FakeModel(wrapped) as fake, world(fake) as it:
        await it.translate(paper())
        assert it.outcomes == ["throttled", "ok"]


async def test_a_spent_budget_stops_readings_before_translations_and_says_so_once() -> None:
    async with FakeModel() as fake, world(fake, limit_tokens=18_000) as it:
        with capture_logs() as logs:
            read = [await _budget_stops(it.read(paper(), full_text(paper()))) for _ in range(9)]
            assert not await _budget_stops(it.translate(paper()))
        assert not read[0]
        assert "no room for further readings before 2026-02-10 00:00 (Asia/Shanghai)" in read[-1]
        assert len([log for log in logs if log["event"] == "budget_spent"]) == 1
        assert len(fake.requests) == read.count("") + 1


async def _budget_stops(call: Awaitable[object]) -> str:
    """Return the message with which the budget stops `call`, empty if it lets it pass."""
    try:
        await call
    except BudgetSpentError as error:
        return str(error)
    return ""


async def test_a_call_that_is_cancelled_gives_its_slot_back() -> None:
    async with FakeModel(faults.hang) as fake, world(fake, concurrency=1) as it:
        hanging = asyncio.create_task(it.translate(paper(1)))
        await _until(lambda: bool(fake.requests))
        hanging.cancel()
        await it.translate(paper(2))
        assert it.outcomes == ["ok"]
