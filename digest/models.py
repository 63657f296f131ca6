"""The values that the digest is made of: frozen, compared by content, free of behaviour that does anything.

Times are aware and in UTC. Text fields hold plain text in the project's one stored form of markup:
`$…$` for a formula in TeX, `**…**` for strong words, a pair of backticks for code. Everything else in them
is literal, whatever it looks like.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, order=True, slots=True)
class PaperId:
    """An arXiv identifier without its version, such as `2602.11145` or `hep-ex/0406020`.

    Made by `digest.ids`, which knows the scheme (https://info.arxiv.org/help/arxiv_identifier.html).
    """

    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, order=True, slots=True)
class VersionId:
    """One version of a paper; `str()` gives arXiv's form, such as `2602.11145v1`."""

    paper: PaperId
    number: int

    def __str__(self) -> str:
        return f"{self.paper}v{self.number}"


@dataclass(frozen=True, slots=True)
class Paper:
    """What arXiv says of one version of a paper.

    `categories` are in arXiv's order. `published` is the submission of version 1, `updated` that of this
    version; neither tells when it was announced. A paper taken over from an old post has no abstract, no
    primary category and no times: posts do not hold them.
    """

    version: VersionId
    title: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    primary_category: str | None
    abstract: str | None
    published: datetime | None
    updated: datetime | None
    comment: str | None = None

    @property
    def id(self) -> PaperId:
        return self.version.paper


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a translation or a reading: part of its key in the store."""

    model: str
    prompt: str
    """The prompt's version: a hash of its templates."""


BY_HAND = Origin("operator", "by-hand")
"""The operator's own text, which stands before whatever a model made or will make. No prompt has that version."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A paper version's title, abstract and one-line summary in one language (a BCP 47 tag).

    One that was taken over from an old post has no title and no summary: posts show neither.
    """

    version: VersionId
    language: str
    title: str | None
    abstract: str
    summary: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Claim:
    """One item of a reading's list, with the items under it.

    `quotes` are the passages of the paper that it rests on, to the letter. They are kept as evidence, and not shown;
    readings from before they were asked for, and those of old posts, have none.
    """

    text: str
    claims: tuple["Claim", ...] = ()
    quotes: tuple[str, ...] = ()


RULE = Claim("---")
"""In the place of a claim: a rule between two, as some old posts have it."""


class Basis(StrEnum):
    """What of its paper a reading was made of. Posts and messages have a sentence for each but the first."""

    WHOLE = "whole"
    BODY = "body"
    """Without its appendices: it is longer than what the model reads at once."""
    PART = "part"
    """What could be had of the full text, which was known to lack something."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The detailed reading of one paper version's full text in one language: three lists of claims.

    The lists answer, in this order: what was known and what was wrong with it; how the paper's method mends
    that; on which tasks it has which effect. An empty one: the paper does not tell.
    """

    version: VersionId
    language: str
    background: tuple[Claim, ...]
    method: tuple[Claim, ...]
    results: tuple[Claim, ...]
    origin: Origin
    basis: Basis = Basis.WHOLE

    @property
    def parts(self) -> tuple[tuple[Claim, ...], ...]:
        return (self.background, self.method, self.results)


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that an answer says, with the passages of the paper that it rests on, to the letter."""

    text: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a paper version says to a question, in one language. Not `told`: it does not say."""

    version: VersionId
    language: str
    question: str
    statements: tuple[Statement, ...]
    told: bool
    origin: Origin


class TextSource(StrEnum):
    """Where a full text was taken from."""

    HTML = "html"
    PDF = "pdf"
    TEX = "tex"


@dataclass(frozen=True, slots=True)
class FullText:
    """The text of one paper version without navigation and references, appendices kept.

    Headings stand on lines of their own behind `#` marks, formulas between `$` marks, table cells between
    tabs. `orders` are what the paper tells language models where no reader sees it: not in `text`, mostly empty.
    Not `whole`: all that could be had of the paper breaks off, or has lost pages. `extractors` names the libraries
    that took the text out of its source; empty for texts from before that was kept.
    """

    version: VersionId
    source: TextSource
    text: str
    orders: str = ""
    whole: bool = True
    extractors: tuple[str, ...] = ()


class NoTextReason(StrEnum):
    """Why a paper has no full text that could be read."""

    NOT_FOUND = "not-found"
    """404 for page and PDF: common in the hours after the announcement."""
    SCAN = "scan"
    """The pages are pictures."""
    ENCRYPTED = "encrypted"
    """Opens only with a password."""
    GARBLED = "garbled"
    """The fonts do not tell which characters their glyphs stand for."""
    DAMAGED = "damaged"
    """No reader can make sense of the file."""
    TOO_LARGE = "too-large"
    """Over the cap on bytes, or needs more memory than a paper may take."""
    TOO_SLOW = "too-slow"
    """Needs more time than a paper may take."""
    TOO_SHORT = "too-short"
    """Holds hardly more than an abstract."""
    UNREACHABLE = "unreachable"
    """arXiv did not answer."""

    @property
    def passes(self) -> bool:
        """Whether asking again may give what was not there: arXiv's page often comes days after a bad PDF."""
        return self not in (NoTextReason.SCAN, NoTextReason.ENCRYPTED, NoTextReason.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class NoText:
    """The outcome of looking for a full text where there is none, at least not now."""

    version: VersionId
    reason: NoTextReason


class Gap(StrEnum):
    """Why an edition shows a paper without its translation or its reading. Posts have a sentence for each."""

    NO_KEY = "no-key"
    """No model is configured."""
    BUDGET = "budget"
    """The daily token budget is spent."""
    MODEL = "model"
    """The model failed or answered nothing usable: due at the next run."""
    UNFAITHFUL = "unfaithful"
    """The model's translations did not pass the checks: the original stands in, and a later run tries again."""
    NO_TEXT = "no-text"
    """There is a full text, but none that can be read."""
    NO_TEXT_YET = "no-text-yet"
    """There is no full text so far, or arXiv did not give it: due at the next run."""
    DUE = "due"
    """Not made yet."""
    ON_DEMAND = "on-demand"
    """Not made by itself in this language: for whoever asks."""
    WITHDRAWN = "withdrawn"
    """The paper was withdrawn: there is nothing to read."""
    GIVEN_UP = "given-up"
    """Tried for a week in vain."""

    @property
    def follows(self) -> bool:
        """Whether what is missing is still to come, by itself."""
        return self in (Gap.BUDGET, Gap.MODEL, Gap.NO_TEXT_YET, Gap.DUE)


@dataclass(frozen=True, slots=True)
class Window:
    """From the previous edition's anchor (excluded) to this edition's own (included)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper as an edition shows it."""

    paper: Paper
    translation: Translation | Gap
    reading: Reading | Gap


@dataclass(frozen=True, slots=True)
class Edition:
    """The digest of one day: `date` is a day in the configured time zone.

    `fetched` counts the papers that were collected, before selection; `late` those of its entries that an earlier
    edition would have shown, had they been there. `replacements` are newer versions of papers, announced in the
    window.
    """

    date: date
    window: Window
    language: str
    categories: tuple[str, ...]
    fetched: int
    entries: tuple[Entry, ...]
    late: int = 0
    replacements: tuple[Paper, ...] = ()

    @property
    def translated(self) -> int:
        """The number of its papers that are shown in its language."""
        return sum(isinstance(entry.translation, Translation) for entry in self.entries)

    @property
    def is_mostly_original(self) -> bool:
        """Whether less than half of its papers are translated: no heading may promise its language."""
        return bool(self.entries) and 2 * self.translated < len(self.entries)


@dataclass(frozen=True, slots=True)
class ClosedEdition:
    """What was decided when an edition closed: its papers, in the order in which it shows them.

    `archived_at` is when its post was last written, `completed_at` when nothing of it was due any more; None before
    that.
    """

    date: date
    window: Window
    language: str
    categories: tuple[str, ...]
    fetched: int
    versions: tuple[VersionId, ...]
    closed_at: datetime
    late: int = 0
    replacements: tuple[VersionId, ...] = ()
    archived_at: datetime | None = None
    completed_at: datetime | None = None


class Reason(StrEnum):
    """Why an edition leaves a listed paper out."""

    EARLIER = "earlier"
    """Announced before the first edition, or before its categories were watched."""
    SILENCE = "silence"
    """Announced while nothing ran for more than a month, which earlier versions of the program did not make up for."""
    GONE = "gone"
    """Announced, but never to be had from arXiv in the week after that: it was taken back."""
    CATEGORY = "category"
    """In none of the watched categories any more."""
    PRIMARY = "primary"
    """Only cross-listed in them."""
    EXCLUDED = "excluded"
    """Has a keyword that excludes."""
    NOT_INCLUDED = "not-included"
    """Has none of the keywords that include."""
    CAP = "cap"
    """Ranked behind the last that the edition has room for."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A listed paper that is not shown; `detail` is the category, keyword or rank that `reason` is about."""

    paper: PaperId
    reason: Reason
    detail: str = ""


class Purpose(StrEnum):
    """What a model is called for."""

    TRANSLATION = "translation"
    READING = "reading"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Call:
    """One finished call of a language model, whatever came of it; token counts are the endpoint's own.

    `outcome` is "ok" or the name of what was wrong with the answer. `cached_tokens` are those prompt tokens
    that the provider had in its prompt cache.
    """

    at: datetime
    purpose: Purpose
    version: VersionId
    language: str
    origin: Origin
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
