"""Check that a Chinese translation has all numbers of its original and no others. Pure.

A number may be written in digits of any notation or in words, with another unit of the same value, or, without a strict
unit, as a digit, month or number word of the paper.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from digest.checks import quantities
from digest.checks.quantities import STRICT_UNITS, Quantity, find_quantities, same
from digest.core.findings import Finding, Flaw, finding

_DIGITS = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_FORMULA = re.compile(r"\$[^$]*\$")
_JOINED = re.compile(r"[A-Za-z]-(\d[\w.%]*)")  # any-to-192kHz, mid-2000s
_MONTHS = (  # noqa: SIM905 - a list of words reads best as words
    "january february march april may june july august september october november december"
).split()
_DECADE = re.compile(r"\b(?:1[89]|20)(\d)0s\b")
_CENTURY = Decimal(20)
_WHOLE = {Decimal(50): ("一半", "半数"), Decimal(100): ("全部", "完全", "百分之百", "所有")}


@dataclass(frozen=True, slots=True)
class StatedNumbers:
    """The numbers of a text in digits, and its prose, which may contain numbers in words."""

    quantities: Sequence[Quantity]
    prose: str


@dataclass(frozen=True, slots=True)
class KnownNumbers:
    """All numbers that a translation may have: the paper's quantities, and the values of its digits and words."""

    quantities: Sequence[Quantity]
    loosely: frozenset[Decimal]


def stated(prose: str) -> StatedNumbers:
    """Parse the numbers of a text that contains no formulas or addresses."""
    return StatedNumbers(find_quantities(prose), prose)


def allowed(texts: Sequence[StatedNumbers], everything: str) -> KnownNumbers:
    """Collect the numbers of a paper from its `texts`; `everything` is the texts with their formulas."""
    formulas = (
        " ".join(_FORMULA.findall(everything)).replace("\\%", "%").replace("\\", " ").replace("{,}", "")
    )
    found = [each for text in texts for each in text.quantities]
    joined = " ".join(_JOINED.findall(everything))
    return KnownNumbers([*found, *find_quantities(f"{formulas} {joined}")], frozenset(_loosely(everything)))


def find_missing(original: StatedNumbers, made: StatedNumbers, paper: KnownNumbers) -> Iterator[Finding]:
    """Yield a finding for each number of the original that `made`, a Chinese text, lacks."""
    spelled = [*quantities.chinese_numeral(made.prose)]
    values = {value for value, _ in spelled}
    for each in original.quantities:
        there = each.loose or any(_says(each, other) for other in made.quantities)
        if not there and not _is_spelled(each, values, made.prose):
            units = any(each.bare == other.bare for other in made.quantities)
            yield finding(Flaw.UNIT if units else Flaw.NUMBER_MISSING, each.written)
    yield from _words_missing(
        [*quantities.english_numeral(original.prose.lower())], original, made, spelled, paper
    )


def find_invented(made: StatedNumbers, paper: KnownNumbers) -> Iterator[Finding]:
    """Yield a finding for each number in `made`, a Chinese text, that the paper does not have."""
    yield from _marks_astray(made, paper)
    for each in made.quantities:
        if each.marks or (each.loose and each.bare in paper.loosely):
            continue
        if _lacks_unit(each, paper):
            yield finding(Flaw.UNIT, each.written)
        elif not any(_says(other, each) for other in paper.quantities) and not _is_loosely(each, paper):
            units = any(each.bare == other.bare for other in paper.quantities)
            yield finding(Flaw.UNIT if units else Flaw.NUMBER_INVENTED, each.written)


def _marks_astray(made: StatedNumbers, paper: KnownNumbers) -> Iterator[Finding]:
    """Yield a finding for each list mark that the paper lacks; if it has none in digits, marks must count from one."""
    marks = Counter(int(each.bare) for each in made.quantities if each.marks)
    theirs = Counter(int(each.bare) for each in paper.quantities if each.marks)
    for astray in sorted(marks - (theirs or Counter(range(1, marks.total() + 1)))):
        yield finding(Flaw.NUMBER_INVENTED, str(astray))


def _lacks_unit(one: Quantity, paper: KnownNumbers) -> bool:
    """Return True if a number without a unit has one everywhere in the paper."""
    if any(amount.measure for amount in one.amounts) or one.amounts[0].value != one.bare:
        return False
    alike = [other.amounts for other in paper.quantities if other.bare == one.bare]
    return bool(alike) and all(all(amount.measure in STRICT_UNITS for amount in amounts) for amounts in alike)


def _says(original: Quantity, made: Quantity) -> bool:
    return any(same(one, other) for one in original.amounts for other in made.amounts)


def _is_spelled(one: Quantity, values: set[int], made: str) -> bool:
    """Return True if a number is written out in Chinese characters: 五种, 百分之五十, 一半."""
    value = one.amounts[0].value
    if one.bare in _WHOLE and any(word in made for word in _WHOLE[one.bare]):
        return True
    return value in values or one.bare in values


def _is_loosely(one: Quantity, paper: KnownNumbers) -> bool:
    """Return True if a number without a strict unit is a digit, a month or a number word of the paper."""
    amount = one.amounts[0]
    return amount.measure not in STRICT_UNITS and not paper.loosely.isdisjoint((one.bare, amount.value))


def _words_missing(
    words: Sequence[int],
    original: StatedNumbers,
    made: StatedNumbers,
    spelled: Sequence[tuple[int, bool]],
    paper: KnownNumbers,
) -> Iterator[Finding]:
    """Yield a finding for each number word whose value is missing; hard if `made` has an unexplained other value."""
    values = {Decimal(value) for value, _ in spelled}
    values |= {amount.value for each in made.quantities for amount in each.amounts}
    lost = [value for value in words if value not in values]
    if not lost:
        return
    counted = [
        Decimal(value) for value, counts in spelled if counts and value > 2 and value not in paper.loosely
    ]
    counted += [each.bare for each in made.quantities if not each.loose]
    strange = Counter(counted) - Counter([*map(Decimal, words), *(each.bare for each in original.quantities)])
    for value in lost:
        yield Finding(Flaw.NUMBER_MISSING, str(value), hard=bool(strange))


def _loosely(everything: str) -> Iterator[Decimal]:
    lower = everything.lower()
    for digits in _DIGITS.findall(everything):
        yield Decimal(digits.replace(",", ""))
    for month, name in enumerate(_MONTHS, start=1):
        if name in lower:
            yield Decimal(month)
    for decade in _DECADE.findall(everything):
        yield from (Decimal(decade) * 10, _CENTURY)
    yield from map(Decimal, quantities.english_numeral(lower))
    yield from map(Decimal, quantities.hinted_numeral(lower))
    yield from map(Decimal, (1, 2))
