"""Sentence alignment: finds sentences without a counterpart in a translation or its original. Pure.

Translators join and split sentences, so counting them is not enough. The sentences are aligned by their lengths and by
the names, numbers and common words that both sides share (after Gale and Church 1993); an omitted sentence remains
unaligned.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import inf, log
from typing import NamedTuple

from digest import languages
from digest.languages.part import any_of

_WORDINGS = languages.shipped(languages.CHINESE).sentences.counterparts
_SHORTEST, _LEXICON_LONGEST = min(map(len, _WORDINGS)), max(map(len, _WORDINGS))


@lru_cache(maxsize=20_000)
def wordings(word: str) -> tuple[str, ...]:
    """Return the usual Chinese wordings of an English `word` in lower case; empty for an unknown word."""
    for length in range(min(_LEXICON_LONGEST, len(word)), _SHORTEST - 1, -1):
        if word[:length] in _WORDINGS:
            return _WORDINGS[word[:length]]
    return ()


_ABBREVIATED = re.compile(
    rf"(?:\b(?:{any_of(languages.shipped(languages.SOURCE).sentences.abbreviations)})|\b[A-Z])\.$"
)
_LONGEST_ABBREVIATION = len(" approx.")
_END = re.compile(r"[.!?]['\"’”)\]*]*\s+(?=[\"'“(\[*$]*[A-Z0-9])")
_CHINESE_END = re.compile(r"(?<=[。！？])[”’）」』*]*|(?<=[a-z0-9)%][.!?])\s+(?=[\u4e00-\u9fffA-Z])|\n+")
_CLAUSE_END = re.compile(rf"{_CHINESE_END.pattern}|(?<=[；：])")
_PART_END = re.compile(rf"{_CHINESE_END.pattern}|(?<=[；：，])")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_LATIN = re.compile(r"[A-Za-z0-9]+(?:[.'-][A-Za-z0-9]+)*")
_ANCHOR = re.compile(r"[A-Za-z]*[A-Z0-9][A-Za-z0-9.-]*")
_HAN_PER_WORD = 1.85

# Tuned on published translations: of 208 sentences removed one by one, 19 in 20 are detected.
_SPREAD = 0.28
_SCALE = 1.06  # length of a whole translation relative to its original
_ALONE = 2.7  # the cost of leaving a sentence without a counterpart
_MOVES = ((1, 1, 0.0), (2, 1, 1.6), (1, 2, 1.6), (3, 1, 3.6), (1, 3, 3.6), (2, 2, 3.0))
_LOST = 0.65  # the cost of each name, number or word that a counterpart lacks
_EXPECTED = 0.38  # the share of them that is usually worded differently
_ALIKE = 1.5  # a lower cost means that two sentences match without a search
_STRAYS = 2  # the maximum offset of a counterpart, beyond the difference in the numbers of sentences
_LONGEST = 60  # sentences that are aligned
_TRACED = 0.4  # share of a sentence's own words; a text with at least as many of them expresses it somewhere


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, its length in English words, and the words in Latin letters and the numbers in it."""

    text: str
    length: float
    words: tuple[str, ...]


def english(text: str) -> list[Sentence]:
    """Split an English text into sentences."""
    pieces, start = [], 0
    for end in _END.finditer(text):
        stop = end.start() + 1
        if not _ABBREVIATED.search(text, max(start, stop - _LONGEST_ABBREVIATION), stop):
            pieces.append(text[start : end.end()])
            start = end.end()
    return [_sentence(piece) for piece in [*pieces, text[start:]] if piece.strip()]


def chinese(text: str, end: re.Pattern[str] = _CHINESE_END) -> list[Sentence]:
    """Split a Chinese text into sentences, or at another kind of `end`."""
    return [_sentence(piece) for piece in end.split(text) if _HAN.search(piece) or _LATIN.search(piece)]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The sentences without a counterpart: of the original, each with True if it is certain, and of the translation."""

    missing: list[tuple[Sentence, bool]]
    added: list[Sentence]


def unmatched(original: str, made: str) -> Unmatched:
    """Compare an English text with its Chinese translation.

    A translator joins sentences at a semicolon or a comma, so one that seems to be missing counts only if it has no
    counterpart among the clauses either. It is certain at the end or beside others, as in a text that breaks off; else
    if it has none among the smallest parts, and the words that it alone has are nowhere in the translation.
    """
    said = english(original)
    missing, added = alone(said, chinese(made))
    if not missing:
        return Unmatched([], added)
    if len(missing) > 1 or missing[-1] is said[-1]:
        return Unmatched([(each, True) for each in missing], added)
    among_clauses, _ = alone(said, chinese(made, _CLAUSE_END))
    among_parts, _ = alone(said, chinese(made, _PART_END))
    left = [each for each in missing if each in among_clauses]
    return Unmatched(
        [(each, each in among_parts and _traced(each, said, made) < _TRACED) for each in left], added
    )


def _traced(one: Sentence, said: Sequence[Sentence], made: str) -> float:
    """Return the share of the words that only this sentence of the original has which `made` has, 0 if it has none."""
    others = {_clue(word) for each in said if each is not one for word in each.words}
    own = {clue for word in one.words if (clue := _clue(word)) and clue not in others}
    return sum(any(wording in made for wording in clue) for clue in own) / len(own) if own else 0.0


def alone(original: Sequence[Sentence], made: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences of `original` without a counterpart in `made`, and those of `made` without one."""
    runs = aligned(original, made)
    missing = [sentence for some, others in runs if not others for sentence in some]
    return missing, [sentence for some, others in runs if not some for sentence in others]


def aligned(
    original: Sequence[Sentence], made: Sequence[Sentence]
) -> list[tuple[Sequence[Sentence], Sequence[Sentence]]]:
    """Return runs of sentences and their counterparts, in order; a sentence without one stands beside an empty run."""
    some, others = original[:_LONGEST], made[:_LONGEST]
    unlike = _Unlikeness(some, others)
    if unlike.is_plain():
        return [(some[at : at + 1], others[at : at + 1]) for at in range(len(some))]
    steps = _steps(len(some), len(others), unlike)
    place, runs = (len(some), len(others)), []
    while place in steps:
        many, few = steps[place]
        start, made_start = place[0] - many, place[1] - few
        runs.append((some[start : place[0]], others[made_start : place[1]]))
        place = (start, made_start)
    return runs[::-1]


def _steps(many_left: int, few_left: int, unlike: "_Unlikeness") -> dict[tuple[int, int], tuple[int, int]]:
    """Return the last step of the cheapest path to each pair of positions: the numbers of sentences it aligns."""
    costs = [[inf] * (few_left + 1) for _ in range(many_left + 1)]
    costs[0][0] = 0.0
    steps: dict[tuple[int, int], tuple[int, int]] = {}
    strays = abs(many_left - few_left) + _STRAYS
    for i, row in enumerate(costs):
        for j in range(max(0, i - strays), min(few_left, i + strays) + 1):
            ways = [(costs[i - 1][j] + _ALONE, (1, 0))] if i else []
            if j:
                ways.append((row[j - 1] + _ALONE, (0, 1)))
            for many, few, price in _MOVES:
                if i >= many and j >= few and (before := costs[i - many][j - few]) < inf:
                    ways.append((before + price + unlike(i - many, many, j - few, few), (many, few)))
            if ways:
                row[j], steps[i, j] = min(ways)
    return steps


class _SentenceRun(NamedTuple):
    """One or more sentences: their length on a logarithmic scale, and the bits of their clues."""

    length: float
    bits: int
    expected: float = 0.0
    """The number of clues that a counterpart is expected to word differently."""


class _Unlikeness:
    """The cost of aligning a run of sentences on one side with a run on the other."""

    def __init__(self, some: Sequence[Sentence], others: Sequence[Sentence]) -> None:
        bits: dict[tuple[str, ...], int] = {}
        said = [_bits(each.words, bits) for each in some]
        self._said = _runs([each.length * _SCALE for each in some], said)
        self._kept = _runs([each.length for each in others], _held(others, bits))

    def is_plain(self) -> bool:
        """Return True if each sentence matches the one at the same position."""
        many = len(self._said[1])
        return many == len(self._kept[1]) and all(self(at, 1, at, 1) < _ALIKE for at in range(many))

    def __call__(self, start: int, many: int, made_start: int, few: int) -> float:
        length, bits, expected = self._said[many][start]
        made_length, made_bits, _ = self._kept[few][made_start]
        strayed = made_length - length
        lost = (bits & ~made_bits).bit_count() - expected
        return strayed * strayed / 2 + _LOST * lost


def _bits(words: Iterable[str], bits: dict[tuple[str, ...], int]) -> int:
    """Return the bits of the clues of `words`; a new clue gets the next of `bits`."""
    union = 0
    for word in words:
        if clue := _clue(word):
            union |= bits.setdefault(clue, 1 << len(bits))
    return union


def _runs(lengths: list[float], bits: list[int]) -> dict[int, list[_SentenceRun]]:
    """Return the runs of one, two and three sentences, by the index of their first sentence."""
    runs, long, union = {}, lengths, bits
    for many in (1, 2, 3):
        runs[many] = [
            _SentenceRun(log(length + 2) / _SPREAD, each, _EXPECTED * each.bit_count())
            for length, each in zip(long, union, strict=True)
        ]
        long = [length + more for length, more in zip(long, lengths[many:], strict=False)]
        union = [each | more for each, more in zip(union, bits[many:], strict=False)]
    return runs


@lru_cache(maxsize=20_000)
def _clue(word: str) -> tuple[str, ...]:
    """Return the strings that indicate `word` in a translation: itself, or its Chinese wordings."""
    return (word,) if _ANCHOR.fullmatch(word) and not word.istitle() else wordings(word.lower())


def _held(sentences: Sequence[Sentence], bits: Mapping[tuple[str, ...], int]) -> list[int]:
    """Return the bits of the clues in each sentence; each wording is searched once, in all sentences together."""
    whole = "\n".join(each.text for each in sentences)
    ends = list(accumulate(len(each.text) + 1 for each in sentences))
    held = [0] * len(sentences)
    for clue, bit in bits.items():
        for wording in clue:
            at = whole.find(wording) if wording in whole else -1  # “in” is faster, and most are not
            while at >= 0:
                held[bisect_right(ends, at)] |= bit
                at = whole.find(wording, at + 1)
    return held


def _sentence(text: str) -> Sentence:
    words = _LATIN.findall(text)
    han = 0 if text.isascii() else sum(map(len, _HAN.findall(text)))
    length = han / _HAN_PER_WORD + len(words)
    return Sentence(text.strip(), length, tuple(words))
