"""Statements that plainly say the opposite of the passages that they quote. Pure; Chinese and English statements.

A statement that is found here is dropped, so only what is certain counts: a number by or to which something rises on
one side and falls on the other, a number in percent on one side and in percentage points on the other, or a comparison
whose names have all changed sides. “Improve” is neither a rise nor a fall, because an error rate improves when it
falls. Everything subtler is left to a judge.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digest import languages

_N = r"(?<![A-Za-z0-9_.,])\d+(?:[.,]\d+)*"


def _wordings(name: str) -> str:
    """Return a pattern of the wordings for one kind of claim in Chinese and English."""
    claims = (languages.shipped(tag).lexicon.claims for tag in (languages.CHINESE, languages.SOURCE))
    return "|".join(getattr(each, name).pattern.pattern for each in claims)


_RISE = rf"(?<!提)(?:{_wordings('rises')})"  # 提升至 may improve an error rate
_FALL = _wordings("falls")
_EITHER = re.compile(f"{_RISE}|{_FALL}", re.IGNORECASE)
_RISES = re.compile(_RISE, re.IGNORECASE)
_CHANGE = re.compile(  # falls by 5, 下降了 5, a 5% reduction
    rf"(?P<verb>{_RISE}|{_FALL})(?:[了到至约近达超为\s]*"
    r"|(?:\s(?!(?:by|to|when|as|if)\b)[^\s\d.;,，。；]+){0,6}?\s(?:by|to|of)\s"
    r"(?:about |around |nearly |almost |up to |over |more than |only |roughly )?[$~≈\\]*)"
    rf"(?P<number>{_N})"
    rf"|(?P<of>{_N})\s*\\?[%％]?\s(?:relative |absolute |average )?"
    r"(?P<noun>reduction|decrease|drop|decline|increase|rise)\b",
    re.IGNORECASE,
)
_BETTER = re.compile(_wordings("better"), re.IGNORECASE)
_WORSE = re.compile(_wordings("worse"), re.IGNORECASE)
_PASSIVE = re.compile(r"\s*by\b", re.IGNORECASE)
_TURNED = re.compile(rf"(?!不如)(?:{_wordings('turned')}|n't)", re.IGNORECASE)
_CLAUSE = re.compile(r"[，。；！？;!?]|[.,](?=\s|\Z)|\s\(|（")
_NAME = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z][\w+-]*|[a-z][\w.+-]*[A-Z0-9][\w+-]*)", re.ASCII)
_NUMBER = re.compile(_N)
_POINTS = re.compile(
    r"\s*(?:个?百分点|(?:absolute |percentage |percent )?points?\b|p\.?p\.?\b)", re.IGNORECASE
)
_PERCENT = re.compile(r"\s*(?:\\?[%％]|per ?cent\b)(?!p\b|\s*points?\b)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"\babs(?:olute(?:ly)?)?\b|\bpoints?\b|\bpp\b|绝对|百分点", re.IGNORECASE)


def contradiction(statement: str, passages: Sequence[str]) -> str:
    """Return the words of `statement` that say the opposite of `passages`; empty if none certainly do."""
    said, quoted = [*_clauses(statement)], [each for passage in passages for each in _clauses(passage)]
    found = (_turned_change(said, quoted), _other_percent(statement, passages), _exchanged(said, quoted))
    return next(filter(None, found), "")


def _clauses(text: str) -> Iterator[str]:
    yield from (clause.strip() for clause in _CLAUSE.split(text) if clause.strip())


@dataclass(frozen=True, slots=True)
class _Change:
    """A `number` by or to which something rises or falls, and the words that say so."""

    number: str
    rises: bool
    words: str


def _turned_change(said: Sequence[str], quoted: Sequence[str]) -> str:
    """Return a change whose number has only changes of the other direction in the passages."""
    there = [*_changes(quoted)]
    numbers = [number for clause in quoted for number in _NUMBER.findall(clause)]
    for change in _changes(said):
        others = [each.rises for each in there if each.number == change.number]
        if others and change.rises not in others and len(others) == numbers.count(change.number):
            return change.words
    return ""


def _changes(clauses: Sequence[str]) -> Iterator[_Change]:
    """Yield the changes in clauses without a negation, where nothing between the verb and the number moves too."""
    for clause in clauses:
        for found in () if _TURNED.search(clause) else _CHANGE.finditer(clause):
            number = found["number"] or found["of"]
            if len(_EITHER.findall(found[0])) <= 1:
                yield _Change(number, _rises(found["verb"] or found["noun"]), found[0])


def _rises(word: str) -> bool:
    return _RISES.fullmatch(word) is not None


def _other_percent(statement: str, passages: Sequence[str]) -> str:
    """Return a number in percentage points that the passages have only in percent, or the reverse."""
    there = _units(passages)
    for number, unit in _units([statement]).items():
        if unit and there.get(number) and unit != there[number]:
            return f"{number} {unit}"
    return ""


def _units(texts: Sequence[str]) -> dict[str, str]:
    """Return each number of `texts` with the unit that it has everywhere: "%", "percentage points", or neither."""
    units: dict[str, set[str]] = {}
    for text in texts:
        is_absolute = _ABSOLUTE.search(text) is not None
        for number in _NUMBER.finditer(text):
            units.setdefault(number[0], set()).add(_unit(text, number.end(), is_absolute=is_absolute))
    return {number: found.pop() if len(found) == 1 else "" for number, found in units.items()}


def _unit(text: str, end: int, *, is_absolute: bool) -> str:
    """Return the unit behind a number that ends at `end`; percent is unclear if the text calls anything absolute."""
    if _POINTS.match(text, end):
        return "percentage points"
    return "%" if _PERCENT.match(text, end) and not is_absolute else ""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A clause that says that the names `better` are better than the names `worse`."""

    clause: str
    better: frozenset[str]
    worse: frozenset[str]


def _exchanged(said: Sequence[str], quoted: Sequence[str]) -> str:
    """Return a comparison whose names stand on the other sides in a passage."""
    there = [*_comparisons(quoted)]
    return next(
        (one.clause for one in _comparisons(said) for other in there if _is_exchanged(one, other)), ""
    )


def _is_exchanged(one: _Comparison, other: _Comparison) -> bool:
    crossed = one.better & other.worse and one.worse & other.better
    return bool(crossed) and not one.better & other.better and not one.worse & other.worse


def _comparisons(clauses: Sequence[str]) -> Iterator[_Comparison]:
    """Yield the clauses with one comparison, active and without a negation, and with names on both sides."""
    for clause in clauses:
        verbs = [*_BETTER.finditer(clause), *_WORSE.finditer(clause)]
        if len(verbs) != 1 or _TURNED.search(clause) or _PASSIVE.match(clause, verbs[0].end()):
            continue
        before, behind = _names(clause[: verbs[0].start()]), _names(clause[verbs[0].end() :])
        if before and behind:
            is_better = verbs[0].re is _BETTER
            yield _Comparison(clause, before, behind) if is_better else _Comparison(clause, behind, before)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.casefold() for name in _NAME.findall(text))
