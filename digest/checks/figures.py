"""Check that the numbers of a statement are in its quoted passages. Pure.

Numbers are compared by value. Units are not checked, because tables have them in their headings; nor are signs, which a
translation may express by a verb.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from digest.checks import numerals
from digest.checks.quantities import Quantity, quantities

_TEX = re.compile(r"\{([,.])\}|\\[,;:! ]|\\(?=[%$#])|[_^](?:\{[^{}]*\}|[^\s{}])|\$")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=(?:\d{1,2}|\d{4,})(?!\d))")  # in French and German
_PARTED = re.compile("(?<=\\d)[\u00a0\u202f](?=\\d{3})")
_SCALED = re.compile(r"[十百千万亿]|hundred|thousand|million|billion|trillion|\d-?\s?(?:K|M|B|T|k|bn)\Z")
_SAID = {  # words of a passage that a statement may write in digits
    **dict.fromkeys(("one", "once", "single", "first"), (Decimal(1),)),
    **dict.fromkeys(("two", "twice", "double", "doubles", "doubled", "second", "both"), (Decimal(2),)),
    "half": (Decimal(50), Decimal("0.5")),
}
_WORD = re.compile(r"[a-z]+")
_NUMERAL = r"\d+(?:\.\d+)*\s*(?:\([a-z]\)|[a-z]\b)?"
_POINTER = re.compile(
    rf"(?:(?<![代形模方样格列发谱意地企试视布流互正端])[图表式§]|公式|算法|附录|章节|定理|(?:table|figure|fig|section|sec|equation|eq|algorithm|appendix|chapter)s?\.?)"
    rf"\s*[(（]?(?:[A-Z]\.?)?{_NUMERAL}[)）]?(?:\s*(?:[、,和与及–-]|and)\s*[(（]?{_NUMERAL}[)）]?)*"
    rf"(?!\d|\.\d|\s*[%％])|第\s*{_NUMERAL}\s*[节章]",
    re.IGNORECASE,
)


def missing(statement: str, passages: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers of `statement` that none of `passages` has, as they are written.

    Numbers of tables, figures and sections are ignored, because they are only references.
    """
    there = {abs(value) for passage in passages for value in _values(_plain(passage))}
    return tuple(each.written for each in stated(statement) if there.isdisjoint(_worth(each)))


def stated(statement: str) -> list[Quantity]:
    """Return the numbers of a statement, without those in names, list marks and references."""
    return [each for each in quantities(_POINTER.sub(" ", _plain(statement))) if not each.loose]


def _values(passage: str) -> Iterator[Decimal]:
    """Yield all values that the numbers of a passage may have, including numbers in words."""
    for each in quantities(passage):
        yield from (each.bare, *(amount.value for amount in each.amounts))
    lower = passage.lower()
    yield from map(Decimal, (*numerals.english(lower), *numerals.hinted(lower)))
    yield from (value for word in _WORD.findall(lower) for value in _SAID.get(word, ()))


def _worth(one: Quantity) -> set[Decimal]:
    """Return the values that `one` may have; the 3 in 3亿 does not count by itself."""
    values = {abs(amount.value) for amount in one.amounts}
    return values if _SCALED.search(one.written) else values | {abs(one.bare)}


def _plain(text: str) -> str:
    """Remove TeX's separators, subscripts and superscripts from `text`, and use English decimal points."""
    return _DECIMAL_COMMA.sub(".", _PARTED.sub("", _TEX.sub(lambda found: found[1] or "", text)))
