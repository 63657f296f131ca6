"""A lesson of one refusal applies to all calls; a refusal that is not understood changes nothing and is shown."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse

from digest.core.errors import ModelRefusedError
from digest.core.models import Purpose
from digest.llm import profiles
from digest.llm.endpoint_profile import (
    NEW,
    EndpointProfile,
    ResponseFormat,
    Streaming,
    TokenCounting,
    capabilities,
    is_cut,
    restored,
    stored,
    tokens_at_least,
)
from digest.llm.errors import CallError, CallOutcome
from digest.llm.profiles import EndpointFacts, Profiles, RequestForm
from digest.llm.statuses import Sent, fault_for
from tests.digest.llm.llm_world import QUICK, full_text, world
from tests.fakes import model_faults as faults
from tests.fakes.model import KEY, FakeModel
from tests.fakes.model_faults import Asked
from tests.papers import paper

NUMBERS = range(1, 21)
ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "You translate the titles and abstracts of scientific papers."},
        {"role": "user", "content": "Title: On the shape of rooms that can be heard"},
    ],
    "response_format": {"type": "json_schema"},
    "enable_thinking": False,
}
USED = RequestForm(NEW, frozenset(ASKED))


async def test_of_many_papers_at_once_one_pays_for_the_refusal() -> None:
    async with FakeModel(formats=("json_object",)) as fake, world(fake, concurrency=8) as it:
        await asyncio.gather(*(it.translate(paper(number)) for number in NUMBERS))
        assert it.outcomes.count("unsupported-format") == 1
        assert it.learned["fake-small"].response_format is ResponseFormat.JSON_OBJECT


async def test_a_field_that_requests_have_only_later_is_refused_to_one_of_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All answers are cut off at once, and each paper asks for more tokens then."""
    monkeypatch.setattr(profiles, "_TRIAL_SECONDS", 60)
    together = asyncio.Barrier(8)

    def cut_off(asked: Asked) -> Response:
        if "max_tokens" in asked.body:
            return faults.problem(
                400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            )
        if "max_completion_tokens" in asked.body:
            return JSONResponse(asked.completion)
        choice = {"index": 0, "message": {"content": "{"}, "finish_reason": "length"}

        async def once_all_have_asked() -> AsyncIterator[bytes]:
            await together.wait()
            yield json.dumps({**asked.completion, "choices": [choice]}).encode()

        return StreamingResponse(once_all_have_asked(), media_type="application/json")

    async with FakeModel(always=cut_off) as fake, world(fake, concurrency=8, known={"fake-small": NEW}) as it:
        await asyncio.gather(*(it.translate(paper(number)) for number in range(1, 9)))
        assert it.outcomes.count("unsupported-token-field") == 1
        assert it.outcomes.count("ok") == 8


async def test_an_endpoint_that_changes_its_mind_at_noon_loses_no_paper() -> None:
    async with FakeModel() as fake, world(fake, concurrency=4) as it:
        await it.translate(paper(1))
        fake._formats = ()
        await asyncio.gather(*(it.translate(paper(number)) for number in NUMBERS))
        assert it.outcomes.count("ok") == 1 + len(NUMBERS)
        assert (
            it.outcomes.count("unsupported-format") <= 4 + 1
        )  # those under way at noon, and one for the next step


async def test_an_endpoint_that_takes_back_each_form_of_request_ends_in_a_sentence() -> None:
    def moody(asked: Asked) -> Response:
        stream = asked.body.get("stream")
        words = "stream is not supported" if stream else "only supports stream mode"
        return faults.problem(400, words)

    async with FakeModel(always=moody) as fake, world(fake) as it:
        with pytest.raises(ModelRefusedError):
            await it.translate(paper())
        assert len(fake.requests) < 15


async def test_others_do_not_wait_for_a_first_call_that_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profiles, "_TRIAL_SECONDS", 0.01)
    known = Profiles({}, _forget)
    with known.trying("m", USED):
        await known.wait("m")
        assert not known.is_on_trial("m")


async def _forget(_: str, __: EndpointProfile) -> None:
    """Discard the profile, so that nothing is stored."""


@pytest.mark.parametrize(
    "words",
    [
        "unsupported",
        "Unsupported country, region, or territory",
        "This operation is unsupported",
        "upstream error",
    ],
)
def test_the_word_unsupported_alone_changes_nothing(words: str) -> None:
    fault = fault_for(400, {"message": words}, sent=Sent(ASKED))
    assert (fault.outcome, fault.learn) == (CallOutcome.REFUSED, None)


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (
            429,
            "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 31538.",
            "long-prompt",
        ),
        (413, "Request too large for model `llama` on tokens per minute (TPM): Limit 6000", "long-prompt"),
        (429, "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000.", "throttled"),
        (400, "The response was filtered due to Azure OpenAI's content management policy", "filtered"),
        (400, "Content Exists Risk", "filtered"),
        (400, "系统检测到输入或生成内容可能包含不安全或敏感内容", "filtered"),
        (400, "The request was rejected because it was considered high risk", "filtered"),
        (400, "Output data may contain inappropriate content. DataInspectionFailed", "filtered"),
        (400, "The input token count (2845475) exceeds the maximum number of tokens allowed", "long-prompt"),
        (400, "Failed to generate JSON. json_validate_failed", "format-failed"),
    ],
)
def test_providers_have_many_words_for_the_same_thing(status: int, message: str, outcome: str) -> None:
    assert fault_for(status, {"message": message}, sent=Sent(ASKED)).outcome == outcome


def test_what_an_error_echoes_of_the_request_is_not_its_reason() -> None:
    echo = {
        "detail": [
            {"loc": ["body", "messages"], "msg": "bad", "input": "maximum context length, response_format"}
        ]
    }
    assert fault_for(422, echo, sent=Sent(ASKED)).outcome is CallOutcome.REFUSED


def test_a_refusal_that_is_not_understood_is_shown_with_the_setting_that_may_help() -> None:
    told = {
        "message": f"The parameter temperature\u202e of key {KEY} and org-abc12345 must be 1. "
        + "Really. " * 100
    }
    shown = str(fault_for(400, told, sent=Sent(ASKED, KEY)))
    assert "“The parameter temperature of key … and … must be 1." in shown
    assert "see OPENAI_EXTRA_BODY" in shown
    assert len(shown) < 330


def test_of_a_refusal_that_repeats_the_prompt_nothing_is_shown() -> None:
    told = {"message": "Cannot handle: You translate the titles and abstracts of scientific papers."}
    assert "titles" not in str(fault_for(400, told, sent=Sent(ASKED, KEY)))


async def test_a_field_of_the_operators_that_is_refused_is_left_out_from_then_on() -> None:
    extra = {Purpose.TRANSLATION: {"enable_thinking": False, "top_k": 1}}

    def strict(asked: Asked) -> Response:
        if "enable_thinking" not in asked.body:
            return JSONResponse(asked.completion)
        detail = [
            {
                "type": "extra_forbidden",
                "loc": ["body", "enable_thinking"],
                "msg": "Extra inputs are not permitted",
            }
        ]
        return JSONResponse({"object": "error", "message": {"detail": detail}}, 422)

    async with (
        FakeModel(always=strict, fields=("enable_thinking", "top_k")) as fake,
        world(fake, extra=extra) as it,
    ):
        await it.translate(paper(1))
        await it.translate(paper(2))
        assert it.outcomes == ["unsupported-field", "ok", "ok"]
        assert fake.requests[-1]["top_k"] == 1
        assert it.learned["fake-small"].refused_fields == ("enable_thinking",)


async def test_a_window_that_one_paper_found_is_no_riddle_for_the_next() -> None:
    def small(asked: Asked) -> Response:
        if sum(len(message["content"]) for message in asked.body["messages"]) > 20_000:
            return faults.status(400, code="context_length_exceeded")(asked)
        return JSONResponse(asked.completion)

    text = "Rooms have shapes that can be heard.\n" * 1000
    async with FakeModel(always=small) as fake, world(fake) as it:
        await it.read(paper(1), full_text(paper(1), text))
        found = it.outcomes.count("long-prompt")
        await it.read(paper(2), full_text(paper(2), text))
        assert it.outcomes.count("long-prompt") == found <= 2


async def test_an_abstract_that_is_refused_as_too_long_does_not_stop_all_others() -> None:
    known = Profiles({}, _forget)
    await known.refused("m", USED, CallError(CallOutcome.LONG_PROMPT), 900)
    assert known.of("m").window_tokens is None


async def test_a_prompt_that_was_cut_though_a_longer_one_was_not_says_nothing_of_the_window() -> None:
    known = Profiles({}, _forget)
    await known.answered("m", USED, EndpointFacts(9_000, is_read_whole=True, counting=TokenCounting.TOKENS))
    await known.refused("m", USED, CallError(CallOutcome.CUT_PROMPT), 5_000)
    assert known.of("m").window_tokens is None


async def test_a_model_that_only_thinks_is_asked_once_a_paper_and_closed_after_three() -> None:
    def thinks(asked: Asked) -> Response:
        message = {"role": "assistant", "content": "", "reasoning_content": "Let me see."}
        return JSONResponse({**asked.completion, "choices": [{"message": message, "finish_reason": "stop"}]})

    async with FakeModel(always=thinks) as fake, world(fake, concurrency=1) as it:
        for number in range(1, 8):
            with pytest.raises(ModelRefusedError, match="OPENAI_EXTRA_BODY"):
                await it.translate(paper(number))
        assert len(fake.requests) == 3


async def test_json_that_fails_at_the_endpoint_is_tried_again_before_the_format_changes() -> None:
    failing = faults.status(400, code="json_validate_failed")
    async with FakeModel(failing) as fake, world(fake) as it:
        await it.translate(paper(1))
        assert [request["response_format"]["type"] for request in fake.requests] == ["json_schema"] * 2
    async with FakeModel(failing, failing) as fake, world(fake, patience=replace(QUICK, attempts=3)) as it:
        await it.translate(paper(1))
        kinds = [request["response_format"]["type"] for request in fake.requests]
        assert kinds == ["json_schema", "json_schema", "json_object"]


@pytest.mark.parametrize(
    ("text", "counted", "cut"),
    [
        ("A long paper. " * 2768, 4096, True),  # 38,752 characters
        ("A long paper. " * 2768, 9000, False),
        ("论文很长。" * 4000, 4096, True),
        ("论文很长。" * 4000, 12_000, False),
        (
            "Interdisciplinary characterisation of rooms. " * 1000,
            8192,
            True,
        ),  # a window's size, and few for the text
        ("Interdisciplinary characterisation of rooms. " * 1000, 8191, False),
        ("A long paper. " * 2768, 100, False),  # made up
    ],
)
def test_a_count_below_what_any_tokenizer_makes_is_a_prompt_that_was_cut(
    text: str, counted: int, *, cut: bool
) -> None:
    assert is_cut(text, counted) is cut


def test_what_is_kept_of_an_endpoint_is_read_again_and_what_others_wrote_is_not() -> None:
    learned = replace(
        NEW, streaming=Streaming.REQUIRED, response_format=ResponseFormat.TEXT, refused_fields=("a",)
    )
    assert restored(stored(learned)) == learned
    assert restored({"streaming": "sometimes"}) is None
    assert restored("nonsense") is None
    assert restored({"window_tokens": -5}) is None
    assert restored({"most_tokens": 0}) is None
    assert (
        capabilities(learned)
        == "JSON by the prompt alone, streaming required, max_tokens, system role, rejects a"
    )


def test_a_lower_bound_is_one_for_every_script() -> None:
    assert tokens_at_least("") == 0
    assert tokens_at_least("word " * 1000) < 1000
    assert tokens_at_least("语音" * 1000) < 1100


class Uncounted:
    """An endpoint that counts no tokens and reads only the end or the beginning of long prompts."""

    def __init__(self, characters: int, *, keeps_end: bool = False, copies: bool = True) -> None:
        self._characters, self._keeps_end, self._copies = characters, keeps_end, copies
        self.cut = 0

    def __call__(self, asked: Asked) -> Response:
        user = asked.body["messages"][-1]["content"]
        read = user[-self._characters :] if self._keeps_end else user[: self._characters]
        self.cut += len(read) < len(user)
        found = re.findall(r"^(?:First|Last) mark: (\w+)$", read, re.MULTILINE)
        answer = {**asked.answer, "marks": " ".join(found)} if self._copies and found else asked.answer
        message = {"role": "assistant", "content": json.dumps(answer)}
        return JSONResponse({"choices": [{"message": message, "finish_reason": "stop"}], "usage": None})


LONG = full_text(paper(), "Rooms have shapes that can be heard.\n" * 900)


@pytest.mark.parametrize("keeps_end", [True, False])
async def test_a_prompt_that_is_cut_where_nothing_counts_is_told_by_its_marks(*, keeps_end: bool) -> None:
    endpoint = Uncounted(14_000, keeps_end=keeps_end)
    async with FakeModel(always=endpoint) as fake, world(fake) as it:
        await it.read(paper(1), full_text(paper(1)))  # nothing is known of it, and it is read whole
        await it.read(paper(2), replace(LONG, version=paper(2).version))
        assert (
            it.outcomes.count("cut-prompt") == endpoint.cut == 3
        )  # in one piece, in parts of 30,000 and 15,000 characters
        assert it.outcomes[-1] == "ok"


async def test_a_model_that_copies_no_marks_is_not_taken_for_one_that_read_a_part() -> None:
    async with FakeModel(always=Uncounted(10**6, copies=False)) as fake, world(fake) as it:
        await it.translate(paper(1))
        await it.translate(paper(2))
        assert it.learned["fake-small"].counting is TokenCounting.NOTHING
        await it.translate(paper(3))
        assert "mark" not in fake.requests[-1]["messages"][1]["content"].lower()


async def test_marks_are_asked_for_no_more_once_as_long_a_prompt_was_read() -> None:
    async with FakeModel(always=Uncounted(10**6)) as fake, world(fake) as it:
        for number in (1, 2, 3):
            await it.read(paper(number), replace(LONG, version=paper(number).version))
        marked = ["First mark" in request["messages"][1]["content"] for request in fake.requests]
        assert marked == [False, True, False]
        assert it.outcomes == ["ok"] * 3


async def test_a_key_in_an_error_with_status_200_is_not_shown() -> None:
    told = faults.raw(json.dumps({"error": {"code": 400, "message": f"bad parameter for {KEY}"}}).encode())
    async with FakeModel(always=told) as fake, world(fake) as it:
        with pytest.raises(ModelRefusedError, match="bad parameter") as caught:
            await it.translate(paper())
        assert KEY not in str(caught.value)
