"""Tests of the identification of a text's language, on short sentences full of English names."""

import json
import re

import pytest

from digest.checks.language_id import is_in
from tests.shared import shared_data

TEXTS = {
    "en": "Experiments on LibriSpeech and AISHELL-1 show that the error rate falls without additional training.",
    "zh-CN": "在LibriSpeech和AISHELL-1上的实验表明，无需额外训练即可降低错误率。",
    "ja": "LibriSpeechとAISHELL-1での実験により、追加の学習なしに誤り率が低下することを示す。",
    "ko": "LibriSpeech와 AISHELL-1 실험에서 추가 학습 없이 오류율이 감소함을 보인다.",
    "de": "Versuche mit LibriSpeech und AISHELL-1 zeigen, dass die Fehlerrate ohne weiteres Training sinkt.",
    "fr": "Des expériences sur LibriSpeech et AISHELL-1 montrent que le taux d'erreur baisse sans autre entraînement.",
    "es": "Los experimentos con LibriSpeech y AISHELL-1 muestran que la tasa de error baja sin más entrenamiento.",
}


@pytest.mark.parametrize("asked", TEXTS)
@pytest.mark.parametrize("written", TEXTS)
def test_a_text_is_in_its_language_and_in_no_other(written: str, asked: str) -> None:
    assert is_in(TEXTS[written], asked) is (written == asked)


def test_a_language_without_a_folder_does_not_pass_as_a_similar_one() -> None:
    portuguese = "Os experimentos mostram que a taxa de erro diminui sem nenhum treinamento adicional."
    assert not is_in(portuguese, "es")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("", "de"),
        ("WavLM + ECAPA-TDNN", "de"),
        ("Whisper large-v3 (LibriSpeech, VoxCeleb1-O)", "fr"),
        ("https://github.com/example/repository-of-our-experiments", "zh-CN"),
        ("语音识别", "zh-CN"),
        ("音声認識手法", "ja"),  # kanji alone may be Chinese
        (TEXTS["fr"], "tlh"),
        (TEXTS["zh-CN"], "zh-TW"),
    ],
)
def test_a_short_text_and_an_unknown_language_are_not_decided(text: str, tag: str) -> None:
    assert is_in(text, tag) is None


def test_regional_tags_are_understood() -> None:
    assert is_in(TEXTS["de"], "de-AT")
    assert is_in(TEXTS["zh-CN"], "zh-Hans")


def test_no_real_sentence_is_taken_for_another_language() -> None:
    pairs = json.loads(shared_data("pairs-tune.json").read_text())
    english = [each for pair in pairs for each in re.split(r"(?<=[.!?])\s+(?=[A-Z])", pair["abstract"])]
    chinese = [each for pair in pairs for each in pair["zh"].split("。")]
    assert [each for each in english if is_in(each, "en") is False] == []
    assert [each for each in chinese if is_in(each, "zh-CN") is False] == []
    assert sum(is_in(each, "en") is None for each in english) < len(english) / 20
    assert sum(is_in(each, "de") is False for each in english) > 0.9 * len(english)
