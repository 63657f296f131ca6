"""What a check can find wrong with a model's text, by name."""

from dataclasses import dataclass
from enum import StrEnum


class Flaw(StrEnum):
    """Something that makes a text other than its original, or no text for a reader.

    The value is what is stored, counted and told to the model (through a template that has a sentence for each).
    """

    MASK_MISSING = "mask-missing"
    """A placeholder did not come back."""
    MASK_TWICE = "mask-twice"
    """A placeholder came back more than once."""
    MASK_INVENTED = "mask-invented"
    """A placeholder that was never given."""
    FORMULA = "formula"
    """A formula, a citation, code or a macro is missing, not as it was, or not the paper's."""
    ADDRESS = "address"
    """A web or mail address is missing, was changed, or is not the paper's."""
    NUMBER_MISSING = "number-missing"
    """A number of the original is not there, in no notation."""
    NUMBER_INVENTED = "number-invented"
    """A number that the original does not have."""
    UNIT = "unit"
    """A number without its unit or sign, or with another."""
    NAME_MISSING = "name-missing"
    """A coined name is not there, letter by letter."""
    NAME_INVENTED = "name-invented"
    """A name that the original does not have, or has otherwise."""
    ACRONYM = "acronym"
    """An acronym that stood in parentheses behind its full name is gone, or stands beside it as another thing."""
    HEDGE = "hedge"
    """A bound or a doubt is gone: the claim is stronger than the paper's."""
    TERM = "term"
    """A term is not translated as the glossary says."""
    WORD = "word"
    """A word in Latin letters that the original does not have."""
    LENGTH = "length"
    """Far too short or too long for its original."""
    SENTENCE_MISSING = "sentence-missing"
    """A sentence of the original has no counterpart."""
    SENTENCE_ADDED = "sentence-added"
    """A sentence that has no counterpart in the original."""
    UNTRANSLATED = "untranslated"
    """Words of the original, not translated."""
    SCRIPT = "script"
    """Not in the target language's script: traditional for simplified characters, Japanese, Latin."""
    REFUSAL = "refusal"
    """The model declined instead of translating."""
    CHAT = "chat"
    """The model speaks of its task, repeats its instructions, or asks for a good review of the paper."""
    REPETITION = "repetition"
    """The same words again and again."""
    MARKUP = "markup"
    """HTML, Liquid, a fence or characters that nobody sees."""
    BRACKETS = "brackets"
    """Brackets or quotation marks without their partner."""
    EMPTY = "empty"
    """No words at all."""
    UNFOUNDED = "unfounded"
    """None of the passages that a statement names stands in the paper."""
    NUMBER_NOT_QUOTED = "number-not-quoted"
    """A number of a statement stands in none of its own passages."""
    DIRECTION = "direction"
    """A metric that is better when lower is said to have gone up for the better."""
    OVER_HUNDRED = "over-hundred"
    """Something fell by more than all of it."""
    DISAGREES = "disagrees"
    """A number that is close to one of the abstract, and another."""


SOFT = frozenset(
    {Flaw.ACRONYM, Flaw.HEDGE, Flaw.TERM, Flaw.WORD, Flaw.BRACKETS, Flaw.SENTENCE_ADDED}
    | {Flaw.DIRECTION, Flaw.OVER_HUNDRED, Flaw.DISAGREES}
)
"""What is shown all the same, in a translation after one repair. All else is hard: it is never shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw; `detail` is the shortest piece of original or text that tells which: `57.7%`, `SteerMoE`."""

    flaw: Flaw
    detail: str = ""
    hard: bool = True


def finding(flaw: Flaw, detail: str = "") -> Finding:
    """The finding of `flaw`, as hard as such a flaw is by nature."""
    return Finding(flaw, detail, hard=flaw not in SOFT)


def is_hard(findings: tuple[Finding, ...]) -> bool:
    """Whether a text with these findings must not be shown."""
    return any(each.hard for each in findings)
