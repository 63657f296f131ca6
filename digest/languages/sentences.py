"""Words of a language that the checks of sentences need: abbreviations, counterparts, hedges, kinds of words. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from digest.languages.part import Part, Word, WordList


class Sentences(Part):
    """`abbreviations` are those whose full stop, left out here, ends no sentence.

    `counterparts` are usual translations of English words, by the beginning of the word in lower case.
    """

    abbreviations: tuple[Word, ...] = ()
    counterparts: Mapping[Word, WordList] = {}


class Hedge(StrEnum):
    """The kinds of hedges: bounds of a number, and uncertainties."""

    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"
    ABOUT = "about"
    POSSIBLE = "possible"
    PRELIMINARY = "preliminary"
    USUAL = "usual"
    SOMETIMES = "sometimes"

    @property
    def is_bound(self) -> bool:
        """True for a bound."""
        return self in {Hedge.AT_MOST, Hedge.MORE_THAN, Hedge.LESS_THAN, Hedge.ABOUT}


class Hedges(Part):
    """The hedges of a language by their kind; in a translation, all that renders one.

    `places` are hedges that are also prepositions of place, and in a translation what renders such a preposition.
    `compounds` contain a wording without meaning it.
    """

    hedges: Mapping[Hedge, WordList] = {}
    places: tuple[Word, ...] = ()
    compounds: tuple[Word, ...] = ()


class WordKinds(Part):
    """Kinds of words in lower case: `function` words, and `generic` ones that are spelled like coined names.

    `sections` are words of questions with the English headings of the sections that answer them.
    """

    function: frozenset[Word] = frozenset()
    generic: frozenset[Word] = frozenset()
    sections: Mapping[Word, WordList] = {}
