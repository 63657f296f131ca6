"""Finds the wordings of a language's lexicon in a text, all concepts in one pass. Pure.

A search for each concept by its own pattern takes too long for a text of some hundred words. Here only the wordings
that begin with the two characters at a position are tried there.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain
from typing import NamedTuple

from digest.languages import Language, Wordings, load
from digest.languages.lexicon import pattern_of

_START = {True: re.compile(r"(?<!\w)\w|[^\w\s]"), False: re.compile(r"\S")}
"""Where a wording may begin, by whether the words of the language are bounded."""


class Concept(NamedTuple):
    """A concept of the lexicon: its part of the lexicon, and its name there."""

    part: str
    name: str = ""


class Hit(NamedTuple):
    """A place where a text has a wording of `concept`."""

    concept: Concept
    start: int
    end: int


IGNORED = Concept("ignored")
NEGATION = Concept("negation")
IMPLIED_NEGATION = Concept("negation", "implied")
AFFIXED_NEGATION = Concept("negation", "affixed")
_HARMLESS = Concept("harmless")


@dataclass(frozen=True, slots=True)
class Found:
    """The hits in a text, and their number for each concept."""

    hits: tuple[Hit, ...]
    counts: Counter[Concept]

    def of(self, part: str) -> Iterator[Hit]:
        """Yield the hits of one part of the lexicon."""
        return (hit for hit in self.hits if hit.concept.part == part)


class WordingIndex:
    """The wordings of one language by their first characters."""

    def __init__(self, language: Language) -> None:
        bounded = language.bounded_words
        by_key: dict[str, dict[Concept, list[str]]] = defaultdict(lambda: defaultdict(list))
        for concept, wordings in _concepts(language):
            for word in wordings.words:
                by_key[_key(word, bounded=bounded)][concept].append(word)
        self._start = _START[bounded]
        self._bounded = bounded
        self._patterns: dict[str, list[tuple[Concept, re.Pattern[str]]]] = {
            key: [(concept, pattern_of(words, bounded=bounded)) for concept, words in concepts.items()]
            for key, concepts in by_key.items()
        }

    def find(self, text: str) -> Found:
        """Find the wordings in `text`, except those within ignored words."""
        hits = [*self._all(text)]
        ignored, harmless, sure = (
            Cover([hit[1:] for hit in hits if hit.concept == concept])
            for concept in (IGNORED, _HARMLESS, NEGATION)
        )
        kept = tuple(
            hit
            for hit in hits
            if hit.concept not in (IGNORED, _HARMLESS)
            and not ignored.has(hit.start, hit.end)
            and not (hit.concept.part == NEGATION.part and harmless.has(hit.start, hit.end))
            and not (hit.concept == AFFIXED_NEGATION and sure.has(hit.start, hit.end))
        )
        return Found(kept, Counter(hit.concept for hit in kept))

    def _all(self, text: str) -> Iterator[Hit]:
        """Yield all hits by their position; those of one concept do not overlap."""
        ends: dict[Concept, int] = {}
        for at in (found.start() for found in self._start.finditer(text)):
            two = text[at : at + 2].lower()
            keys = (two[0], two) if self._bounded else (two[0],)
            for concept, pattern in chain.from_iterable(self._patterns.get(key, ()) for key in keys):
                found = pattern.match(text, at) if ends.get(concept, 0) <= at else None
                if found:
                    ends[concept] = found.end()
                    yield Hit(concept, at, found.end())


@cache
def index_of(tag: str) -> WordingIndex | None:
    """Return the index of the language that a BCP 47 `tag` means, built once; None without data."""
    language = load(tag)
    return WordingIndex(language) if language else None


def _key(word: str, *, bounded: bool) -> str:
    first = word[:2].lower()
    return first if bounded and first.isalnum() else first[0]


class Cover:
    """What places, each a start and an end, in the order of their starts, cover."""

    def __init__(self, places: Sequence[tuple[int, int]]) -> None:
        self._starts = [start for start, _ in places]
        self._ends = [*accumulate((end for _, end in places), max)]

    def has(self, start: int, end: int) -> bool:
        """Return True if a place that begins at or before `start` ends at or behind `end`."""
        before = bisect_right(self._starts, start)
        return before > 0 and self._ends[before - 1] >= end


def _concepts(language: Language) -> Iterator[tuple[Concept, Wordings]]:
    lexicon = language.lexicon
    yield IGNORED, lexicon.ignored
    yield NEGATION, lexicon.negation.words
    yield IMPLIED_NEGATION, lexicon.negation.implied
    yield AFFIXED_NEGATION, lexicon.negation.affixed
    yield _HARMLESS, lexicon.negation.harmless
    for pair in lexicon.opposites:
        yield Concept("up", pair.concept), pair.up
        yield Concept("down", pair.concept), pair.down
    for part, named in (
        ("hedge", lexicon.hedges),
        ("bound", lexicon.bounds),
        ("superlative", lexicon.superlatives),
    ):
        for name, wordings in named.items():
            yield Concept(part, name), wordings
    for kind in ("percent", "points", "relative", "absolute"):
        yield Concept("percent", kind), getattr(lexicon.percent, kind)
    for word, value in lexicon.numerals.values.items():
        yield Concept("numeral", f"{value:g}"), Wordings((word,))
