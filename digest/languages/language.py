"""A language: its names, its script, and the checks that its data carry. Pure."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from digest.languages.lexicon import Lexicon, TermWords


class Check(StrEnum):
    """A check that needs data about the language of the translation; all other checks work in any language."""

    DIRECTION = "direction"
    NEGATION = "negation"
    PERCENT_POINTS = "percent-points"
    SUPERLATIVE = "superlative"
    HEDGE = "hedge"
    BOUND = "bound"
    NUMERAL = "numeral"
    CHATTER = "chatter"
    LABEL = "label"
    LANGUAGE = "language"
    """The text is in the language asked for."""
    SCRIPT = "script"
    """No characters of other scripts, or of the other form of Chinese."""
    TYPOGRAPHY = "typography"
    """Punctuation and spaces are set by the conventions of the language."""
    QUANTITY = "quantity"
    """Numbers with their units and powers of ten."""
    SENTENCE = "sentence"
    """No sentence is missing."""


class Language(BaseModel):
    """A language that texts are translated into, or from.

    `script` is an ISO 15924 code. `bounded_words`: spaces or punctuation stand around words, so that a wording only
    matches whole words. `aliases` are further tags that mean this language, and `excluded` those that do not, although
    they begin like it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tag: str
    name: str = Field(min_length=1)
    own_name: str = Field(min_length=1)
    script: Annotated[str, Field(pattern=r"^[A-Z][a-z]{3}$")]
    bounded_words: bool
    aliases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    checks: frozenset[Check]
    lexicon: Lexicon
    term_words: TermWords = TermWords()

    @cached_property
    def answers_to(self) -> frozenset[str]:
        """The tags that mean the language, in lower case."""
        return frozenset(each.lower() for each in (self.tag, *self.aliases))

    @cached_property
    def refuses(self) -> frozenset[str]:
        """The tags that do not mean it, in lower case."""
        return frozenset(each.lower() for each in self.excluded)
