"""How a language writes numbers, beyond the numerals of its lexicon: names of units, months, idioms. Pure."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field

from digest.languages.part import Part, Word, WordList
from digest.languages.units import Unit


class Meaning(NamedTuple):
    """A value with its unit, None for a bare number."""

    value: Decimal
    unit: Unit | None


def _meaning(raw: object) -> object:
    """Parse a value and its unit: "50 percent", "0.5"."""
    if isinstance(raw, Meaning):
        return raw
    number, _, unit = str(raw).partition(" ")
    try:
        return Meaning(Decimal(number), Unit(unit) if unit else None)
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"“{raw}” is not a number, or a number and a unit") from error


class Idiom(Part):
    """WordList that say a number without being one, and what they may mean in digits: half is 50%, or 0.5."""

    words: WordList
    means: Annotated[tuple[Annotated[Meaning, BeforeValidator(_meaning)], ...], Field(min_length=1)]


class Characters(Part):
    """The signs of numbers written in characters; the numerals of the lexicon have their values.

    `places` multiply one digit and `groups` all that precedes them: 三千万. `sizes` follow a sign that stands alone:
    亿级. Before one of the `counters` a numeral counts things: 九种, not 统一.
    """

    digits: str = ""
    places: str = ""
    groups: str = ""
    sizes: tuple[Word, ...] = ()
    counters: str = ""


class Numbers(Part):
    """The numbers of a language.

    `units` are names beside the symbols; `attributes` are words that a hyphen joins to a unit (16 kHz-sampled), and
    `links` stand between two numbers with one unit. `ambiguous` are names of months that are mostly other words.
    `stems` are parts of words that may say the number, `implied` whole words.
    """

    units: Mapping[Unit, WordList] = {}
    attributes: tuple[Word, ...] = ()
    links: tuple[Word, ...] = ()
    months: Annotated[tuple[Word, ...], Field(min_length=12, max_length=12)] | tuple[()] = ()
    ambiguous: tuple[Word, ...] = ()
    stems: Mapping[int, WordList] = {}
    implied: Mapping[Decimal, WordList] = {}
    idioms: tuple[Idiom, ...] = ()
    characters: Characters = Characters()

    @cached_property
    def implied_by(self) -> Mapping[str, tuple[Decimal, ...]]:
        """The values that a word implies, those of unambiguous months included."""
        months = {Decimal(month): (name,) for month, name in enumerate(self.months, 1)}
        said = [
            (word, value)
            for listed in (self.implied, months)
            for value, words in listed.items()
            for word in words
        ]
        return {
            word: tuple(value for each, value in said if each == word)
            for word, _ in said
            if word not in self.ambiguous
        }

    def words_for(self, meaning: Meaning) -> tuple[str, ...]:
        """Return the idioms that may mean the same."""
        return tuple(word for idiom in self.idioms if meaning in idiom.means for word in idiom.words)
