"""Detection of the script and the language of a text. Pure.

Simplified characters are those of GB 2312 (1980), traditional ones those of Big5: each set lacks nearly all characters
that are specific to the other.
"""

import re
from collections.abc import Iterator
from functools import cache

from digest.checks.typography import is_chinese, is_traditional

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
"""A run of Chinese characters."""
_KANA_OR_HANGUL = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uac00-\ud7af]")
_LETTERS = re.compile(r"[A-Za-z]+")
_LATIN_RUN = re.compile(r"[A-Za-z][A-Za-z0-9'’.-]*(?:[ ,]+[A-Za-z0-9$][A-Za-z0-9'’.%-]*){3,}")
_PARENTHESES = re.compile(r"[（(][^（）()]{0,120}[）)]|[“\"‘][^“”\"‘’]{0,200}[”\"’]")
_PLAIN_WORD = re.compile(r"\b[a-z]{3,}\b")
_COMMON = frozenset(
    (  # noqa: SIM905 - a list of words reads best as words
        "a an and are as at be both by can for from has have in is it its not of on or our that the "
        "their these this to using was we were which while with"
    ).split()
)
_LEAST_HAN = 0.5  # of the letters; published translations have 0.66 or more
_LEAST_HAN_IN_A_TITLE = 0.15
_MOST_FOREIGN = 0.01  # of the Chinese characters: a rare character in a name is not another script
_FEW = 2
_HARDLY_ANY = 0.05  # of the letters: a Chinese statement about a long English title has more
_LEAST_COMMON = 2  # common English words in a run that makes it a clause, not a name
_LEAST_PLAIN = 5  # words in lower case that make it a clause, too


def is_foreign(made: str, language: str) -> str | None:
    """Return the first character of `made` in another script than that of `language`, if there are many; else None.

    Only Chinese is checked.
    """
    if not is_chinese(language):
        return None
    others = _KANA_OR_HANGUL.findall(made)
    if len(others) > _FEW:
        return str(others[0])
    han = "".join(HAN.findall(made))
    unusual = set(han) - _repertoire("big5" if is_traditional(language) else "gb2312")
    times = sum(map(han.count, unusual))
    return (
        next(sign for sign in han if sign in unusual) if times > max(_FEW, _MOST_FOREIGN * len(han)) else None
    )


def is_in_another(statement: str, language: str) -> bool:
    """Return True if a model's `statement` is certainly not in `language`. Only Chinese is checked."""
    if is_foreign(statement, language):
        return True
    is_english = share_of_han(statement) < _HARDLY_ANY and any(english_runs(statement))
    return is_chinese(language) and is_english


def characters(made: str) -> int:
    """Count the Chinese characters in `made`."""
    return sum(map(len, HAN.findall(made)))


def share_of_han(made: str) -> float:
    """Return the share of Chinese characters among the letters of `made`, from 0 to 1; 1 if it has no letters."""
    han = characters(made)
    letters = han + sum(map(len, _LETTERS.findall(made)))
    return han / letters if letters else 1.0


def is_translated(made: str, *, is_title: bool) -> bool:
    """Return True if enough of the letters of `made` are Chinese; a title needs fewer, since it is full of names."""
    return share_of_han(made) >= (_LEAST_HAN_IN_A_TITLE if is_title else _LEAST_HAN)


def english_runs(made: str) -> Iterator[str]:
    """Yield the untranslated English clauses in a Chinese text; names, quotations and parentheses do not count."""
    for run in _LATIN_RUN.findall(_PARENTHESES.sub("。", made)):
        words = run.replace(",", " ").lower().split()
        common = sum(word in _COMMON for word in words)
        plain = len(_PLAIN_WORD.findall(run))
        if common >= _LEAST_COMMON or plain >= _LEAST_PLAIN:
            yield run


@cache
def _repertoire(encoding: str) -> frozenset[str]:
    """Return the Chinese characters of a two-byte encoding."""
    pairs = (bytes((lead, trail)) for lead in range(0xA1, 0xFF) for trail in range(0x40, 0xFF))
    return frozenset(sign for pair in pairs for sign in pair.decode(encoding, "ignore") if HAN.match(sign))
