"""Tests of a model's answer with the terms of an edition."""

import pytest

from digest.checks.glossary import Glossary, Term
from digest.pipeline.edition_terms import TermItem, TermListAnswer, usable

WANTED = ["speech token", "sound field", "room filter", "echo filter"]
NOTHING = Glossary({})


def made(*items: tuple[str, str], glossary: Glossary = NOTHING) -> dict[str, str]:
    answer = TermListAnswer(terms=[TermItem(term=term, translation=text) for term, text in items])
    return usable(answer, WANTED, "zh-CN", glossary)


def test_the_terms_that_were_asked_for_are_taken_however_they_are_spelled() -> None:
    assert made(("Speech-Tokens", " 语音词元 "), ("sound field", "声场")) == {
        "speech token": "语音词元",
        "sound field": "声场",
    }


@pytest.mark.parametrize("term", ["", "field", "the sound field of rooms", "声场"])
def test_other_terms_are_dropped(term: str) -> None:
    assert made((term, "声场"), ("room filter", "房间滤波器")) == {"room filter": "房间滤波器"}


def test_of_several_translations_the_first_counts_that_can_be_one() -> None:
    assert made(("sound field", "sound"), ("sound field", "声场"), ("sound field", "音场")) == {
        "sound field": "声场"
    }


def test_a_model_that_says_the_same_of_many_terms_is_not_believed_in_them() -> None:
    same = [(term, "声学") for term in WANTED[:3]]
    assert made(*same, ("echo filter", "回声滤波器")) == {"echo filter": "回声滤波器"}
    assert made(*same[:2]) == {"speech token": "声学", "sound field": "声学"}


def test_what_the_glossary_requires_of_a_part_is_required() -> None:
    glossary = Glossary({("filter",): Term("filter", "滤波器")})
    assert made(("room filter", "房间过滤器"), ("echo filter", "回声滤波器"), glossary=glossary) == {
        "echo filter": "回声滤波器"
    }
