"""Verdicts of a judge: whether a text still means what its original says. Pure.

A judge is a second model. It gets pairs of passages, each with an id, and returns one verdict for each; it never
rewrites. Screens (`digest.checks.meaning`) choose the pairs, `digest.judging.judge` asks, and callers decide what
follows.
"""

from dataclasses import dataclass
from enum import StrEnum

from digest.core.models import VersionId


class Doubt(StrEnum):
    """The reason why a screen wants a pair judged. A doubt by itself refuses nothing."""

    DIRECTION = "direction"
    """An increase may have become a decrease, or better may have become worse."""
    NEGATION = "negation"
    """A negation may be lost or added."""
    ORDER = "order"
    """Numbers of a range, a change or a list may have changed places."""
    PERCENT_POINTS = "percent-points"
    """Percent may have become percentage points, or the reverse; relative may have become absolute."""
    SUPERLATIVE = "superlative"
    """A claim to be the best or the first may have no ground in the original, or be lost."""
    HEDGE = "hedge"
    """An uncertainty may be lost, added, or of another degree."""
    BOUND = "bound"
    """A bound (at least, up to, about) may be lost, added or turned round."""
    NUMERAL = "numeral"
    """A number written as a word may be missing or another one."""
    SWAP = "swap"
    """Names, metrics or their numbers may have changed places."""
    CHATTER = "chatter"
    """Text of the model about its own work may be part of the translation."""
    LABEL = "label"
    """A label in brackets that the original does not have."""
    LANGUAGE = "language"
    """The text may be in another language than the one asked for."""
    RESULT = "result"
    """The sentence bears a comparison, a negation or a result; no screen objects to it."""


class Relation(StrEnum):
    """What a passage says in comparison with its original."""

    SAME = "same"
    REVERSED = "reversed"
    """It says the opposite."""
    STRONGER = "stronger"
    WEAKER = "weaker"
    ADDED = "added"
    """It says something that the original does not."""
    MISSING = "missing"
    """It lacks something that the original says."""
    OTHER = "other"
    """It differs otherwise, or the judge cannot tell."""

    @property
    def objects(self) -> bool:
        """True if the passage must not be shown as it is: reversed, stronger, added or missing."""
        return self in (Relation.REVERSED, Relation.STRONGER, Relation.ADDED, Relation.MISSING)

    @property
    def confirms(self) -> bool:
        """True if the original says what the passage says, or more."""
        return self in (Relation.SAME, Relation.WEAKER)


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A passage of the original and its counterpart, to be judged because of `doubts`.

    `id` counts from 1 within one text. In a translation both are sentences, or runs of them that were aligned; in a
    reading `original` is the quoted passage with its neighbourhood and `made` the claim.
    """

    id: int
    original: str
    made: str
    doubts: tuple[Doubt, ...] = ()

    @property
    def is_doubted(self) -> bool:
        """True if a screen objects to the pair; False if it only bears a result."""
        return any(doubt is not Doubt.RESULT for doubt in self.doubts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's verdict on the pair `id`; `words` are those of the pair that it rests on, at most 200 characters."""

    id: int
    relation: Relation
    words: str = ""


@dataclass(frozen=True, slots=True)
class AuditedPair:
    """A pair in the translation of `version` into `language`, with the verdict of the auditor `judge`.

    `found` says whether the checks or the judge had found the fault, `shown` whether readers see the sentence;
    `accepted` is the operator's label on an objection, None without one.
    """

    id: int
    call_id: int
    version: VersionId
    language: str
    judge: str
    original: str
    made: str
    relation: Relation
    words: str
    found: bool
    shown: bool
    accepted: bool | None
