import json
import time
from dataclasses import replace

import pytest
from starlette.responses import Response

from digest.core.errors import (
    LongPromptError,
    MalformedAnswerError,
    ModelError,
    ModelRefusedError,
    ModelUnreachableError,
)
from digest.core.models import Purpose, Translation
from digest.llm.retry import RetryPolicy
from tests.digest.llm.llm_world import QUICK, full_text, world
from tests.fakes import model_faults as faults
from tests.fakes.model import KEY, FakeModel
from tests.fakes.model_faults import Asked, Fault
from tests.papers import paper


async def _error(fake: FakeModel, patience: RetryPolicy = QUICK) -> tuple[Exception, list[str]]:
    """Return the error that ends a translation, and the outcomes of its calls."""
    async with world(fake, patience=patience) as it:
        with pytest.raises(ModelError) as caught:
            await it.translate(paper())
        return caught.value, it.outcomes


async def test_a_sound_answer_costs_one_call_and_is_recorded_with_its_tokens() -> None:
    async with FakeModel() as fake, world(fake) as it:
        await it.translate(paper(1))
        await it.translate(paper(2))
        first, second = it.calls
        assert (first.outcome, first.purpose, first.version) == ("ok", Purpose.TRANSLATION, paper(1).version)
        assert first.origin == it.translator.origin
        assert first.prompt_tokens > 300
        assert first.completion_tokens > 50
        assert (first.cached_tokens, second.cached_tokens > 200) == (0, True)


async def test_requests_share_their_beginning_so_that_a_prompt_cache_works() -> None:
    async with FakeModel() as fake, world(fake) as it:
        await it.translate(paper(1))
        await it.translate(paper(2))
        one, two = fake.requests
        assert [message["role"] for message in one["messages"]] == ["system", "user"]
        assert one["messages"][0] == two["messages"][0]
        assert one["messages"][1] != two["messages"][1]


WRONG_ONCE: list[tuple[Fault, str]] = [
    (faults.says("Here is what I think of this paper: it is nice."), "prose"),
    (faults.half_json, "half-json"),
    (faults.says(""), "blank"),
    (faults.says("   \n "), "blank"),
    (faults.says(None), "blank"),
    (faults.says("<think>and so on, without an end"), "blank"),
    (faults.says('{"title": "标题"}'), "wrong-shape"),
    (faults.html, "no-completion"),
    (faults.raw(b'{"choices": [{"mess'), "no-completion"),
    (faults.raw(b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'), "no-completion"),
    (faults.raw(b""), "no-completion"),
    (faults.error_with_200, "error-body"),
    (faults.choices(None), "no-choice"),
    (faults.choices([]), "no-choice"),
    (faults.choices([{"message": {"content": "{}"}, "finish_reason": "stop"}] * 2), "many-choices"),
    (faults.says("{}", finish_reason=None), "unfinished"),
    (faults.cut_at_length, "length"),
    (faults.Huge(5), "too-large"),
    (faults.status(500), "server-error"),
    (faults.status(409), "server-error"),
    (faults.disconnect, "unreachable"),
]


async def test_what_a_model_does_wrong_once_is_mended_by_another_call() -> None:
    async with FakeModel() as fake, world(fake) as it:
        for fault, outcome in WRONG_ONCE:
            fake.faults.append(fault)
            assert isinstance(await it.translate(paper()), Translation)
            assert it.outcomes == [outcome, "ok"]
            assert len(fake.requests) == 2
            it.calls.clear()
            fake.requests.clear()


@pytest.mark.parametrize(
    ("fault", "error", "outcome"),
    [
        (faults.says("No."), MalformedAnswerError, "prose"),
        (faults.half_json, MalformedAnswerError, "half-json"),
        (faults.html, MalformedAnswerError, "no-completion"),
        (faults.status(503), ModelUnreachableError, "server-error"),
        (faults.disconnect, ModelUnreachableError, "unreachable"),
    ],
)
async def test_a_model_that_stays_wrong_is_asked_three_times_and_no_more(
    fault: Fault, error: type[ModelError], outcome: str
) -> None:
    async with FakeModel(always=fault) as fake:
        caught, outcomes = await _error(fake)
        assert isinstance(caught, error)
        assert outcomes == [outcome] * 3
        assert len(fake.requests) == 3


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (faults.says(None, refusal="I cannot help with that."), "refusal"),
        (faults.says("", finish_reason="content_filter"), "filtered"),
        (faults.status(400, code="content_filter"), "filtered"),
        (faults.status(400, code="context_length_exceeded"), "long-prompt"),
        (faults.status(413), "long-prompt"),
        (faults.status(400), "refused"),
    ],
)
async def test_a_refusal_is_not_argued_with_and_holds_for_one_paper_only(fault: Fault, outcome: str) -> None:
    async with FakeModel(fault) as fake, world(fake) as it:
        with pytest.raises(ModelRefusedError):
            await it.translate(paper(1))
        await it.translate(paper(2))
        assert it.outcomes == [outcome, "ok"]


async def test_a_cut_answer_is_asked_for_once_more_with_more_room() -> None:
    async with FakeModel(always=faults.cut_at_length) as fake:
        caught, outcomes = await _error(fake)
        assert isinstance(caught, MalformedAnswerError)
        assert outcomes == ["length", "length"]
        assert [request.get("max_tokens") for request in fake.requests] == [None, 8192]


@pytest.mark.parametrize(
    "fault",
    [
        faults.around("<think>First {x}, then $y$…</think>\n"),
        faults.around("only the end of a thought</think>"),
        faults.around("```json\n", "\n```"),
        faults.around("当然可以，以下是翻译：\n\n", "\n\n希望对你有帮助！{笑}"),
    ],
)
async def test_thoughts_fences_and_politeness_around_an_answer_cost_no_further_call(fault: Fault) -> None:
    async with FakeModel(fault) as fake, world(fake) as it:
        made = await it.translate(paper())
        plain = await it.translate(paper())
        assert made == plain
        assert it.outcomes == ["ok", "ok"]


async def test_a_drip_past_the_deadline_ends_at_the_deadline() -> None:
    async with FakeModel(always=faults.drip(30)) as fake:
        began = time.monotonic()
        caught, outcomes = await _error(fake, replace(QUICK, call_seconds=0.2))
        assert isinstance(caught, ModelUnreachableError)
        assert outcomes == ["timeout"] * 3
        assert time.monotonic() - began < 29  # the dripping itself takes 30


async def test_a_slow_answer_within_the_deadline_is_read() -> None:
    async with FakeModel(faults.drip(0.5)) as fake, world(fake) as it:
        await it.translate(paper())
        assert it.outcomes == ["ok"]


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_of_ninety_megabytes_little_is_read(status: int) -> None:
    huge = faults.Huge(90, status)
    async with FakeModel(huge) as fake, world(fake) as it:
        await it.translate(paper())
        assert it.outcomes == ["too-large", "ok"]
        assert huge.sent_bytes < 16 * 1024**2


async def test_a_redirect_is_not_followed_and_the_other_host_sees_nothing() -> None:
    async with FakeModel() as other:
        async with (
            FakeModel(always=faults.redirect(f"{other.url}/chat/completions")) as fake,
            world(fake) as it,
        ):
            with pytest.raises(ModelRefusedError, match="OPENAI_BASE_URL"):
                await it.translate(paper(1))
            with pytest.raises(ModelRefusedError, match="No further call"):
                await it.translate(paper(2))
            assert len(fake.requests) == 1
        assert other.requests == []


@pytest.mark.parametrize(
    ("formats", "used"),
    [
        (("json_schema", "json_object"), ["json_schema", "json_schema"]),
        (("json_object",), ["json_schema", "json_object", "json_object"]),
        ((), ["json_schema", "json_object", None, None]),
    ],
)
async def test_structured_output_steps_down_to_what_the_endpoint_knows_and_remembers_it(
    formats: tuple[str, ...], used: list[str | None]
) -> None:
    async with FakeModel(formats=formats) as fake, world(fake) as it:
        await it.translate(paper(1))
        await it.translate(paper(2))
        kinds = [request.get("response_format", {"type": None})["type"] for request in fake.requests]
        assert kinds == used
        assert len({request["messages"][0]["content"] for request in fake.requests}) == 1


async def test_stepping_down_costs_none_of_the_three_calls() -> None:
    wrong = faults.says("No.")
    async with FakeModel(wrong, wrong, formats=()) as fake, world(fake) as it:
        await it.translate(paper())
        assert it.outcomes == ["unsupported-format", "unsupported-format", "prose", "prose", "ok"]


async def test_an_endpoint_that_dislikes_formats_where_none_is_sent_refuses_for_good() -> None:
    def picky(asked: Asked) -> Response:
        return faults.problem(400, "unsupported: response_format")

    async with FakeModel(always=picky) as fake:
        caught, outcomes = await _error(fake)
        assert isinstance(caught, ModelRefusedError)
        assert outcomes == ["unsupported-format", "unsupported-format", "refused"]


async def test_a_prompt_that_the_endpoint_cut_is_noticed() -> None:
    def short_context(asked: Asked) -> Response:
        return faults.raw(json.dumps({**asked.completion, "usage": {"prompt_tokens": 4096}}).encode())(asked)

    async with FakeModel(short_context) as fake, world(fake) as it:
        with pytest.raises(LongPromptError, match="4,096 tokens"):
            await it.translate(replace(paper(), abstract="A long paper. " * 5000))
        assert it.outcomes == ["cut-prompt"]


async def test_a_count_that_is_made_up_is_not_taken_for_a_cut_prompt() -> None:
    def made_up(asked: Asked) -> Response:
        return faults.raw(json.dumps({**asked.completion, "usage": {"prompt_tokens": 100}}).encode())(asked)

    async with FakeModel(made_up) as fake, world(fake) as it:
        await it.read(paper(), full_text(paper(), "A long paper. " * 5000))
        assert it.outcomes == ["ok"]


async def test_an_answer_without_sensible_counts_is_as_good() -> None:
    def with_usage(usage: object) -> Fault:
        return lambda asked: faults.raw(json.dumps({**asked.completion, "usage": usage}).encode())(asked)

    senseless = [
        None,
        "many",
        {"prompt_tokens": None},
        {"prompt_tokens": -1},
        {"prompt_tokens_details": None},
    ]
    async with FakeModel(*map(with_usage, senseless)) as fake, world(fake) as it:
        for _ in senseless:
            await it.translate(paper())
        assert [(call.outcome, call.prompt_tokens) for call in it.calls] == [("ok", 0)] * 5


async def test_a_key_that_the_endpoint_repeats_is_not_passed_on() -> None:
    async with FakeModel(always=faults.status(418)) as fake:
        caught, _ = await _error(fake)
        assert KEY not in "".join(str(part) for part in (caught, caught.__cause__))


async def test_an_endpoint_that_nobody_listens_at_cannot_be_reached() -> None:
    fake = FakeModel()
    async with fake:
        pass
    caught, outcomes = await _error(fake)
    assert isinstance(caught, ModelUnreachableError)
    assert outcomes == ["unreachable"] * 3
