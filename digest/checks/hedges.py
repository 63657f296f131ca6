"""Check that a translation keeps the hedges of its original: bounds and uncertainty. Pure; Chinese only."""

import re
from collections.abc import Iterator

from digest import languages
from digest.languages.part import any_of
from digest.languages.sentences import Hedge

_ENGLISH, _CHINESE = languages.shipped(languages.SOURCE), languages.shipped(languages.CHINESE)
_SMALL = any_of(word for word, value in _ENGLISH.lexicon.numerals.values.items() if 2 <= value <= 10)
_NUMBER = (
    r"(?=\s*(?:an? (?:factor|average|order)\b|about\s|[$~≈]?\s*\d"
    rf"|(?:{_SMALL}|half|twice)\b))"
)
_NO_DATE = r"\b(?! \d)"  # not in May 5
_BEHIND_A_HEDGE = {kind: _NUMBER if kind.is_bound else r"\b" for kind in Hedge} | {Hedge.POSSIBLE: _NO_DATE}
_HEDGES = tuple(
    (
        phrases,
        re.compile(f"(?:{any_of(phrases)}){_BEHIND_A_HEDGE[kind]}"),
        re.compile(any_of(_CHINESE.hedges.hedges[kind])),
    )
    for kind, phrases in _ENGLISH.hedges.hedges.items()
)
"""For each kind: the English phrases, their pattern with what must follow, and the Chinese wordings."""

_COMPOUNDS = re.compile(any_of(_CHINESE.hedges.compounds))
_DIGITS = re.compile(r"\s*(?:an? (?:factor|average|order) of\s+|about\s+)?[$~≈]?\s*(\d[\d,]*(?:\.\d+)?)")
_NO_BOUND = re.compile(any_of(_CHINESE.hedges.places))
_BEFORE, _BEHIND = 16, 8  # characters before and after a number in which its bound must be
_AROUND = 0.25  # share of the text before and after the expected position of an uncertainty


def lost(original: str, made: str) -> Iterator[str]:
    """Yield the hedges of an English text that its Chinese translation lacks where they belong.

    A bound belongs beside its number, wherever that is; an uncertainty at about the same relative position as in the
    original.
    """
    lower = original.lower()
    said = [each for each in _HEDGES if any(phrase in lower for phrase in each[0])]
    bare = _COMPOUNDS.sub(lambda found: "\ufffc" * len(found[0]), made) if said else made
    for _, english, chinese in said:
        kept = set[tuple[str, str]]()  # a text may repeat one bound a thousand times
        for found in filter(_begins_a_word, english.finditer(lower)):
            number = _DIGITS.match(found.string, found.end())
            if number and (found[0], number[1]) in kept:
                continue
            if not _is_kept(found, number, chinese, bare):
                yield found[0].strip()
                break
            if number:
                kept.add((found[0], number[1]))


def _is_kept(found: re.Match[str], number: re.Match[str] | None, chinese: re.Pattern[str], made: str) -> bool:
    """Return True if `made` has the hedge that was `found`, before a `number` or not, where it belongs."""
    if number:
        beside = _beside(number[1], made)
        is_place = found[0] in _ENGLISH.hedges.places
        return any(chinese.search(place) or (is_place and _NO_BOUND.search(place)) for place in beside)
    if found.re.pattern.endswith(_NUMBER):
        return chinese.search(made) is not None
    at, far = found.start() / len(found.string) * len(made), _AROUND * len(made)
    return chinese.search(made, max(0, round(at - far)), round(at + far) + _BEFORE) is not None


def _beside(number: str, made: str) -> list[str]:
    """Return the surroundings of `number` in `made`; all of `made` if the number is written in another way."""
    forms = {number, number.replace(",", "")}
    found = [(at, at + len(form)) for form in forms for at in _positions(form, made)]
    return [made[max(0, start - _BEFORE) : end + _BEHIND] for start, end in found] or [made]


def _positions(digits: str, made: str) -> Iterator[int]:
    """Yield the positions at which `digits` are a whole number."""
    at = made.find(digits)
    while at >= 0:
        before, behind = made[at - 1 : at], made[at + len(digits) : at + len(digits) + 2]
        if not (before.isdigit() or before == "." or behind.removeprefix(".")[:1].isdigit()):
            yield at
        at = made.find(digits, at + 1)


def _begins_a_word(found: re.Match[str]) -> bool:
    """Return True if the match begins a word; checking this here is several times faster than in the pattern."""
    return not found.string[found.start() - 1 : found.start()].isalpha()
