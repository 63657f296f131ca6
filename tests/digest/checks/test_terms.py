"""Tests of the terms that several papers share, and of what can be a translation of one."""

import json

import pytest

from digest.checks.glossary import Glossary, Term, key_of, load
from digest.checks.terms import LONGEST_TERM, MOST_TERMS, is_usable, open_terms
from digest.checks.translation import Original
from tests.shared import shared_data

NOTHING = Glossary({})


def found(*abstracts: str, glossary: Glossary = NOTHING) -> list[str]:
    return [each.source for each in open_terms([Original("A Title", each) for each in abstracts], glossary)]


def glossary_of(**terms: str) -> Glossary:
    named = {source.replace("_", " "): target for source, target in terms.items()}
    return Glossary({key_of(source): Term(source, target) for source, target in named.items()})


def test_a_term_of_two_papers_is_found_with_its_papers() -> None:
    papers = [
        Original("On Rooms", "We study sound field estimation."),
        Original("Sound-Field Estimation for Cars", "The car is small."),
        Original("On Cars", "The car is large."),
    ]
    [term] = open_terms(papers, NOTHING)
    assert (term.source, term.papers) == ("sound field estimation", frozenset({0, 1}))


def test_a_term_that_one_paper_repeats_is_found() -> None:
    text = "We trace a digital waveguide. The digital waveguide is slow. A digital waveguide is used."
    assert found(text) == []
    assert found(f"{text} This digital waveguide is new.") == ["digital waveguide"]


def test_number_case_and_hyphens_make_no_difference() -> None:
    assert found(
        "We train a speech tokenizer.", "Speech tokenizers are used. They are speech-tokenizers."
    ) == ["speech tokenizer"]


def test_terms_of_most_papers_come_first_and_are_limited() -> None:
    letters = [f"{a}{b}" for a in "bcdfghjk" for b in "lmnpqrstvw"]
    rare = [f"We use a {each}or detector." for each in letters]
    assert len(rare) > MOST_TERMS
    chosen = found(*rare, *rare, *["We use the common filter.", "We use an echo filter."] * 3)
    assert len(chosen) == MOST_TERMS
    assert chosen[0] == "echo filter"


@pytest.mark.parametrize(
    "phrase",
    [
        "real-world",
        "state-of-the-art",
        "end-to-end",
        "large-scale recordings",
        "state-of-the-art performance",
        "novel method",
        "zero-shot",
        "wide range",
        "Common Voice",
        "SteerMoE decoder",
        "the 24 kHz band",
        "$x$ axis",
        r"\emph{x} axis",
        "https://example.org/rooms",
        "existing approaches",
        "using filters",
        "significantly outperforms",
        "deeply nested",
        "speech-based",
        "training set",
        "tested " + "very-" * 12 + "long filter",
    ],
)
def test_other_phrases_are_no_terms(phrase: str) -> None:
    assert found(*[f"We compare it with {phrase}, as others do."] * 5) == []


def test_a_name_beside_a_phrase_may_belong_to_it() -> None:
    assert found(*["We use a Gaussian mixture prior."] * 2) == []
    assert found(*["We use a Gaussian mixture prior."] * 2, "We use a mixture prior.") == ["mixture prior"]


def test_a_phrase_before_its_acronym_is_a_term_whatever_it_begins_with() -> None:
    assert found(*["They use high order ambisonics."] * 2) == []
    assert found(*["They use high order ambisonics (HOA)."] * 2) == ["high order ambisonics"]


def test_terms_of_the_glossary_and_their_parts_are_not_open() -> None:
    glossary = glossary_of(target_speaker_extraction="目标说话人提取", audio_codec="音频编解码器")
    texts = [
        "We study target speaker extraction, speaker extraction, an audio codec and a neural audio codec."
    ]
    assert found(*texts * 2, glossary=glossary) == ["neural audio codec", "speaker extraction"]
    whole = ["We study speaker extraction.", "We study target speaker extraction."]
    assert found(*whole, glossary=glossary) == []


def test_a_system_for_a_term_is_no_other_term() -> None:
    text = "We study accent conversion. An accent conversion system is built."
    assert found(text, text) == ["accent conversion"]


def test_the_terms_of_real_editions_are_few_and_plain() -> None:
    pairs = json.loads(shared_data("pairs-tune.json").read_text("utf-8"))
    papers = [Original(each["title"], each["abstract"]) for each in pairs]
    for start in range(0, len(papers), 50):
        terms = open_terms(papers[start : start + 50], load("zh-CN"))
        assert 10 <= len(terms) <= 40
        for term in terms:
            assert len(term.source) <= LONGEST_TERM
            assert all(part.isalpha() and part.islower() for part in term.source.replace("-", " ").split(" "))
    [first, *_] = open_terms(papers[50:100], load("zh-CN"))
    assert (first.source, len(first.papers)) == ("deep learning", 7)


@pytest.mark.parametrize(
    ("source", "translation", "language"),
    [
        ("sound field estimation", "声场估计", "zh-CN"),
        ("sound field estimation", "聲場估計", "zh-TW"),
        ("diffusion transformer", "扩散 Transformer", "zh-CN"),
        ("diffusion transformer", "扩散Transformer", "zh-CN"),
        ("sound field estimation", "音場推定", "ja"),
        ("diffusion transformer", "拡散トランスフォーマー", "ja"),
        ("sound field estimation", "음장 추정", "ko"),
        ("sound field estimation", "estimation du champ sonore", "fr"),
        ("error rate", "taux d’erreur", "fr"),
        ("audio classification", "classification audio", "fr"),
        ("sound field estimation", "Schallfeldschätzung", "de"),
        ("sound field estimation", "оценка звукового поля", "ru"),
    ],
)
def test_a_translation_in_the_script_of_the_language_can_be_used(
    source: str, translation: str, language: str
) -> None:
    assert is_usable(source, translation, language, NOTHING)


@pytest.mark.parametrize(
    ("translation", "language"),
    [
        ("", "zh-CN"),
        (" 声场估计", "zh-CN"),
        ("声场\n估计", "zh-CN"),
        ("声场估计。", "zh-CN"),
        ("声场估计（SFE）", "zh-CN"),
        ("**声场估计**", "zh-CN"),
        ("<b>声场估计</b>", "zh-CN"),
        ("声场估计|声场推算", "zh-CN"),
        ("声场\u200b估计", "zh-CN"),
        ("声场\u202e估计", "zh-CN"),
        ("evil.com 声场", "zh-CN"),
        ("evil 声场", "zh-CN"),
        ("声场估计2", "zh-CN"),
        ("sound field", "zh-CN"),
        ("聲場估計", "zh-CN"),
        ("声场估计", "zh-TW"),
        ("音場すいてい", "zh-CN"),
        ("抱歉我无法翻译这个术语", "zh-CN"),
        ("用户要求翻译这个术语", "zh-CN"),
        ("建议录用", "zh-CN"),
        ("译文", "zh-CN"),
        ("声场估计" * 20, "zh-CN"),
        ("声场估计", "fr"),
        ("estimation d’un champ sonore dans une pièce avec beaucoup de microphones", "fr"),
        ("I'm sorry", "fr"),
        ("음장 field 추정 x", "ko"),
    ],
)
def test_anything_else_cannot(translation: str, language: str) -> None:
    assert not is_usable("sound field estimation", translation, language, NOTHING)


def test_a_translation_uses_what_the_glossary_requires_for_parts() -> None:
    glossary = glossary_of(audio_codec="音频编解码器")
    assert is_usable("neural audio codec", "神经音频编解码器", "zh-CN", glossary)
    assert not is_usable("neural audio codec", "神经音频编码器", "zh-CN", glossary)
