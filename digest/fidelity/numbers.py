"""Whether a translation has the numbers of its original: all of them, and no others. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from digest.fidelity import numerals
from digest.fidelity.findings import Finding, Flaw, finding
from digest.fidelity.quantities import Quantity, quantities, same
from digest.fidelity.units import STRICT

_DIGITS = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_MONTHS = "january february march april may june july august september october november december".split()
_DECADE = re.compile(r"\b(?:1[89]|20)(\d)0s\b")
_CENTURY = Decimal(20)
_WHOLE = {Decimal(50): ("一半", "半数"), Decimal(100): ("全部", "完全", "百分之百", "所有")}
_SMALL = 20  # up to here, numbers are written out


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of an original: those that a translation must have, and all that it may."""

    required: Sequence[Quantity]
    written_out: Sequence[int]
    """The values of number words; those up to two are not among them."""
    allowed: Sequence[Quantity]
    loosely: frozenset[Decimal]
    """Values that may stand in a translation because digits, months or words of the original may mean them."""


def numbers(prose: str, everything: str) -> Numbers:
    """The numbers of an original: `prose` is what must be translated of it, `everything` is title, formulas and all."""
    required = quantities(prose)
    words = [*numerals.english(prose)]
    return Numbers(
        required=[each for each in required if not each.loose],
        written_out=words,
        allowed=[*required, *quantities(everything)],
        loosely=frozenset(_loosely(everything)),
    )


def missing(known: Numbers, made: str) -> Iterator[Finding]:
    """What `made`, a Chinese text, lacks of the numbers it must have."""
    found = quantities(made)
    spelled = [*numerals.chinese(made)]
    values = {value for value, _ in spelled}
    for each in known.required:
        if not any(_says(each, other) for other in found) and not _is_spelled(each, values, made):
            units = any(each.bare == other.bare for other in found)
            yield finding(Flaw.UNIT if units else Flaw.NUMBER_MISSING, each.written)
    yield from _words_missing(known, found, spelled)


def invented(known: Numbers, made: str) -> Iterator[Finding]:
    """The numbers in `made`, a Chinese text, that the original does not have."""
    for each in quantities(made):
        if each.loose and each.bare <= _SMALL and (each.bare in known.loosely or not each.written.isalnum()):
            continue
        if any(_says(other, each) for other in known.allowed) or _is_loosely_known(each, known):
            continue
        units = any(each.bare == other.bare for other in known.allowed)
        yield finding(Flaw.UNIT if units else Flaw.NUMBER_INVENTED, each.written)


def _says(original: Quantity, made: Quantity) -> bool:
    return any(same(one, other) for one in original.amounts for other in made.amounts)


def _is_spelled(one: Quantity, values: set[int], made: str) -> bool:
    """Whether a number is written out in Chinese characters: 五种, 百分之五十, 一半."""
    value = one.amounts[0].value
    if one.bare in _WHOLE and any(word in made for word in _WHOLE[one.bare]):
        return True
    return any(value == spelled or one.bare == spelled for spelled in values)


def _is_loosely_known(one: Quantity, known: Numbers) -> bool:
    """Whether a number that measures nothing is a digit, a month or a number word of the original."""
    measured = one.amounts[0].measure
    return (one.bare in known.loosely or one.amounts[0].value in known.loosely) and (
        measured is None or measured not in STRICT
    )


def _words_missing(
    known: Numbers, found: Sequence[Quantity], spelled: Sequence[tuple[int, bool]]
) -> Iterator[Finding]:
    """The number words of which the value is nowhere; hard where another value stands, which nothing explains."""
    values = {Decimal(value) for value, _ in spelled} | {
        amount.value for each in found for amount in each.amounts
    }
    lost = [value for value in known.written_out if value not in values]
    if not lost:
        return
    explained = {*known.written_out, *known.loosely, *(each.bare for each in known.allowed)}
    strange = [value for value, counts in spelled if counts and value > 2 and value not in explained]
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
    yield from map(Decimal, numerals.english(everything))
    yield from map(Decimal, numerals.hinted(lower))
    yield from map(Decimal, (1, 2))
