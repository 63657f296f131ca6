"""Tests of streamed answers: they equal the others, at the same cost."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from digest.core.errors import MalformedAnswerError, ModelError, ModelUnreachableError
from digest.core.models import Call, Claim, Purpose, Reading
from digest.core.singleflight import Listeners
from digest.llm.budget import estimate_tokens
from digest.llm.endpoint import stream_events
from digest.llm.structured_output import so_far
from digest.pipeline import reading_checks
from tests.digest.llm.llm_world import QUICK, World, full_text, world
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Fault
from tests.fakes.model_stream import event
from tests.leaps import leap
from tests.papers import paper

TEXT = full_text(paper())


class Listener:
    """A listener that keeps the texts it received, and the progress at each of them."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.seen: list[Reading | None] = []
        self.listeners = Listeners()
        self.listeners.join(self.heard.append, urgent=True)

    async def read(self, it: World, number: int = 1) -> tuple[Reading, Call]:
        self.listeners.join(lambda written: self.seen.append(it.reader.begun(paper(number), written)))
        made = await it.reader.read(paper(number), full_text(paper(number)), self.listeners)
        (call,) = made.calls
        return made.reading, call


async def test_the_text_is_heard_as_it_grows_and_the_answer_and_its_count_are_the_same() -> None:
    async with FakeModel() as fake, world(fake) as it:
        listener = Listener()
        reading, call = await listener.read(it)
        made = await it.reader.read(paper(), TEXT)
        silent, (other,) = made.reading, made.calls
        assert reading == silent
        assert (call.prompt_tokens, call.completion_tokens) == (other.prompt_tokens, other.completion_tokens)
        assert call.outcome == "ok"
        assert [request.get("stream") for request in fake.requests] == [True, None]
        heard = listener.heard
        assert len(heard) > 20
        assert all(later.startswith(sooner) for sooner, later in itertools.pairwise(heard))
        assert listener.seen[-1] == reading


async def test_what_is_written_so_far_is_a_reading_that_grows() -> None:
    async with FakeModel() as fake, world(fake) as it:
        listener = Listener()
        reading, _ = await listener.read(it)
        assert listener.seen[0] is None
        assert listener.seen[-1] == reading
        told = [_wordings(each) for each in listener.seen if each is not None]
        assert all({*sooner} <= {*later} for sooner, later in itertools.pairwise(told))
        assert len({len(each) for each in told}) > 3


def _wordings(reading: Reading) -> list[str]:
    return [text for part in reading.parts for claim in part for text in (claim.text, *_under(claim))]


def _under(claim: Claim) -> list[str]:
    return [under.text for under in claim.claims]


async def test_once_it_is_read_there_is_nothing_to_see_of_it_any_more() -> None:
    async with FakeModel() as fake, world(fake) as it:
        listener = Listener()
        await listener.read(it)
        assert it.reader.begun(paper(), listener.heard[-1]) is None


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('{"background": [{"text": "甲", "quo', "甲"),
        ('Sure!\n```json\n{"background": [{"text": "甲",', "甲"),
        ('<think>{"background": [{"text": "no"}]}</think>{"background": [{"text": "甲"', "甲"),
        ('{"background": ["甲", "', "甲"),
        ('{"background": [{"text": "甲 $\\sum_x$", "quotes": ["A \\', "甲 $\\sum_x$"),
        ('{"background": [{"text": "甲\\u4e59", "quotes": ["\\u4e', "甲乙"),
        ('{"background": [{"text": "甲', None),
        ('{"background": [{"text": "\\ud83d', None),
        ('{"background": [{"text": "\\ud83d\\ude00"', "😀"),
        ('{"background": [{"text": "甲\n乙"', None),
        ('{"background": [{"te', None),
        ('{"background": {"text": "甲"', None),
        ('{"background": [{"text": 5}, {"text": "甲"', "甲"),
        ('{"background": [{"text": "甲", "claims": [{"text": "乙"}, {"te', "甲"),
        ("<think>no end", None),
        ("[1, 2", None),
        ("", None),
    ],
)
def test_half_an_answer_is_understood_as_far_as_it_makes_sense(written: str, text: str | None) -> None:
    background, *_ = reading_checks.begun(so_far(written) or {})
    assert (background[0].text if background else None) == text


@pytest.mark.parametrize("fault", [faults.all_at_once, faults.at_once_all_the_same])
async def test_an_answer_in_one_piece_is_as_good(fault: Fault) -> None:
    async with FakeModel(fault) as fake, world(fake) as it:
        listener = Listener()
        _, call = await listener.read(it)
        assert (call.outcome, call.prompt_tokens > 100) == ("ok", True)
        assert len(fake.requests) == 1


BROKEN = {"choices": [{"index": 0, "delta": {"content": '{"background'}, "finish_reason": None}]}


@pytest.mark.parametrize(
    ("fault", "outcome", "is_paid"),
    [
        (faults.breaks_off(0.0), "unreachable", False),
        (faults.breaks_off(0.5), "unreachable", True),
        (faults.ends_early, "unfinished", True),
        (faults.error_in_stream({"message": "upstream went away"}), "error-body", True),
        (faults.error_in_stream({"code": 502, "message": "upstream"}), "server-error", True),
        (faults.status(500), "server-error", False),
        (faults.stream_of(), "no-choice", True),
        (faults.stream_of(b": nothing yet\n\n", b"data: [DONE]\n\n"), "no-choice", True),
        (faults.stream_of(event(BROKEN), b"data: {nonsense}\n\n"), "no-completion", True),
        (faults.stream_of(b"data: 5\n\n"), "no-completion", True),
        (faults.stream_of(b'data: {"choices": 5}\n\n'), "no-completion", True),
        (faults.stream_of(b'data: {"choices": [{"delta": "x"}]}\n\n'), "no-completion", True),
        (faults.stream_of(b"data: " + b"[" * 100_000 + b"\n\n"), "no-completion", True),
        (faults.stream_of(b"data: " + b" " * 5 * 1024**2 + b"\n\n"), "too-large", True),
        (faults.cut_at_length, "length", True),
        (faults.half_json, "wrong-shape", True),
        (faults.html, "no-completion", True),
        (faults.disconnect, "unreachable", False),
        (faults.choices([{"message": {"content": "{}"}, "finish_reason": "stop"}] * 2), "many-choices", True),
    ],
)
async def test_a_stream_that_goes_wrong_once_is_mended_by_another_call_and_counted(
    fault: Fault, outcome: str, *, is_paid: bool
) -> None:
    async with FakeModel(fault) as fake, world(fake, limit_tokens=10_000_000) as it:
        listener = Listener()
        reading, call = await listener.read(it)
        assert it.outcomes == [outcome]
        assert len(fake.requests) == 2
        if fake.requests[1].get("stream"):
            assert listener.seen[-1] == reading
        assert bool(fake.requests[1].get("stream")) == (outcome in _PASSING)
        spent = it.budget.spent_tokens - call.prompt_tokens - call.completion_tokens
        assert (spent > 0) == is_paid


_PASSING = ("unreachable", "server-error")
"""Errors that do not concern streaming; after any other the answer is requested as a whole."""


async def test_a_stream_that_keeps_breaking_is_given_up_after_three_calls() -> None:
    async with FakeModel(always=faults.breaks_off(0.3)) as fake, world(fake) as it:
        with pytest.raises(ModelUnreachableError):
            await Listener().read(it)
        assert it.outcomes == ["unreachable"] * 3


async def test_a_stream_that_breaks_behind_its_end_is_whole_and_counts_as_reserved() -> None:
    async with FakeModel(faults.breaks_off(1, finished=True)) as fake, world(fake, limit_tokens=10**7) as it:
        _, call = await Listener().read(it)
        assert (call.outcome, call.prompt_tokens, call.completion_tokens) == ("ok", 0, 0)
        assert it.budget.spent_tokens == _reserved(fake)


async def test_without_a_count_the_estimate_holds() -> None:
    async with FakeModel(faults.without_usage) as fake, world(fake, limit_tokens=10**7) as it:
        await Listener().read(it)
        assert it.budget.spent_tokens == _reserved(fake)


def _reserved(fake: FakeModel) -> int:
    system, user = (message["content"] for message in fake.requests[0]["messages"])
    return estimate_tokens(Purpose.READING, system + user)


async def test_a_stream_past_the_deadline_ends_at_the_deadline_and_is_counted() -> None:
    patience = replace(QUICK, attempts=1)
    async with FakeModel(faults.stalls) as fake, world(fake, patience=patience, limit_tokens=10**7) as it:
        listener = Listener()
        reading = asyncio.create_task(listener.read(it))
        while not listener.heard:  # noqa: ASYNC110 - a listener gets no event
            await asyncio.sleep(0.01)
        leap(patience.call_seconds + 1)
        with pytest.raises(ModelError):
            await reading
        assert it.outcomes == ["timeout"]
        assert it.budget.spent_tokens == _reserved(fake)


async def test_a_call_that_is_cancelled_amid_its_stream_is_counted_and_leaves_its_slot() -> None:
    async with FakeModel(faults.stalls) as fake, world(fake, concurrency=1, limit_tokens=10**7) as it:
        listener = Listener()
        reading = asyncio.create_task(listener.read(it))
        while not listener.heard:  # noqa: ASYNC110 - of the text
            await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert it.budget.spent_tokens == _reserved(fake)
        await it.translate(paper(2))


async def test_an_endpoint_that_does_not_stream_is_remembered_by_its_model() -> None:
    async with FakeModel(streams=False) as fake, world(fake) as it:
        for number in (1, 2):
            listener = Listener()
            await listener.read(it, number)
            assert listener.heard == []
        assert it.outcomes == ["unsupported-stream"]
        assert [request.get("stream") for request in fake.requests] == [True, None, None]


async def test_formats_step_down_while_streaming_as_they_do_without() -> None:
    async with FakeModel(formats=()) as fake, world(fake) as it:
        listener = Listener()
        reading, _ = await listener.read(it)
        assert listener.seen[-1] == reading
        assert it.outcomes == ["unsupported-format"] * 2


async def test_an_answer_that_is_not_valid_is_heard_and_not_taken() -> None:
    wrong = faults.says(json.dumps({"background": [{"text": "甲"}], "method": "乙", "results": []}))
    async with FakeModel(always=wrong) as fake, world(fake) as it:
        listener = Listener()
        with pytest.raises(MalformedAnswerError):
            await listener.read(it)
        assert it.outcomes == ["wrong-shape"] * 3


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
async def test_events_are_the_same_however_they_are_cut(size: int) -> None:
    sent = ": a comment\r\n\r\ndata: 字\u2028\x85\r\n\r\nevent: x\ndata:two\ndata: lines\n\n\n\ndata: cut off".encode()

    async def received() -> AsyncIterator[bytes]:
        for start in range(0, len(sent), size):
            yield sent[start : start + size]

    found = [data async for data in stream_events(received())]
    assert found == ["字\u2028\x85".encode(), b"two\nlines"]


async def test_a_character_in_two_halves_of_two_pieces_is_one() -> None:
    halves = [
        b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n' % half
        for half in (
            rb"{\"background\": [{\"text\": \"\ud83d",
            rb"\ude00\", \"quotes\": \"Rooms have shapes\"}], \"method\": [], \"results\": []}",
        )
    ]
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    async with FakeModel(faults.stream_of(*halves, end)) as fake, world(fake) as it:
        reading, _ = await Listener().read(it)
        assert reading.background[0].text == "😀"
