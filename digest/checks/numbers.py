"""Check that a Chinese translation has all numbers of its original and no others. Pure.

A number may be written in digits of any notation or in words, with another unit of the same value, or, without a strict
unit, as a digit, month or number word of the paper.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from digest import languages
from digest.checks import quantities
from digest.checks.quantities import STRICT_UNITS, Quantity, QuantityIndex, find_quantities
from digest.core.findings import Finding, Flaw, finding
from digest.languages.numbers import Meaning
from digest.languages.units import Measure, Unit

_ENGLISH, _CHINESE = (languages.shipped(tag).numbers for tag in (languages.SOURCE, languages.CHINESE))
_DIGITS = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_FORMULA = re.compile(r"\$[^$]*\$")
_JOINED = re.compile(r"[A-Za-z]-(\d[\w.%]*)")  # any-to-192kHz, mid-2000s
_DECADE = re.compile(r"\b(?:1[89]|20)(\d)0s\b")
_CENTURY = Decimal(20)
_SURE = 3  # digits, zeros at the ends apart; a number with at least as many is never reworded
_RANGE = re.compile(r"(?<!\d)(\d{2,12})[-–~至到](\d{2,12})(?!\d)")


@dataclass(frozen=True)
class StatedNumbers:
    """The numbers of a text in digits, and its prose, which may contain numbers in words."""

    quantities: Sequence[Quantity]
    prose: str

    @cached_property
    def index(self) -> QuantityIndex:
        return QuantityIndex(self.quantities)

    @cached_property
    def ranges(self) -> list[tuple[str, str]]:
        """The ranges in a translation, whose dash arXiv may have lost in the original: 3060 seconds, 30-60秒."""
        return [(start, end) for start, end in _RANGE.findall(self.prose) if int(start) < int(end)]


@dataclass(frozen=True)
class KnownNumbers:
    """All numbers that a translation may have: the paper's quantities, and the values of its digits and words."""

    quantities: Sequence[Quantity]
    text: str

    @cached_property
    def index(self) -> QuantityIndex:
        return QuantityIndex(self.quantities)

    @cached_property
    def worded(self) -> QuantityIndex:
        """The numbers in words, with a unit or as a share, as they may be in digits: one-second, half a million."""
        return QuantityIndex(quantities.worded_quantities(self.text))

    @cached_property
    def loosely(self) -> frozenset[Decimal]:
        """The values of the paper's digits and words, which few translations need."""
        return frozenset(_loosely(self.text))


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
    return KnownNumbers([*found, *find_quantities(f"{formulas} {joined}")], everything)


def find_missing(original: StatedNumbers, made: StatedNumbers, paper: KnownNumbers) -> Iterator[Finding]:
    """Yield a finding for each number of the original that `made`, a Chinese text, lacks.

    It is hard if `made` has another number in its place, or if the number is too long to be reworded.
    """
    spelled = [*quantities.chinese_numeral(made.prose)]
    values = {value for value, _ in spelled}
    words = [*quantities.english_numeral(original.prose)]
    ranges = {Decimal(start + end) for start, end in made.ranges}
    lost = [
        each
        for each in dict.fromkeys(original.quantities)
        if not (each.loose or each.bare in ranges or made.index.has(each))
        and not _is_spelled(each, values, made.prose)
    ]
    words_lost = [*_words_missing(words, made, values)]
    is_replaced = bool(lost or words_lost) and bool(_strange(words, original, made, spelled, paper))
    for each in lost:
        if alike := made.index.alike(each):
            yield Finding(Flaw.UNIT, each.written, hard=all(_contradicts(each, other) for other in alike))
        else:
            yield Finding(Flaw.NUMBER_MISSING, each.written, hard=is_replaced or _is_sure(each))
    for value in words_lost:
        yield Finding(Flaw.NUMBER_MISSING, str(value), hard=is_replaced)


def find_invented(made: StatedNumbers, paper: KnownNumbers) -> Iterator[Finding]:
    """Yield a finding for each number in `made`, a Chinese text, that the paper does not have.

    A unit where the paper has none, or the reverse, is soft; another unit or another scale is hard.
    """
    yield from _marks_astray(made, paper)
    bare = {each.bare for each in paper.quantities}
    parted = {Decimal(end) for both in made.ranges if Decimal("".join(both)) in bare for end in both}
    for each in dict.fromkeys(made.quantities):
        if each.bare in parted or each.marks or (each.loose and each.bare in paper.loosely):
            continue
        if _lacks_unit(each, paper):
            yield Finding(Flaw.UNIT, each.written, hard=False)
        elif not _is_known(each, paper):
            alike = paper.index.alike(each)
            if alike:
                yield Finding(Flaw.UNIT, each.written, hard=all(_contradicts(other, each) for other in alike))
            else:
                yield finding(Flaw.NUMBER_INVENTED, each.written)


def _contradicts(original: Quantity, made: Quantity) -> bool:
    """Return True if two equal numbers have different units or scales; one that has none contradicts nothing."""
    one, other = original.amounts[0], made.amounts[0]
    if one.measure == other.measure:
        return one.value != other.value
    return one.measure in STRICT_UNITS and other.measure in STRICT_UNITS


def _is_sure(one: Quantity) -> bool:
    digits = re.sub(r"\D", "", str(one.bare)).strip("0")
    return len(digits) >= _SURE


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
    alike = paper.index.alike(one)
    return bool(alike) and all(amount.measure in STRICT_UNITS for other in alike for amount in other.amounts)


def _is_spelled(one: Quantity, values: set[int], made: str) -> bool:
    """Return True if a number is written out in Chinese characters: 五种, 百分之五十, 一半."""
    value, measure = one.amounts[0].value, one.amounts[0].measure
    is_share = measure is Measure.SHARE
    if is_share or measure not in STRICT_UNITS:
        said = Meaning(one.bare, Unit.PERCENT if is_share else None)
        if any(word in made for word in _CHINESE.words_for(said)):
            return True
    return value in values or one.bare in values


def _is_known(one: Quantity, paper: KnownNumbers) -> bool:
    return paper.index.means(one) or _is_loosely(one, paper) or paper.worded.means(one)


def _is_loosely(one: Quantity, paper: KnownNumbers) -> bool:
    """Return True if a number without a strict unit is a digit, a month or a number word of the paper."""
    is_strict = any(amount.measure in STRICT_UNITS for amount in one.amounts)
    return not is_strict and not paper.loosely.isdisjoint((one.bare, one.amounts[0].value))


def _words_missing(words: Sequence[int], made: StatedNumbers, spelled: set[int]) -> Iterator[int]:
    """Yield the value of each number word that is missing."""
    values = {Decimal(value) for value in spelled}
    for each in made.quantities:
        values |= {each.bare, *(amount.value for amount in each.amounts)}
    for value in words:
        if value not in values:
            yield value


def _strange(
    words: Sequence[int],
    original: StatedNumbers,
    made: StatedNumbers,
    spelled: Sequence[tuple[int, bool]],
    paper: KnownNumbers,
) -> Counter[Decimal]:
    """Return the numbers in `made` beyond those of the original, which may stand in place of a missing one."""
    counted = [
        Decimal(value) for value, counts in spelled if counts and value > 2 and value not in paper.loosely
    ]
    counted += [each.bare for each in made.quantities if not each.loose]
    return Counter(counted) - Counter([*map(Decimal, words), *(each.bare for each in original.quantities)])


def _loosely(everything: str) -> Iterator[Decimal]:
    lower = everything.lower()
    for digits in _DIGITS.findall(everything):
        yield Decimal(digits.replace(",", ""))
    for month, name in enumerate(_ENGLISH.months, start=1):
        if name in lower:
            yield Decimal(month)
    for decade in _DECADE.findall(everything):
        yield from (Decimal(decade) * 10, _CENTURY)
    yield from map(Decimal, quantities.english_numeral(everything))
    yield from map(Decimal, quantities.hinted_numeral(lower))
    yield from map(Decimal, (1, 2))
