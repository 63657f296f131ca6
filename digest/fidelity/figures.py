"""The numbers in a statement, and whether the passages that it rests on have them. Pure.

Numbers are compared by what they are worth: 3B, 3 billion and 30亿 are one. Units are left to the reader, for tables
have them in their headings; so are signs, which a translation may put into a verb.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_TEX = re.compile(r"\{([,.])\}|\\[,;:! ]|\\(?=[%$#])")
_NUMBER = re.compile(
    r"(?<![\d.,_^])(?<![_^]\{)(?<![A-Za-z])(?<![A-Za-z]-)"  # no index, no exponent, no part of a name
    r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?|\.\d+)"
    r"(?:\s?(万亿|[千万亿])|-?\s?((?:thousand|million|billion|trillion)(?![a-z])|[kKMBT](?![A-Za-z])))?"
    r"(\s?%| percent)?"
)
_SCALES = {
    "千": 3,
    "万": 4,
    "亿": 8,
    "万亿": 12,
    "k": 3,
    "thousand": 3,
    "m": 6,
    "million": 6,
    "b": 9,
    "billion": 9,
    "t": 12,
    "trillion": 12,
}
_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "zero none",
            "one once single first",
            "two twice double doubles doubled twofold second both pair",
            "three triple triples tripled third",
            "four fourth quadruple",
            "five fifth",
            "six sixth",
            "seven seventh",
            "eight eighth",
            "nine ninth",
            "ten tenth",
            "eleven",
            "twelve dozen",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        )
    )
    for word in words.split()
}
_HALF = {"half": (Decimal("0.5"), Decimal(50)), "quarter": (Decimal("0.25"), Decimal(25))}
_LETTERS = re.compile(r"[A-Za-z]+")
_NUMERAL = r"\d+(?:\.\d+)*\s*(?:\([a-z]\)|[a-z]\b)?"
_POINTER = re.compile(
    rf"(?:[图表式§]|公式|算法|附录|章节|定理|(?:table|figure|fig|section|sec|equation|eq|algorithm|appendix|chapter)s?\.?)"
    rf"\s*[(（]?(?:[A-Z]\.?)?{_NUMERAL}[)）]?(?:\s*(?:[、,和与及–-]|and)\s*[(（]?{_NUMERAL}[)）]?)*"
    rf"|第\s*{_NUMERAL}\s*[节章]|[(（]\d{{1,2}}[)）]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number: as it is written, what it is worth, and whether it is a percentage."""

    written: str
    value: Decimal
    is_percent: bool

    @property
    def is_measured(self) -> bool:
        """Whether it looks like a result, and not like a count."""
        return self.is_percent or "." in self.written


def missing(statement: str, passages: Iterable[str]) -> tuple[str, ...]:
    """The numbers of `statement` that none of `passages` has, as they are written.

    The numbers of tables, figures and sections are none of these: they tell where to look.
    """
    there = {value for passage in passages for value in _quoted(passage)}
    return tuple(each.written for each in stated(statement) if each.value not in there)


def stated(statement: str) -> tuple[Figure, ...]:
    """The numbers of a statement."""
    plain = _POINTER.sub(" ", _plain(statement))
    return tuple(Figure(found[0].strip(), _worth(found), bool(found[4])) for found in _NUMBER.finditer(plain))


def _quoted(passage: str) -> set[Decimal]:
    """All that a number in a passage may be worth: `3B` may be the third part of a figure."""
    plain = _plain(passage)
    values = {value for found in _NUMBER.finditer(plain) for value in (_bare(found), _worth(found))}
    for word in _LETTERS.findall(plain):
        if (number := _WORDS.get(word.lower())) is not None:
            values.add(Decimal(number))
        values.update(_HALF.get(word.lower(), ()))
    return values


def _plain(text: str) -> str:
    """Full-width signs and TeX's separators as everybody writes them; superscripts stay what they are."""
    return _TEX.sub(lambda sign: sign[1] or "", text.translate(_FULL_WIDTH))


def _bare(found: re.Match[str]) -> Decimal:
    return Decimal(found[1].replace(",", ""))


def _worth(found: re.Match[str]) -> Decimal:
    scale = (found[2] or found[3] or "").lower()
    return _bare(found).scaleb(_SCALES.get(scale, 0))
