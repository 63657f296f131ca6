"""Checks of a translation into a language without checks of its own. Pure.

They rely on two facts: digits are the same in all languages except for their separators, and a sentence in the
original's own words is not a translation.
"""

import re
from collections.abc import Iterator

from digest.checks import quantities
from digest.core.findings import Finding, Flaw

_NUMBER = re.compile(r"\d{1,3}(?:[\u00a0\u202f ’']\d{3})+(?!\d)|\d+(?:[.,]\d+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])")
_WORD = re.compile(r"[^\W\d_]{3,}")
_FEWEST_WORDS = 5  # of a sentence; a shorter one may be a name
_MOST_SHARED = 0.8  # share of a sentence's letters in words of the original; cognates make up far less
_SURE = 3  # digits; numbers with at least as many are never written out in words


def missing_numbers(original: str, made: str, paper: str) -> Iterator[Finding]:
    """Yield a finding for each number of `original` that `made` lacks; `paper` is its title and abstract.

    Only digits are compared, regardless of separators and powers of ten: 12,000 equals 1.2万. A number of few digits
    may be written out, so the finding is hard only if `made` also has an invented number.
    """
    there = {_digits(each) for each in _NUMBER.findall(made)}
    is_changed = any(invented_numbers(made, paper))
    for each in dict.fromkeys(_NUMBER.findall(original)):
        if _digits(each) not in there:
            yield Finding(Flaw.NUMBER_MISSING, each, hard=is_changed or len(_digits(each)) >= _SURE)


def invented_numbers(made: str, paper: str) -> Iterator[Finding]:
    """Yield a finding for each number of more than one digit in `made` that `paper` lacks."""
    known = {*_known(paper)}
    for each in dict.fromkeys(_NUMBER.findall(made)):
        if len(each) > 1 and _digits(each) not in known:
            yield Finding(Flaw.NUMBER_INVENTED, each)


def copied_sentences(original: str, made: str) -> Iterator[str]:
    """Yield the sentences of `made` that consist of words of `original`."""
    lower = original.lower()
    theirs = {*_WORD.findall(lower)}
    for sentence in _SENTENCE_END.split(made):
        words = _WORD.findall(sentence)
        letters = sum(map(str.isalpha, sentence))
        shared = sum(len(word) for word in words if word.lower() in theirs)
        if len(words) < _FEWEST_WORDS or shared <= _MOST_SHARED * letters:
            continue
        if not _is_named(words) or sentence.strip().lower() in lower:
            yield sentence


def _is_named(words: list[str]) -> bool:
    """Return True if most of the words begin with a capital, as names do."""
    return sum(word[0].isupper() for word in words) > len(words) / 2


def _known(paper: str) -> Iterator[str]:
    yield from map(_digits, _NUMBER.findall(paper))
    yield from (_digits(str(value)) for value in quantities.english_numeral(paper))
    yield "5"  # half of it


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number).strip("0") or "0"
