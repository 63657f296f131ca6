"""The wordings of a language for the concepts that checks of meaning look for. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from digest.languages.part import Part

_GAP = r"[^\n.!?。！？]{0,20}?"
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class Wordings:
    """Wordings of one concept; `bounded` if they must only match whole words.

    In a wording `*` stands for the rest of a word, `…` for up to 20 characters within a sentence, and a space also for
    a hyphen or a line break.
    """

    words: tuple[str, ...] = ()
    bounded: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern that finds any of them, longer ones first, in upper or lower case; compiled when first used."""
        return pattern_of(self.words, bounded=self.bounded) if self.words else _NEVER

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the places where `text` has one of the wordings."""
        return self.pattern.finditer(text)

    def are_in(self, text: str) -> bool:
        """Return True if `text` has one of the wordings."""
        return self.pattern.search(text) is not None

    def __bool__(self) -> bool:
        return bool(self.words)


def _wordings(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Wordings):
        return value
    if not (
        isinstance(value, list) and value and all(isinstance(each, str) and each.strip() for each in value)
    ):
        raise ValueError("wordings are a list of at least one text")
    if len(set(value)) < len(value):
        raise ValueError(f"a wording stands twice among {', '.join(value)}")
    bounded = bool((info.context or {}).get("bounded"))
    return Wordings(tuple(value), bounded)


def pattern_of(words: Sequence[str], *, bounded: bool) -> re.Pattern[str]:
    """Return the pattern that finds any of `words`; `bounded` if it must only match whole words."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(_alternative(each, bounded=bounded) for each in longest_first), re.IGNORECASE)


def _alternative(wording: str, *, bounded: bool) -> str:
    body = re.escape(wording)
    for written, meant in (
        (re.escape("…"), _GAP),
        (re.escape("*"), r"\w*"),
        (re.escape(" "), r"[\s\u00a0-]+"),
    ):
        body = body.replace(written, meant)
    if not bounded:
        return body
    before = r"(?<!\w)" if wording[0].isalnum() else ""
    behind = r"(?!\w)" if wording[-1].isalnum() else ""
    return f"{before}{body}{behind}"


Words = Annotated[Wordings, BeforeValidator(_wordings)]


class Rung(StrEnum):
    """The rungs of the ladder of certainty, from the weakest."""

    ABLE = "able"
    """It can be, whether or not it is."""
    POSSIBLE = "possible"
    LIKELY = "likely"
    SUGGEST = "suggest"
    SHOW = "show"
    PROVE = "prove"
    """Proved, certain, or necessary."""

    @property
    def height(self) -> int:
        """The number of weaker rungs."""
        return list(Rung).index(self)


class Bound(StrEnum):
    """What is said about a number beside its value."""

    AT_LEAST = "at_least"
    MORE_THAN = "more_than"
    AT_MOST = "at_most"
    LESS_THAN = "less_than"
    UP_TO = "up_to"
    ABOUT = "about"
    NEARLY = "nearly"
    """A little less than."""


class Superlative(StrEnum):
    """A claim to be beyond all others."""

    BEST = "best"
    WORST = "worst"
    STATE_OF_THE_ART = "state_of_the_art"
    FIRST = "first"
    ONLY = "only"
    HIGHEST = "highest"
    LOWEST = "lowest"


class Role(StrEnum):
    """The part that a name plays in a sentence."""

    STANDARD = "standard"
    """Another is compared with it, or replaces it."""
    PLACE = "place"
    """Something is tried or measured on it."""


class Opposites(Part):
    """The wordings of a direction or comparison and those of its opposite; either may be empty in a language."""

    concept: str = Field(pattern=r"^[a-z_]+$")
    up: Words = Wordings()
    down: Words = Wordings()


class Negation(Part):
    """Wordings that deny, and longer ones that contain such a wording and deny nothing: not only, 不仅.

    `implied` are wordings that a translator may render by a negation, or a negation by them: lack, 难以. `affixed` are
    words with a negating prefix and such prefixes, which deny a word rather than a sentence: unlabeled, 无.
    """

    words: Words = Wordings()
    implied: Words = Wordings()
    affixed: Words = Wordings()
    harmless: Words = Wordings()


class Percent(Part):
    """Wordings for percent and percentage points, and those that call a change relative or absolute."""

    percent: Words = Wordings()
    points: Words = Wordings()
    relative: Words = Wordings()
    absolute: Words = Wordings()


class Numerals(Part):
    """Numbers as words: `values` stand alone or are added, `scales` multiply what stands before them.

    `factors` say how many times as much something is or becomes: half 0.5, twice 2.
    """

    values: Mapping[str, float] = {}
    scales: Mapping[str, float] = {}
    factors: Mapping[str, float] = {}


class RoleWords(Part):
    """The words that tell the role of names beside them.

    The names stand `behind` a word, up to one of `ends`: “outperforms A on B”; or `before` one, behind the nearest of
    `openers`: 与A相比.
    """

    behind: Words = Wordings()
    before: Words = Wordings()
    openers: Words = Wordings()
    ends: Words = Wordings()


class Chatter(Part):
    """How models begin when they speak instead of translating, and how they think aloud about the task.

    `labels` are names of parts that stand in brackets or before a colon though the original has no such label.
    """

    openers: Words = Wordings()
    thinking: Words = Wordings()
    labels: Words = Wordings()


class Claims(Part):
    """Words by which a statement plainly says the same as a passage, or the opposite.

    Something `rises` or `falls`, or is `better` or `worse`. `turned` are words with which a clause may mean the
    opposite of its verb.
    """

    rises: Words = Wordings()
    falls: Words = Wordings()
    better: Words = Wordings()
    worse: Words = Wordings()
    turned: Words = Wordings()


class Lexicon(Part):
    """The wordings of a language.

    `ignored` are words that contain a wording without meaning it, such as 高斯 and "early exit": a wording within one
    does not count.
    """

    ignored: Words = Wordings()
    opposites: tuple[Opposites, ...] = ()
    negation: Negation = Negation()
    hedges: Mapping[Rung, Words] = {}
    bounds: Mapping[Bound, Words] = {}
    superlatives: Mapping[Superlative, Words] = {}
    percent: Percent = Percent()
    numerals: Numerals = Numerals()
    roles: Mapping[Role, RoleWords] = {}
    chatter: Chatter = Chatter()
    claims: Claims = Claims()

    @field_validator("opposites")
    @classmethod
    def _named_once(cls, value: tuple[Opposites, ...]) -> tuple[Opposites, ...]:
        concepts = [each.concept for each in value]
        if len(set(concepts)) < len(concepts):
            raise ValueError("a concept has two pairs of opposites")
        return value

    def opposite(self, concept: str) -> Opposites | None:
        """Return the pair of opposites of `concept`, or None."""
        return next((each for each in self.opposites if each.concept == concept), None)


class TermWords(Part):
    """The words by which technical terms are told from other phrases; only the originals' language needs them.

    A phrase ends before the words in `breaks`; a term neither begins with one of `not_first` nor ends with one of
    `not_last`. Another term before one of `heads` is that term. `kept` are excepted from all of these, `never` are
    phrases that are no terms.
    """

    breaks: Words = Wordings()
    not_first: Words = Wordings()
    not_last: Words = Wordings()
    heads: Words = Wordings()
    kept: Words = Wordings()
    never: Words = Wordings()
