"""Tests of statements without evidence in the paper."""

import json
from pathlib import Path
from typing import Any

import pytest

import bot.cli.demo
from digest.checks.evidence import searchable
from digest.core.errors import MalformedAnswerError
from digest.core.findings import Finding, Flaw
from digest.core.models import Claim, Purpose
from digest.core.singleflight import Listeners
from digest.fulltext import html
from digest.pipeline.reading import Read, ReadingWriter
from digest.pipeline.reading_checks import ReadingAnswer, ReadingSource, failing
from tests.digest.llm.llm_world import World, full_text, world
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Fault
from tests.papers import paper

SAMPLE = Path(bot.cli.demo.__file__).parent / "sample"
TEXT = (
    "Rooms have shapes. Known methods need labels.\n"
    "EchoNet maps an echo to a shape.\n"
    "The efﬁciency of synthe-\nsis rises by 12.5%, the error falls to 8.0.\n"
    "It was trained on 960 hours. Code: https://example.org/echo\n"
)
PLAIN = [{"text": "房间有形状。", "quotes": ["Rooms have shapes."]}]
GOOD = {"text": "效率提升 12.5%。", "quotes": ["The efficiency of synthesis rises by 12.5%,"]}
WRONG_DIGIT = {"text": "效率提升 12.6%。", "quotes": ["The efficiency of synthesis rises by 12.6%,"]}
ELSEWHERE = {"text": "960 小时训练后效率提升。", "quotes": ["The efficiency of synthesis rises by 12.5%,"]}


def says(results: Any, background: Any = PLAIN, method: Any = ()) -> Fault:
    """Create a model that answers with these lists."""
    return faults.says(
        json.dumps({"background": background, "method": [*method], "results": results}, ensure_ascii=False)
    )


async def read(it: World, text: str = TEXT, listeners: Listeners | None = None) -> Read:
    return await it.reader.read(paper(), full_text(paper(), text), listeners)


@pytest.mark.parametrize(
    "results", [[GOOD], [GOOD | {"claims": [GOOD]}], [GOOD | {"quotes": GOOD["quotes"][0]}]]
)
async def test_a_quote_that_was_broken_in_print_holds_its_statement_up(results: Any) -> None:
    async with FakeModel(says(results)) as fake, world(fake) as it:
        made = await read(it)
        assert made.reading.results[0].text == "效率提升12.5%。"
        assert made.findings == ()
        assert len(fake.requests) == len(made.calls) == 1


@pytest.mark.parametrize(
    "text",
    ["EchoNet-Large + HuBERT Base (LibriSpeech)：12.5%。", "“Rooms have shapes”效率提升12.5%。", "12.5%"],
)
async def test_names_and_quotes_in_a_statement_are_no_other_language(text: str) -> None:
    async with FakeModel(says([GOOD | {"text": text}])) as fake, world(fake) as it:
        assert [claim.text for claim in (await read(it)).reading.results] == [text]


@pytest.mark.parametrize(
    ("wrong", "flaw", "said"),
    [
        (WRONG_DIGIT, Flaw.UNFOUNDED, "verbatim"),
        (ELSEWHERE, Flaw.NUMBER_NOT_QUOTED, "contains 960"),
        (GOOD | {"text": "见 https://evil.example/x 。"}, Flaw.ADDRESS, "https://evil.example/x"),
        ({"text": "没有出处。"}, Flaw.UNFOUNDED, "verbatim"),
        (GOOD | {"text": "The efficiency of the synthesis is better by 12.5%."}, Flaw.SCRIPT, "the language"),
        (GOOD | {"text": "合成の効率が 12.5% 向上する。"}, Flaw.SCRIPT, "the language"),
    ],
)
async def test_what_does_not_stand_goes_back_once_and_is_dropped(
    wrong: dict[str, Any], flaw: Flaw, said: str
) -> None:
    model = FakeModel(says([GOOD, wrong]), says([wrong], background=[]))
    async with model as fake, world(fake) as it:
        made = await read(it)
        assert [claim.text for claim in made.reading.results] == ["效率提升12.5%。"]
        assert [(each.flaw, each.hard) for each in made.findings] == [(flaw, True)]
        first, second = ([message["content"] for message in each["messages"]] for each in fake.requests)
        assert second[0] == first[0]
        assert second[1].startswith(first[1])
        assert wrong["text"] in second[1]
        assert said in second[1].removeprefix(first[1])
        assert len(it.calls) + len(made.calls) == 2


async def test_in_background_and_method_too_numbers_stand_in_the_quotes() -> None:
    told = {"text": "用 960 小时训练。", "quotes": ["It was trained on 960 hours."]}
    elsewhere = told | {"text": "已有方法用 960 小时训练。", "quotes": ["Known methods need labels."]}
    invented = told | {"text": "由 7 个模块组成。", "quotes": ["EchoNet maps an echo to a shape."]}
    answers = says([GOOD], [*PLAIN, elsewhere], [invented]), says([], [told], [])
    async with FakeModel(*answers) as fake, world(fake) as it:
        made = await read(it)
        assert [claim.text for claim in made.reading.background] == ["房间有形状。", "用960小时训练。"]
        assert made.reading.method == ()
        assert made.findings == (Finding(Flaw.NUMBER_NOT_QUOTED, "7"),)


async def test_a_statement_that_is_mended_stands_in_its_place() -> None:
    last = GOOD | {"text": "误差降到 8.0。", "quotes": ["the error falls to 8.0."]}
    answers = says([WRONG_DIGIT, last]), says([GOOD], background=[])
    async with FakeModel(*answers) as fake, world(fake) as it:
        made = await read(it)
        assert [claim.text for claim in made.reading.results] == ["效率提升12.5%。", "误差降到8.0。"]
        assert made.findings == ()
        assert [call.purpose for call in (*it.calls, *made.calls)] == [Purpose.READING] * 2


async def test_a_blank_in_the_correction_leaves_the_others_in_their_places() -> None:
    wrong = [{"text": "甲没有出处。"}, {"text": "乙没有出处。"}]
    blank = {"text": "", "quotes": []}
    mended = [blank, {"text": "乙有出处。", "quotes": ["EchoNet maps an echo to a shape."]}]
    answers = says([GOOD], method=wrong), says([], background=[], method=mended)
    async with FakeModel(*answers) as fake, world(fake) as it:
        made = await read(it)
        assert [claim.text for claim in made.reading.method] == ["乙有出处。"]
        assert made.findings == (Finding(Flaw.UNFOUNDED, "甲没有出处。"),)


async def test_a_correction_that_repeats_what_stands_is_not_shown_twice() -> None:
    mended = GOOD | {"text": "误差降到 8.0。", "quotes": ["the error falls to 8.0."]}
    async with FakeModel(says([GOOD, WRONG_DIGIT]), says([GOOD, mended])) as fake, world(fake) as it:
        made = await read(it)
        assert [claim.text for claim in made.reading.results] == ["效率提升12.5%。", "误差降到8.0。"]
        assert made.findings == ()


async def test_what_stands_under_a_statement_that_falls_stands_by_itself() -> None:
    unfounded = {"text": "没有出处。"}
    method = [
        {"text": "在 https://evil.example 处。", "claims": [PLAIN[0], unfounded]},
        {"text": "**局限**：", "claims": [unfounded]},
        {"text": "**组成**：", "claims": PLAIN},
    ]
    async with FakeModel(says([GOOD], method=method)) as fake, world(fake) as it:
        made = await read(it)
        stands = Claim("房间有形状。", quotes=("Rooms have shapes.",))
        assert made.reading.method == (stands, Claim("**组成**：", (stands,)))


async def test_a_correction_that_fails_costs_no_more_than_what_was_wrong() -> None:
    async with FakeModel(says([GOOD, WRONG_DIGIT]), always=faults.status(500)) as fake, world(fake) as it:
        made = await read(it)
        assert len(made.reading.results) == 1
        assert it.outcomes[0] == "ok"
        assert made.calls == ()


async def test_a_reading_of_which_nothing_stands_is_none_and_its_calls_are_counted() -> None:
    async with FakeModel(says([WRONG_DIGIT], background=[])) as fake, world(fake) as it:
        with pytest.raises(MalformedAnswerError, match="rests on a passage"):
            await read(it)
        assert it.outcomes == ["ok", "ok"]


async def test_a_part_that_the_paper_does_not_tell_stays_empty() -> None:
    async with FakeModel(says([])) as fake, world(fake) as it:
        made = await read(it)
        assert (made.reading.method, made.reading.results) == ((), ())
        assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("spaced", "set_as"), [(False, "效率（按SNR）提升12.5%。"), (True, "效率（按 SNR）提升 12.5%。")]
)
async def test_a_reading_is_set_as_the_translations_beside_it(spaced: bool, set_as: str) -> None:
    claim = GOOD | {"text": "效率 (按SNR) 提升 12.5%."}
    async with FakeModel(says([claim | {"claims": [claim]}])) as fake, world(fake) as it:
        reader = ReadingWriter(it.model, "fake-large", "zh-CN", spaced=spaced)
        (made,) = (await reader.read(paper(), full_text(paper(), TEXT))).reading.results
        assert (made.text, made.claims[0].text) == (set_as, set_as)


async def test_nobody_hears_a_correction() -> None:
    async with FakeModel(says([GOOD, WRONG_DIGIT])) as fake, world(fake) as it:
        heard: list[str] = []
        listeners = Listeners()
        listeners.join(heard.append, urgent=True)
        await read(it, listeners=listeners)
        assert [request.get("stream") for request in fake.requests] == [True, None]
        assert "WRONG" not in heard[-1]


async def test_nobody_sees_a_statement_before_its_passage_is_found() -> None:
    async with FakeModel(says([GOOD, WRONG_DIGIT]), says([], background=[])) as fake, world(fake) as it:
        seen: list[str] = []
        listeners = Listeners()
        listeners.join(lambda written: seen.append(str(it.reader.begun(paper(), written))))
        await read(it, listeners=listeners)
        assert any("12.5%" in each for each in seen)
        assert not any("12.6" in each for each in seen)


async def test_what_is_odd_is_shown_and_flagged() -> None:
    text = TEXT + "LPIPS rises by 0.02 and delay falls by 199%. The error of room 1 falls by 12.9%."
    results = [
        {
            "text": "LPIPS 提升 0.02，延迟下降199%。",
            "quotes": ["LPIPS rises by 0.02 and delay falls by 199%."],
        },
        {"text": "误差下降 12.9%。", "quotes": ["The error of room 1 falls by 12.9%."]},
    ]
    async with FakeModel(says(results)) as fake, world(fake) as it:
        made = await read(it, text)
        assert len(made.reading.results) == 2
        assert {each.flaw for each in made.findings} == {Flaw.DIRECTION, Flaw.OVER_HUNDRED, Flaw.DISAGREES}
        assert not any(each.hard for each in made.findings)


@pytest.mark.parametrize("name", ["2602.99991v1", "2602.99992v1"])
def test_every_claim_of_the_sample_readings_stands(name: str) -> None:
    page = (SAMPLE / "html" / f"{name}.html").read_bytes()
    answer = (SAMPLE / "answers" / f"{name}.reading.json").read_text(encoding="utf-8")
    grounds = ReadingSource(searchable(html.extract(page).text), "zh-CN")
    assert failing(ReadingAnswer.model_validate_json(answer).parts, grounds) == ()
