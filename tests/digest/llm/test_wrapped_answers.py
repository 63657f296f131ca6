"""A valid answer is extracted exactly, whatever text surrounds it; a draft beside it never is."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from digest.core.errors import ModelError
from digest.core.models import Purpose
from digest.llm.endpoint import completion
from digest.llm.errors import CallError, CallOutcome
from digest.llm.prompts import Prompt
from digest.llm.question import Question, parse_completion
from digest.llm.structured_output import answer
from tests.papers import paper


class Note(BaseModel):
    title: str
    text: str


QUESTION = Question(Prompt("", "", "1"), Note, Purpose.TRANSLATION, paper().version, "en", "m")
DRAFT = json.dumps({"title": "draft", "text": "draft " * 20})

THOUGHTS = {  # their beginnings, their ends, and the texts between that and the answer
    "Qwen": ("<think>", "</think>", "\n\n"),
    "Seed": ("<seed:think>", "</seed:think>", ""),
    "capitals": ("<Think >", "</THINK>", ""),
    "Exaone": ("<thought>", "</thought>", "Answer: "),
    "analysis": ("<analysis>", "</analysis>", ""),
    "scratchpad": ("<scratchpad>", "</scratchpad>", "<answer>"),
    "Magistral": ("[THINK]", "[/THINK]", ""),
    "Kimi": ("◁think▷", "◁/think▷", ""),
    "Cohere": ("<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>"),
    "DeepSeek": ("<｜begin▁of▁thinking｜>", "<｜end▁of▁thinking｜>", ""),
    "Gemma": ("<|channel>thought\n", "<channel|>", ""),
    "MedGemma": ("<unused94>thought\n", "<unused95>", ""),
    "gpt-oss": (
        "<|channel|>analysis<|message|>",
        "<|end|>",
        "<|start|>assistant<|channel|>final <|constrain|>json<|message|>",
    ),
    "gpt-oss without special tokens": ("analysisWe need ", ".", "assistantfinal"),
}
SHAPES: dict[str, Callable[[dict[str, str]], Any]] = {
    "plain": lambda note: note,
    "a list of one": lambda note: [note],
    "a wrapper": lambda note: {"note": note},
    "a wrapper beside other things": lambda note: {"status": "ok", "note": note},
    "JSON in JSON": json.dumps,
    "JSON in a wrapper": lambda note: {"note": json.dumps(note)},
    "capital names": lambda note: {name.upper(): each for name, each in note.items()},
}
AROUND = {
    "nothing": ("", ""),
    "fences": ("```json\n", "\n```"),
    "a preamble": ("In $x_{i}$ and ${y}$ I find:\n", "\nI hope that it helps {really}."),
    "thoughts": (f"<think>{DRAFT} or {{}}?</think>", ""),
    "thoughts without their beginning": (f"{DRAFT}\nBetter:</think>\n", ""),
    "thoughts in brackets": (f"[THINK]{DRAFT}[/THINK]", ""),
    "channels": (
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>",
        "<|return|>",
    ),
    "a correction": (f"{DRAFT}\n\nCorrection:\n", ""),
    "thoughts behind it": ("", f"\n<think>{DRAFT}"),
    **{name: (f"{begin}{DRAFT}{end}{between}", "") for name, (begin, end, between) in THOUGHTS.items()},
    "thoughts twice": (f"<think>{DRAFT}</think>{DRAFT}</think>", ""),
}
words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
marks = words.map(lambda text: f"between <think> and </think>{text}[/THINK]")
texts = words | marks | words.map(lambda text: f'{{"{text}"}}')


@given(
    title=words,
    text=texts,
    shape=st.sampled_from([*SHAPES]),
    around=st.sampled_from([*AROUND]),
    ending=st.sampled_from(["stop", "eos", "end", "STOP", "end_turn", None, "length"]),
    cut=st.none() | st.integers(0, 60),
    ascii_only=st.booleans(),
)
def test_a_valid_answer_comes_out_whatever_stands_around_it(
    title: str, text: str, shape: str, around: str, ending: str | None, cut: int | None, *, ascii_only: bool
) -> None:
    note = {"title": title, "text": text}
    before, after = AROUND[around]
    written = before + json.dumps(SHAPES[shape](note), ensure_ascii=ascii_only) + after
    content: object = written
    if cut is not None:
        content = [_chunk(written[:cut]), {"type": "thinking", "thinking": DRAFT}, _chunk(written[cut:])]
    choice = {"message": {"content": content}, "finish_reason": ending}
    told = completion(json.dumps({"choices": [choice]}).encode())
    assert parse_completion(QUESTION, told) == Note(title=title, text=text)


def _chunk(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('{"title": "t", "text": "a "good" model",}', 'a "good" model'),
        ('{"title"："t"，"text"："甲：乙，丙"}', "甲：乙，丙"),
        ("{'title': 't', 'text': 'a'}", "a"),
        ('{title: "t", text: "a"}', "a"),
        ('{ // the answer\n"title": "t", "text": "a"}', "a"),
        ('{\n# the answer\n"title": "t", "text": "a"}', "a"),
        ('{/* the answer */"title": "t", "text": "a"}', "a"),
        ('{"title": "t" "text": "a"}', "a"),
        (r'{"title": "t", "text": "$\alpha$ is "it"",}', r"$\alpha$ is \"it\"".replace('\\"', '"')),
        ("他说：\n{“title”: “t”, “text”: “a”}", "a"),
        (f'{DRAFT}\nCorrection: {{"title": "t", "text": "a "b" c"}}', 'a "b" c'),
    ],
)
def test_small_faults_of_json_cost_no_second_call(written: str, text: str) -> None:
    assert answer(written, Note, "en").text == text


@pytest.mark.parametrize(
    "written",
    [
        f'<think>{DRAFT}</think>{{"title": "t", "te',
        f'{DRAFT}</think>{{"title": "t", "text": "a',
        f'{DRAFT}\nCorrection: {{"title": "t", "text": "cut off',
        '{"title": "t", "text": "a" b", "more": {"x": "y"}',
        f"<think>{DRAFT}",
        f"{DRAFT}</think>",
        f"Certainly.\n<think>{DRAFT}",
        f"<think>Hm.</think>I begin anew. <think>{DRAFT}",
        *(f"{begin}Perhaps {DRAFT}" for begin, _, _ in THOUGHTS.values()),
        *(f"{begin}{DRAFT}{end}" for begin, end, _ in THOUGHTS.values()),
    ],
)
def test_half_an_answer_is_none_and_a_draft_before_it_neither(written: str) -> None:
    with pytest.raises(CallError):
        answer(written, Note, "en")


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [
        ({"message": {"content": ""}, "finish_reason": "sensitive"}, CallOutcome.FILTERED),
        ({"message": {"content": DRAFT}, "finish_reason": "content_filter"}, CallOutcome.FILTERED),
        ({"message": {"content": '{"title": "t'}, "finish_reason": "length"}, CallOutcome.LENGTH),
        ({"message": {"content": '{"title": "t'}, "finish_reason": None}, CallOutcome.UNFINISHED),
        (
            {"message": {"content": "", "reasoning_content": "Hm."}, "finish_reason": "stop"},
            CallOutcome.ONLY_THOUGHT,
        ),
        ({"message": {"content": None, "reasoning": "Hm."}, "finish_reason": "length"}, CallOutcome.LENGTH),
        (
            {"message": {"content": [{"type": "thinking", "thinking": []}]}, "finish_reason": "stop"},
            CallOutcome.BLANK,
        ),
    ],
)
def test_what_an_end_means_when_the_answer_is_not_whole(choice: dict[str, Any], outcome: CallOutcome) -> None:
    with pytest.raises(CallError) as caught:
        parse_completion(QUESTION, completion(json.dumps({"choices": [choice]}).encode()))
    assert caught.value.outcome is outcome
    assert isinstance(caught.value.error(), ModelError)
