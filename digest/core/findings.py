"""Findings: the flaws that a check can find in a model's text, and the attempts that had them. Pure.

Attempts at a translation are stored with their findings; the rules for asking a model again are here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest.core.backoff import Backoff
from digest.core.models import Call


class Flaw(StrEnum):
    """A difference from the original, or a defect that makes the text unfit for readers.

    The value is stored and counted. A template turns it into a sentence that tells the model what to repair.
    """

    MASK_MISSING = "mask-missing"
    """A placeholder is missing from the answer."""
    MASK_TWICE = "mask-twice"
    """A placeholder occurs more than once."""
    MASK_INVENTED = "mask-invented"
    """A placeholder that the model was not given."""
    FORMULA = "formula"
    """A formula, citation, code span or macro is missing, changed, or not the paper's."""
    ADDRESS = "address"
    """A web or mail address is missing, changed, or not the paper's."""
    NUMBER_MISSING = "number-missing"
    """A number of the original is missing in every notation."""
    NUMBER_INVENTED = "number-invented"
    """A number that the original does not have."""
    UNIT = "unit"
    """A number without its unit or sign, or with a wrong one."""
    NAME_MISSING = "name-missing"
    """A coined name is missing in its exact spelling."""
    NAME_INVENTED = "name-invented"
    """A name that the original does not have, or spells differently."""
    ACRONYM = "acronym"
    """An acronym is presented as a separate thing beside its full name."""
    ACRONYM_MISSING = "acronym-missing"
    """An acronym in parentheses after its full name is missing; the full name is translated."""
    HEDGE = "hedge"
    """A bound or an uncertainty is missing: the claim is stronger than the paper's."""
    TERM = "term"
    """A term is not translated as the glossary requires."""
    TERM_OF_EDITION = "term-of-edition"
    """A term is not translated as decided for the edition."""
    WORD = "word"
    """A word in Latin letters that the original does not have."""
    LENGTH = "length"
    """The text is far too short or too long for its original."""
    SENTENCE_MISSING = "sentence-missing"
    """A sentence of the original has no counterpart."""
    SENTENCE_ADDED = "sentence-added"
    """A sentence without a counterpart in the original."""
    UNTRANSLATED = "untranslated"
    """Untranslated words of the original."""
    SCRIPT = "script"
    """Not the target language's script: traditional instead of simplified characters, Japanese, Latin."""
    REFUSAL = "refusal"
    """The model refused to translate."""
    CHAT = "chat"
    """The model talks about its task, repeats its instructions, or asks for a good review of the paper."""
    REPETITION = "repetition"
    """The same words are repeated again and again."""
    MARKUP = "markup"
    """HTML, Liquid, a code fence or invisible characters."""
    BRACKETS = "brackets"
    """Unbalanced brackets or quotation marks."""
    EMPTY = "empty"
    """No words at all."""
    UNFOUNDED = "unfounded"
    """None of the passages that a statement quotes is in the paper."""
    NUMBER_NOT_QUOTED = "number-not-quoted"
    """A number in a statement is in none of its quoted passages."""
    OPPOSITE = "opposite"
    """A statement says the opposite of its quoted passages, or exchanges what they compare."""
    NOT_SAID = "not-said"
    """According to the judge, the quoted passages do not say what a statement says."""
    DIRECTION = "direction"
    """The text says that a lower-is-better metric improved by going up."""
    OVER_HUNDRED = "over-hundred"
    """A quantity fell by more than 100%."""
    MEANING = "meaning"
    """A judge says that a sentence is reversed, stronger, added to or incomplete."""
    DISAGREES = "disagrees"
    """A number that is close to one in the abstract, but differs from it."""


SOFT = frozenset(
    {Flaw.ACRONYM, Flaw.HEDGE, Flaw.TERM, Flaw.WORD, Flaw.BRACKETS, Flaw.SENTENCE_ADDED}
    | {Flaw.DIRECTION, Flaw.OVER_HUNDRED, Flaw.DISAGREES, Flaw.MEANING}
    | {Flaw.ACRONYM_MISSING, Flaw.TERM_OF_EDITION}
)
"""Flaws that do not block a text; a translation with them gets one repair first.

All others are hard, unless a check finds that one of them is uncertain: at least four in five hard findings of each
kind must be true on real translations, since a hard finding hides the whole text.
"""

NOTED = frozenset({Flaw.ACRONYM_MISSING, Flaw.TERM_OF_EDITION})
"""Flaws that are nearly always harmless: counted, but never sent to a model for repair."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw; `detail` is the shortest part of the original or the text that locates it: `57.7%`, `SteerMoE`."""

    flaw: Flaw
    detail: str = ""
    hard: bool = True

    @property
    def needs_repair(self) -> bool:
        """True if a model is asked to repair it."""
        return self.hard or self.flaw not in NOTED


def finding(flaw: Flaw, detail: str = "") -> Finding:
    """Return a finding of `flaw` with the flaw's default hardness."""
    return Finding(flaw, detail, hard=flaw not in SOFT)


def is_hard(findings: tuple[Finding, ...]) -> bool:
    """Return True if a text with these findings must not be shown."""
    return any(each.hard for each in findings)


def rank(findings: Sequence[Finding]) -> tuple[int, int, int]:
    """Return the sort key of a text: its numbers of hard findings, of a judge's, and of all; lower is better."""
    hard = sum(each.hard for each in findings)
    judged = sum(each.flaw is Flaw.MEANING for each in findings)
    return hard, judged, len(findings)


_BACKOFF = Backoff(timedelta(minutes=15), timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a model at a translation, the `number`-th (from 1) of its series.

    The texts are None once they are pruned. `call` is the call that produced it, `findings` are its flaws.
    """

    number: int
    call: Call
    title: str | None
    abstract: str | None
    summary: str | None
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """True if it may be shown: it has no hard findings."""
        return not is_hard(self.findings)


def is_attempt_due(refused: Sequence[Attempt], now: datetime) -> bool:
    """Return True if a translation with only `refused` attempts is tried again at `now`.

    After n series of attempts the pause is 15 min * 2^(n - 1), at most one day: a model that fails three times on a
    text mostly keeps failing, and neither a restart nor another person who asks should pay for this. A first series
    that was interrupted after its first attempt is repeated at once.
    """
    rows = sum(attempt.number == 1 for attempt in refused)
    if rows <= 1 and len(refused) <= 1:
        return True
    return now >= max(attempt.call.at for attempt in refused) + _BACKOFF.pause(rows - 1)


def unfinished_attempt(tried: Sequence[Attempt]) -> Attempt | None:
    """Return the best of the last series of attempts if it passes and still has its text; None if there is none.

    `tried` are the attempts at a text without a translation, oldest first: the process ended before that was stored.
    """
    first = max((place for place, each in enumerate(tried) if each.number == 1), default=0)
    passing = [each for each in tried[first:] if each.passes and each.abstract]
    return min(reversed(passing), key=lambda each: rank(each.findings), default=None)


def is_asked_again(fruitless: Sequence[Call], now: datetime) -> bool:
    """Return True if a model is asked again at `now` after `fruitless` calls without a usable result.

    After a single one it is. From then on each pause is as long as the time from the first failure to the last, between
    15 minutes and one day: calls cost money, and a model mostly fails on a paper in the same way.
    """
    if len(fruitless) <= 1:
        return True
    first, last = (chosen(call.at for call in fruitless) for chosen in (min, max))
    return now >= last + min(max(last - first, _BACKOFF.first), _BACKOFF.longest)
