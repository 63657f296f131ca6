"""A language: its names, its script, and the checks that its data carry. Pure."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from digest.languages.lexicon import Bound, Lexicon, Rung, Superlative, TermWords
from digest.languages.numbers import Numbers
from digest.languages.sentences import Hedges, Sentences, WordKinds


class Check(StrEnum):
    """A check that needs data about the language of the translation; all other checks work in any language."""

    DIRECTION = "direction"
    NEGATION = "negation"
    PERCENT_POINTS = "percent-points"
    SUPERLATIVE = "superlative"
    HEDGE = "hedge"
    """The screens look for other certainty; that no hedge is lost is only checked with SENTENCE."""
    BOUND = "bound"
    NUMERAL = "numeral"
    CHATTER = "chatter"
    LABEL = "label"
    LANGUAGE = "language"
    """The text is in the language asked for."""
    SCRIPT = "script"
    """No characters of other scripts, or of the other form of Chinese.

    It and TYPOGRAPHY say what a language has. Their rules need none of its data, so `digest.checks.typography` goes by
    the tag, and applies them to traditional characters too, which have no folder.
    """
    TYPOGRAPHY = "typography"
    """Punctuation and spaces are set by the conventions of the language."""
    QUANTITY = "quantity"
    """Numbers with their units and powers of ten."""
    SENTENCE = "sentence"
    """No sentence is missing."""


_CHINESE_RULES = frozenset({Check.SCRIPT, Check.TYPOGRAPHY, Check.QUANTITY, Check.SENTENCE})
"""The checks whose rules in `digest.checks` are about Chinese in simplified characters."""


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
    numbers: Numbers = Numbers()
    sentences: Sentences = Sentences()
    hedges: Hedges = Hedges()
    words: WordKinds = WordKinds()
    terms: TermWords = TermWords()

    @model_validator(mode="after")
    def _carries_only_what_it_can(self) -> Self:
        rules = _CHINESE_RULES & self.checks
        if rules and self.script != "Hans":
            raise ValueError(f"checks: the rules of “{min(rules)}” only exist for the script Hans")
        lacking = [check for check in sorted(self.checks) if not self._has_data_for(check)]
        if lacking:
            raise ValueError(f"checks: there are no data for “{lacking[0]}”")
        return self

    @model_validator(mode="after")
    def _signs_have_values(self) -> Self:
        signs, numerals = self.numbers.characters, self.lexicon.numerals
        for written, values in (
            (signs.digits, numerals.values),
            (signs.places + signs.groups, numerals.scales),
        ):
            if unknown := set(written) - values.keys():
                raise ValueError(
                    f"numerals: lexicon.toml has no value of {min(unknown)}, a sign in numbers.toml"
                )
        return self

    def _has_data_for(self, check: Check) -> bool:
        lexicon = self.lexicon
        numerals = lexicon.numerals
        needed: dict[Check, tuple[object, ...]] = {
            Check.DIRECTION: (lexicon.opposites,),
            Check.NEGATION: (lexicon.negation.words,),
            Check.PERCENT_POINTS: (lexicon.percent.points, lexicon.percent.percent),
            Check.SUPERLATIVE: tuple(map(lexicon.superlatives.get, Superlative)),
            Check.HEDGE: tuple(map(lexicon.hedges.get, Rung)),
            Check.BOUND: tuple(map(lexicon.bounds.get, Bound)),
            Check.NUMERAL: (numerals.values, numerals.scales, numerals.factors),
            Check.CHATTER: (lexicon.chatter.openers, lexicon.chatter.thinking),
            Check.LABEL: (lexicon.chatter.labels,),
            Check.SENTENCE: (self.sentences.counterparts,),
            Check.QUANTITY: (self.numbers.units, self.numbers.characters.digits),
        }
        return all(needed.get(check, ()))

    @cached_property
    def answers_to(self) -> frozenset[str]:
        """The tags that mean the language, in lower case."""
        return frozenset(each.lower() for each in (self.tag, *self.aliases))

    @cached_property
    def refuses(self) -> frozenset[str]:
        """The tags that do not mean it, in lower case."""
        return frozenset(each.lower() for each in self.excluded)
