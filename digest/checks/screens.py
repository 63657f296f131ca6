"""The screens: each compares a passage with its translation by the words and numbers that carry its meaning. Pure.

A screen counts the wordings of a concept on each side and hardly looks at their places: translators reorder. It rather
raises a doubt than misses a fault, because a judge answers. `digest.checks.meaning` runs all screens.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from digest.checks import name_roles
from digest.checks.name_roles import Mention, Roles
from digest.checks.quantities import (
    Amount,
    Quantity,
    chinese_numeral,
    english_numeral,
    find_quantities,
    hinted_numeral,
    same,
)
from digest.checks.wording_index import AFFIXED_NEGATION, IMPLIED_NEGATION, NEGATION, Found, Hit
from digest.core.verdicts import Doubt
from digest.languages import Bound, Rung, Superlative

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MORE = re.compile(r"\+(?=[\sA-Za-z\u4e00-\u9fff-])|多(?=[个种名条首位项年天人次篇段类])")
"""Behind a number, more than it: 100+ languages, 40多个; 多个 by itself is several."""
_PAUSE = re.compile(r"[,;:()，。；：、（）]")
_NEAR = 8  # characters between a bound and the number behind it
_BESIDE = 2  # if the bound is a single character, which has other meanings too: 近, 约, 多
_BEHIND = 4  # characters between a number and the bound behind it
_FAINT = frozenset(
    {"with", "before", "known", "near", "succeed", "enable", "keep", "include", "positive", "easier"}
)
"""Opposites whose wordings have other meanings too: only a complete change counts."""
_PLAIN = frozenset({"increase", "improve", "better", "outperform", "higher", "faster"})
"""Opposites that mean a direction or a comparison and nothing else."""
_UNLIKE = frozenset({"with", "before", "known", "similar"})
"""Opposites that mean neither."""
_BEST = (Superlative.BEST, Superlative.STATE_OF_THE_ART)
_EXTREMES = (Superlative.HIGHEST, Superlative.LOWEST)
_ADDED = (
    (_BEST, (*_BEST, Superlative.HIGHEST)),
    ((Superlative.FIRST,),) * 2,
    ((Superlative.ONLY,),) * 2,
    (_EXTREMES, (*_BEST, *_EXTREMES, Superlative.WORST)),
)
"""Claims, and those that justify them on the other side."""
_LOST = _ADDED[:2]
_LOWER = (Bound.AT_LEAST, Bound.MORE_THAN)
_UPPER = (Bound.AT_MOST, Bound.LESS_THAN, Bound.UP_TO)
_NO_LOWER = (*_UPPER, Bound.ABOUT, Bound.NEARLY)
_FIRM = (*_LOWER, Bound.AT_MOST, Bound.ABOUT, Bound.NEARLY)
"""Bounds that are not added for style, as 仅 and 高达 are."""
_WEAK = (Rung.POSSIBLE, Rung.LIKELY)


@dataclass(frozen=True)
class Passage:
    """A text, what the lexicon of its language finds in it, and its words for roles; None and none without data."""

    text: str
    found: Found | None
    roles: Roles

    @cached_property
    def quantities(self) -> list[Quantity]:
        return find_quantities(self.text)

    @cached_property
    def values(self) -> list[str]:
        return [f"{each.amounts[0].value.normalize():f}" for each in self.quantities]

    @cached_property
    def written(self) -> list[str]:
        """The numbers in digits as they are written, without the signs between thousands."""
        return [_plain(each) for each in _NUMBER.findall(self.text)]

    @cached_property
    def mentions(self) -> list[Mention]:
        """The names, each with its role."""
        return name_roles.mentions(self.text, self.roles)

    def count(self, part: str, *names: str) -> int:
        """Return the number of places that have one of the concepts."""
        if self.found is None:
            return 0
        return len({hit.start for hit in self.found.of(part) if hit.concept.name in names})


def doubts(said: Passage, made: Passage, *, whole: bool = True) -> Iterator[Doubt]:
    """Yield the doubts about `made`, a translation of `said`; if not `whole`, it may leave out what `said` says."""
    for doubt, is_reason in _SCREENS.items():
        if is_reason(said, made, whole):
            yield doubt


def bears_result(said: Passage) -> bool:
    """Return True if a passage compares, denies or states a result."""
    if said.found is None:
        return False
    return any(
        hit.concept.part in ("superlative", "negation", "up", "down")
        and hit.concept.name not in _FAINT
        and hit.concept not in (IMPLIED_NEGATION, AFFIXED_NEGATION)
        for hit in said.found.hits
    )


def _is_reordered(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if the numbers that both sides have stand in another order, or have each other's units."""
    marks = [each.bare for each in made.quantities if each.marks]
    return whole and (
        _order_differs(said.values, made.values)
        or _order_differs(said.written, made.written)
        or marks != sorted(marks)
        or _have_other_units(made.quantities, said.quantities)
    )


def _have_other_units(given: Sequence[Quantity], stated: Sequence[Quantity]) -> bool:
    """Return True if a number is stated, but never with the unit that it is given with."""
    meant: dict[Decimal, set[Amount]] = defaultdict(set)
    for each in stated:
        meant[each.bare].update(each.amounts)
    return any(
        each.bare in meant and not any(same(one, other) for one in meant[each.bare] for other in each.amounts)
        for each in given
    )


def _is_swapped(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if names that both sides have, have other roles, or stand in another order within one role."""
    common = name_roles.names(said.text) & name_roles.names(made.text) if whole else ()
    return len(common) > 1 and (
        name_roles.are_exchanged(said.mentions, made.mentions)
        or any(_order_differs(*names) for names in name_roles.by_role(said.mentions, made.mentions))
    )


def _order_differs(some: list[str], others: list[str]) -> bool:
    """Return True if what both lists have, as often as both have it, has another order."""
    common = Counter(some) & Counter(others)
    return _kept(some, common) != _kept(others, common)


def _kept(values: list[str], common: Counter[str]) -> list[str]:
    left = Counter(common)
    kept = []
    for value in values:
        if left[value] > 0:
            left[value] -= 1
            kept.append(value)
    return kept


def _is_turned(said: Passage, made: Passage, _whole: bool) -> bool:
    """Return True if one side has more of a direction and the other side more of its opposite."""
    if made.found is None or said.found is None:
        return False
    concepts = {hit.concept.name for hit in made.found.hits if hit.concept.part in ("up", "down")}
    for concept in concepts:
        up, down = said.count("up", concept), said.count("down", concept)
        made_up, made_down = made.count("up", concept), made.count("down", concept)
        if concept in _FAINT:
            up, down, made_up, made_down = (min(each, 1) for each in (up, down, made_up, made_down))
        if (made_down > down and made_up < up) or (made_up > up and made_down < down):
            return True
    return any(_surely(made, part) > _at_most(said, part) for part in ("up", "down"))


def _surely(passage: Passage, part: str) -> int:
    """Return the number of places that have a direction, without single characters, which have other meanings too."""
    if passage.found is None:
        return 0
    return len(
        {
            hit.start
            for hit in passage.found.of(part)
            if hit.concept.name in _PLAIN and hit.end - hit.start > 1
        }
    )


def _at_most(passage: Passage, part: str) -> int:
    """Return the number of places that may have a direction."""
    if passage.found is None:
        return 0
    return len({hit.start for hit in passage.found.of(part) if hit.concept.name not in _UNLIKE})


def _is_denied(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if only one side denies something."""
    part, sure, affixed, implied = NEGATION.part, NEGATION.name, AFFIXED_NEGATION.name, IMPLIED_NEGATION.name
    most, most_made = (each.count(part, sure, affixed, implied) for each in (said, made))
    of_words = max(0, made.count(part, affixed) - said.count(part, affixed))
    added = made.count(part, sure) > said.count(part, sure, implied) or made.count(part, sure, affixed) > most
    lost = said.count(part, sure, implied) > made.count(part, sure, implied) + of_words or (
        said.count(part, sure, implied) > 0 and not most_made
    )
    return added or most_made > most > 0 or (whole and lost)


def _has_other_percent(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if there are other percentage points, or relative has become absolute."""
    points, made_points = said.count("percent", "points"), made.count("percent", "points")
    if made_points > points or (
        whole and made_points < points and made.count("percent", "percent") > said.count("percent", "percent")
    ):
        return True
    return any(
        said.count("percent", one) and made.count("percent", other) and not made.count("percent", one)
        for one, other in (("relative", "absolute"), ("absolute", "relative"))
    )


def _claims_otherwise(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if a claim to be the best, the first or the only one is on one side only."""
    added = any(
        made.count("superlative", *claim) and not said.count("superlative", *ground)
        for claim, ground in _ADDED
    )
    lost = any(
        said.count("superlative", *claim) and not made.count("superlative", *ground)
        for claim, ground in _LOST
    )
    return added or (whole and lost)


def _is_surer(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if an uncertainty is gone, or something is certain that was not."""
    sure = (Rung.SHOW, Rung.PROVE)
    is_suggested = said.count("hedge", *_WEAK, Rung.SUGGEST) > 0 and not said.count("hedge", *sure)
    if is_suggested and made.count("hedge", Rung.PROVE) and not made.count("hedge", *_WEAK, Rung.SUGGEST):
        return True
    if _proofs(made) > _proofs(said):
        return True
    return whole and (
        said.count("hedge", *_WEAK) > made.count("hedge", *_WEAK)
        or said.count("hedge", Rung.ABLE, *_WEAK) > made.count("hedge", Rung.ABLE, *_WEAK)
    )


def _proofs(passage: Passage) -> int:
    """Return the number of words that only mean proof or certainty."""
    if passage.found is None:
        return 0
    shown = {hit.start for hit in passage.found.of("hedge") if hit.concept.name == Rung.SHOW}
    return len({hit.start for hit in passage.found.of("hedge") if hit.concept.name == Rung.PROVE} - shown)


def _is_bounded_otherwise(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if the bounds of the numbers on both sides, or those of one number, have nothing in common."""
    if not made.written:
        return False
    bounded, bounds = _bounds(said), _bounds(made)
    numbers = _once(said) & _once(made)
    pairs = [(bounded.get(each, set()), bounds.get(each, set())) for each in numbers]
    pairs.append((set().union(*bounded.values()), set().union(*bounds.values())))
    return any(_differ(*each, whole=whole) for each in pairs)


def _differ(bounded: set[str], bounds: set[str], *, whole: bool) -> bool:
    """Return True if a bound was lost, turned round, or added otherwise than for style."""
    if bounded & bounds:
        return False
    turned = any(
        bounded.intersection(some) and bounds.intersection(others)
        for some, others in ((_LOWER, _NO_LOWER), (_NO_LOWER, _LOWER))
    )
    added = not bounded and bounds.intersection(_FIRM)
    return turned or bool(added) or (whole and bool(bounded) and not bounds)


def _once(passage: Passage) -> set[str]:
    """Return the numbers in digits that a passage has once."""
    return {number for number, times in Counter(passage.written).items() if times == 1}


def _bounds(passage: Passage) -> dict[str, set[str]]:
    """Return the kinds of bounds of each number in digits."""
    bounds = defaultdict[str, set[str]](set)
    if passage.found is None:
        return bounds
    numbers = [*_NUMBER.finditer(passage.text)]
    starts = [found.start() for found in numbers]
    for each in numbers:
        if _MORE.match(passage.text, each.end()):
            bounds[_plain(each[0])].add(Bound.MORE_THAN)
    for hit in passage.found.of("bound"):
        at = bisect_left(starts, hit.end)
        number = _nearest(hit, numbers[max(0, at - 1) : at + 1])
        if number is not None:
            bounds[_plain(number[0])].add(hit.concept.name)
    return bounds


def _nearest(hit: Hit, numbers: Sequence[re.Match[str]]) -> re.Match[str] | None:
    """Return which of the `numbers`, those before and behind a bound, it belongs to; None if neither."""
    is_word = hit.end - hit.start > 1
    beside: list[tuple[int, re.Match[str]]] = []
    for number in numbers:
        if number.start() >= hit.end:
            between, most = (hit.end, number.start()), _NEAR if is_word else _BESIDE
        else:
            between, most = (number.end(), hit.start), _BEHIND if is_word else 0
            if not number.string[hit.start].isalnum():
                continue
        gap = between[1] - between[0]
        if gap <= most and not _PAUSE.search(number.string, *between):
            beside.append((gap, number))
    return min(beside, key=lambda each: each[0])[1] if beside else None


def _plain(number: str) -> str:
    return number.replace(",", "")


def _miscounts(said: Passage, made: Passage, whole: bool) -> bool:
    """Return True if a number in words, from two on, is neither in words nor in digits on the other side."""
    if said.found is None or made.found is None or not whole:
        return False
    values = {hit.concept.name for hit in said.found.of("numeral")} - {"0", "1"}
    counted = {hit.concept.name for hit in made.found.of("numeral")}
    digits = {*made.values, *made.written}
    if any(value not in counted and value not in digits for value in values if len(value) < 2):
        return True
    return bool(_counted(made.text) - _countable(said))


def _counted(text: str) -> set[int]:
    """Return the numbers that count something in a Chinese text, from three on."""
    return {value for value, counts in chinese_numeral(text) if counts and value > 2}


def _countable(said: Passage) -> set[int]:
    """Return the numbers of an English text, in words or digits."""
    lower = said.text.lower()
    digits = {int(each.bare) for each in said.quantities if each.bare == int(each.bare)}
    return digits.union(english_numeral(lower), hinted_numeral(lower))


_SCREENS = {
    Doubt.ORDER: _is_reordered,
    Doubt.SWAP: _is_swapped,
    Doubt.DIRECTION: _is_turned,
    Doubt.NEGATION: _is_denied,
    Doubt.PERCENT_POINTS: _has_other_percent,
    Doubt.SUPERLATIVE: _claims_otherwise,
    Doubt.HEDGE: _is_surer,
    Doubt.BOUND: _is_bounded_otherwise,
    Doubt.NUMERAL: _miscounts,
}
