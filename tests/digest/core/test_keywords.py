"""Tests of keywords, which are found in any spelling that papers use, and nowhere else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.core.keywords import InvalidKeywordError, _words, fold, found_in, keyword, keywords

WORDS = st.lists(st.text("abcdefgsAÉ语音模型", min_size=1, max_size=6), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("model", "Language Models"),
        ("models", "a model"),
        ("Categories", "one category"),
        ("boxes", "a box"),
        ("text-to-speech", "Text to Speech"),
        ("text to speech", "texttospeech"),
        ("self-supervised", "Self\u2011Supervised learning"),  # a hyphen that does not break
        ("datasets", "new data sets"),
        ("cache", "KV caches"),
        ("biases", "a bias"),
        ("movies", "movie"),
        ("LM", "LMs"),
        ("NNs", "NN"),
        ("GPU", "two GPUs"),
        ("corpus", "speech corpora"),
        ("matrices", "a matrix"),
        ("index", "indices"),
        ("gas", "gases"),
        ("email", "e-mail"),
        ("k-means", "kmeans"),
        ("Cernocky", "Jan Černocký"),
        ("Soren", "Søren"),
        ("Lukasz", "Łukasz"),
        ("ディープラーニング", "ディープ・ラーニング"),
        ("alpha divergence", r"the $\alpha$-divergence"),
        ("ＴＴＳ", "TTS systems"),
        ("C++", "a C++ library"),
        ("语音识别", "一种基于语音识别的方法"),
        ("GPT模型", "一个 GPT 模型"),
        ("speech", "zero\u00adwidth spe\u200bech"),
    ],
)
def test_a_keyword_is_found_in_any_form(word: str, text: str) -> None:
    assert found_in(keyword(word), fold(text))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("tts", "ATTS"),
        ("art", "this article"),
        ("speech", "speechless"),
        ("C++", "vitamin C"),
        ("bus", "bu"),
        ("news", "a new method"),
        ("RL", "R. L. Stone"),
        ("ASR", "A. S. R. Kumar"),
        ("LM", "LMS"),
        ("バス", "パス"),
        ("语音", "语言"),
    ],
)
def test_a_keyword_is_not_found_within_other_words(word: str, text: str) -> None:
    assert not found_in(keyword(word), fold(text))


def test_a_list_may_have_chinese_commas_and_says_nothing_twice() -> None:
    found = keywords("speech，语音识别； Music\nspeeches, Speech,, ")
    assert [each.text for each in found] == ["speech", "语音识别", "Music"]
    assert keywords("  ") == ()


@pytest.mark.parametrize("word", ["—", "()", "+", "##", "x" * 101])
def test_what_cannot_be_looked_for_is_refused_by_name(word: str) -> None:
    with pytest.raises(InvalidKeywordError, match="“"):
        keyword(word)


@given(st.text(), st.text())
def test_nothing_breaks_the_search(word: str, text: str) -> None:
    with suppress(InvalidKeywordError):
        found_in(keyword(word), fold(text))


@given(WORDS, st.data())
def test_the_words_of_a_text_are_found_in_it(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    assert found_in(keyword(" ".join(words[start:end])), fold(" ".join(words)))


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    once = _words(text)
    assert _words(" ".join(once)) == once


@given(st.text(max_size=100))
def test_a_keyword_is_found_in_itself(word: str) -> None:
    with suppress(InvalidKeywordError):
        assert found_in(keyword(word), fold(word))
