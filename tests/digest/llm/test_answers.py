import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from digest.llm.answer_text import one_line, paragraphs
from digest.llm.errors import CallError, CallOutcome
from digest.llm.structured_output import answer, schema, without_thoughts
from digest.pipeline.reading_checks import ReadingAnswer
from digest.pipeline.translate import TranslationAnswer


class Note(BaseModel):
    text: str


SOUND = '{"text": "a"}'


@pytest.mark.parametrize(
    "text",
    [
        SOUND,
        f"\n\n{SOUND}\n",
        f"```json\n{SOUND}\n```",
        f"Here you are:\n{SOUND}\nI hope that it helps {{really}}.",
        f"<think>Shall I write {{braces}}?</think>{SOUND}",
        f"Shall I?</think>\n```\n{SOUND}\n```",
        f"In $x_{{i}}$ and ${{y}}$ I find: {SOUND}",
        '{"note": 1} is not it, but this is: {"text": "a", "more": "left alone"}',
        '{"text": "a", "unasked": [1, 2]}',
    ],
)
def test_the_object_is_found_whatever_stands_around_it(text: str) -> None:
    assert answer(text, Note, "zh-CN") == Note(text="a")


def test_an_answer_about_thinking_tags_keeps_them() -> None:
    note = {"text": "The model thinks between <think> and </think>."}
    assert answer(json.dumps(note), Note, "en").text == note["text"]
    assert answer(f"<think>Hm.</think>{json.dumps(note)}", Note, "en").text == note["text"]


def test_thoughts_without_an_end_are_no_answer() -> None:
    assert without_thoughts(f"<think>perhaps {SOUND}") == ""


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", CallOutcome.BLANK),
        (" \n\t", CallOutcome.BLANK),
        ("抱歉，我无法…", CallOutcome.PROSE),
        ("[1, 2]", CallOutcome.PROSE),
        ("{}", CallOutcome.PROSE),
        ('{"text": "a', CallOutcome.HALF_JSON),
        ('{"text": "a",', CallOutcome.HALF_JSON),
        ('{"title": "a"}', CallOutcome.WRONG_SHAPE),
        ('{"text": null}', CallOutcome.WRONG_SHAPE),
        ('{"text": {"text": 1}}', CallOutcome.WRONG_SHAPE),
        ('{"a":' * 100_000, CallOutcome.TOO_LARGE),
        ('{"a":' * 30_000, CallOutcome.HALF_JSON),
    ],
)
def test_what_is_no_answer_has_a_name(text: str, outcome: CallOutcome) -> None:
    with pytest.raises(CallError) as caught:
        answer(text, Note, "en")
    assert caught.value.outcome is outcome


def test_a_fault_names_the_field_and_never_the_words() -> None:
    with pytest.raises(CallError, match="text") as caught:
        answer('{"text": ["a secret"]}', Note, "en")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("piece", ['{"', '{"a":', '{"a":[', "\\", '{"a":"\\', "</think>", "<think>"])
def test_an_answer_that_was_made_to_be_slow_is_not(piece: str) -> None:
    began = time.thread_time()
    with pytest.raises(CallError):
        answer(piece * (190_000 // len(piece)), Note, "en")
    assert time.thread_time() - began < 1


@given(st.text())
def test_any_text_is_an_answer_or_a_named_fault(text: str) -> None:
    with pytest.raises(CallError):
        answer(text, Note, "en")


@given(st.text(), st.text(alphabet="abc .,!?\n"), st.text(alphabet="abc .,!?\n"))
def test_every_text_comes_through_json_unchanged(text: str, before: str, after: str) -> None:
    written = json.dumps({"text": text})
    assert answer(before + written + after, Note, "en").text == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"$\alpha + \sigma$", r"$\alpha + \sigma$"),
        (r"$\frac{1}{2}$", r"$\frac{1}{2}$"),
        (r"$\beta$ and $\theta$ and $\rho$", r"$\beta$ and $\theta$ and $\rho$"),
        (r"$\nabla f \neq 0$", r"$\nabla f \neq 0$"),
        (r"$\upsilon$", r"$\upsilon$"),
        (r"\(x\) and \[y\]", "$x$ and $y$"),
        (r"$\\alpha$ and \\(x\\)", r"$\alpha$ and $x$"),
    ],
)
def test_tex_whose_backslashes_were_not_doubled_is_read_as_meant(written: str, meant: str) -> None:
    assert one_line(answer(f'{{"text": "{written}"}}', Note, "en").text) == meant


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("$$ x^2 $$", "$x^2$"),
        ("costs $5 and $6", "costs $5 and $6"),
        ("*x* and __x__ and **x**", "x and **x** and **x**"),
        ("a\x00b\x07c\u202ed\u2066e\u200bf\ufeffg\ud800h", "abcdefgh"),
        ("  one\ntwo\tthree  ", "one two three"),
        ("第一行\n第二行", "第一行第二行"),
        ("中文\nEnglish", "中文 English"),
    ],
)
def test_wording_is_brought_to_the_stored_form(raw: str, stored: str) -> None:
    assert one_line(raw) == stored


def test_paragraphs_are_parted_by_one_blank_line() -> None:
    assert paragraphs(" one\ntwo\r\n\r\n \n three\n") == "one two\n\nthree"
    assert paragraphs("\n\n") == ""


@given(st.text(alphabet="ab中，*_`<&\n\t \u202e\ud800\x00"))
def test_the_stored_form_stays_as_it_is(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)
    assert paragraphs(paragraphs(text)) == paragraphs(text)


@pytest.mark.parametrize("form", [TranslationAnswer, ReadingAnswer])
def test_schemas_hold_nothing_that_strict_servers_refuse(form: type[BaseModel]) -> None:
    text = json.dumps(schema(form))
    assert not [
        word for word in ("$ref", "$defs", "default", "description", "minItems", "maxLength") if word in text
    ]
    assert schema(form)["required"] == [*form.model_fields]
