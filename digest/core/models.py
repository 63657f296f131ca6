"""The value types of the digest: frozen, compared by content, without side effects.

Times are aware and in UTC. Text fields hold plain text in the project's one stored form of markup:
`$…$` for a formula in TeX, `**…**` for bold text, a pair of backticks for code. Everything else in them
is literal, whatever it looks like.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum


@dataclass(frozen=True, order=True, slots=True)
class PaperId:
    """An arXiv identifier without its version, such as `2602.11145` or `hep-ex/0406020`.

    `digest.core.ids` parses it by arXiv's scheme (https://info.arxiv.org/help/arxiv_identifier.html).
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
    """arXiv's metadata for one version of a paper.

    `categories` are in arXiv's order. `published` is the submission time of version 1, `updated` that of this
    version; neither is the time of the announcement. A paper imported from an old post has no abstract, no
    primary category and no times, because posts do not contain them.
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
    """The model and prompt that made a translation or a reading; part of its key in the database."""

    model: str
    prompt: str
    """The version of the prompt: a hash of its templates."""


BY_HAND = Origin("operator", "by-hand")
"""The operator's own text. It takes precedence over every model's; no prompt has this version."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A paper version's title, abstract and one-line summary in one language (a BCP 47 tag).

    A translation imported from an old post has no title and no summary, because posts show neither.
    """

    version: VersionId
    language: str
    title: str | None
    abstract: str
    summary: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Claim:
    """One item of a reading's list, with its nested items.

    `quotes` are the verbatim passages of the paper that support the claim. They are kept as evidence and not shown.
    Readings made before the model was asked for quotes have none, nor have those of old posts.
    """

    text: str
    claims: tuple["Claim", ...] = ()
    quotes: tuple[str, ...] = ()


RULE = Claim("---")
"""A horizontal rule between two claims, as some old posts have it."""


class Basis(StrEnum):
    """The part of the paper that a reading is based on. Posts and messages have a sentence for each but `WHOLE`."""

    WHOLE = "whole"
    BODY = "body"
    """The paper without its appendices, because it is longer than the model's context."""
    PART = "part"
    """An incomplete full text: part of the paper could not be extracted."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The detailed reading of one paper version's full text in one language: three lists of claims.

    The lists answer, in this order: what was known and what its problems were; how the paper's method solves
    them; what it achieves on which tasks. An empty list means that the paper does not say.
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
    """One statement of an answer, with the verbatim passages of the paper that support it."""

    text: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A paper version's answer to a question, in one language. If not `told`, the paper does not answer it."""

    version: VersionId
    language: str
    question: str
    statements: tuple[Statement, ...]
    told: bool
    origin: Origin


class TextSource(StrEnum):
    """The format that a full text was extracted from."""

    HTML = "html"
    PDF = "pdf"
    TEX = "tex"


@dataclass(frozen=True, slots=True)
class FullText:
    """The text of one paper version without navigation and references, but with its appendices.

    Headings are lines of their own that begin with `#` marks, formulas stand between `$` marks, and tabs separate
    table cells. `orders` is the prompt injection found in the paper, invisible to its readers and removed from
    `text`; it is usually empty. `whole` is False if the text is known to be cut off or to lack pages. `extractors`
    names the libraries that extracted the text; it is empty for texts stored before this was recorded.
    """

    version: VersionId
    source: TextSource
    text: str
    orders: str = ""
    whole: bool = True
    extractors: tuple[str, ...] = ()


class NoTextReason(StrEnum):
    """The reason why a paper has no usable full text."""

    NOT_FOUND = "not-found"
    """404 for both the HTML page and the PDF: common in the hours after the announcement."""
    SCAN = "scan"
    """The pages are images."""
    ENCRYPTED = "encrypted"
    """The PDF needs a password."""
    GARBLED = "garbled"
    """The fonts do not map their glyphs to characters."""
    DAMAGED = "damaged"
    """No parser can read the file."""
    TOO_LARGE = "too-large"
    """The file exceeds the limit on bytes, or extraction exceeds the limit on memory."""
    TOO_SLOW = "too-slow"
    """Extraction exceeds the time limit."""
    TOO_SHORT = "too-short"
    """The text is hardly longer than an abstract."""
    UNREACHABLE = "unreachable"
    """arXiv did not answer."""

    @property
    def passes(self) -> bool:
        """True if a later attempt may succeed: arXiv's HTML page often appears days after a bad PDF."""
        return self not in (NoTextReason.SCAN, NoTextReason.ENCRYPTED, NoTextReason.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class NoText:
    """The result of a search for a full text that found none, at least for now."""

    version: VersionId
    reason: NoTextReason


class Gap(StrEnum):
    """The reason why an edition shows a paper without its translation or reading. Posts have a sentence for each."""

    NO_KEY = "no-key"
    """No model is configured."""
    BUDGET = "budget"
    """The daily token budget is spent."""
    MODEL = "model"
    """The model failed or gave no usable answer; the next run tries again."""
    UNFAITHFUL = "unfaithful"
    """The model's translations failed the checks. The original is shown, and a later run tries again."""
    NO_TEXT = "no-text"
    """There is a full text, but it cannot be read."""
    NO_TEXT_YET = "no-text-yet"
    """There is no full text yet, or arXiv did not deliver it; the next run tries again."""
    DUE = "due"
    """Not made yet."""
    ON_DEMAND = "on-demand"
    """Made in this language only when somebody asks for it."""
    WITHDRAWN = "withdrawn"
    """The paper was withdrawn: there is nothing to read."""
    GIVEN_UP = "given-up"
    """A week of attempts failed."""

    @property
    def follows(self) -> bool:
        """True if a later run will fill the gap by itself."""
        return self in (Gap.BUDGET, Gap.MODEL, Gap.NO_TEXT_YET, Gap.DUE)


@dataclass(frozen=True, slots=True)
class Window:
    """The time from the previous edition's anchor (excluded) to this edition's own (included)."""

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

    `fetched` counts the papers collected before selection. `late` counts the entries that belonged to an earlier
    edition but were not available when it closed. `replacements` are newer versions of papers announced in the
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
        """The number of its papers that are shown in translation."""
        return sum(isinstance(entry.translation, Translation) for entry in self.entries)

    @property
    def is_mostly_original(self) -> bool:
        """True if less than half of its papers are translated; then no heading may promise a translation."""
        return bool(self.entries) and 2 * self.translated < len(self.entries)


class Extent(IntEnum):
    """The part of an edition that is made unasked in one language; the rest is made on request."""

    NOTHING = 0
    TRANSLATIONS = 1
    READINGS = 2
    """The readings, and the translations."""


@dataclass(frozen=True, slots=True)
class ClosedEdition:
    """The decisions recorded when an edition closed: its papers, in display order.

    `archived_at` is the time at which its post was last written, `completed_at` the time at which no part of it was
    due any more; each is None until then.
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


class CatchUp(StrEnum):
    """The way to publish batches that were missed during an outage."""

    EACH = "each"
    """Each in the edition of its own day."""
    ONE = "one"
    """All in one edition."""


class Reason(StrEnum):
    """The reason why an edition leaves out a listed paper."""

    EARLIER = "earlier"
    """Announced before the first edition, or before its categories were watched."""
    SILENCE = "silence"
    """Announced during an outage of more than a month. Earlier versions of the program did not catch up on these."""
    GONE = "gone"
    """Announced, but not available from arXiv in the week that followed: arXiv removed it."""
    CATEGORY = "category"
    """No longer in any of the watched categories."""
    PRIMARY = "primary"
    """Only cross-listed in the watched categories."""
    EXCLUDED = "excluded"
    """Matches an excluding keyword."""
    NOT_INCLUDED = "not-included"
    """Matches none of the including keywords."""
    CAP = "cap"
    """Ranked below the edition's maximum number of papers."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A listed paper that is not shown; `detail` is the category, keyword or rank that explains `reason`."""

    paper: PaperId
    reason: Reason
    detail: str = ""


class Purpose(StrEnum):
    """The task that a model is called for."""

    TRANSLATION = "translation"
    READING = "reading"
    ANSWER = "answer"
    JUDGEMENT = "judgement"
    """To say whether a text means what its original says."""
    TERM_LIST = "term-list"
    """To decide the terms of an edition. The call counts as one about the first paper of the edition."""


@dataclass(frozen=True, slots=True)
class Call:
    """One finished call to a language model, successful or not; token counts are the endpoint's own.

    `outcome` is "ok" or the name of the fault in the answer. `cached_tokens` counts the prompt tokens that the
    provider read from its prompt cache.
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


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls to one model for one purpose, and their tokens."""

    purpose: Purpose
    model: str
    calls: int
    prompt_tokens: int
    cached_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Price:
    """A model's price per million prompt, cached prompt and answer tokens, in the operator's currency."""

    prompt: float
    cached: float
    answer: float

    def of(self, spent: Spent) -> float:
        """Return the cost of `spent`."""
        fresh = spent.prompt_tokens - spent.cached_tokens
        paid = fresh * self.prompt + spent.cached_tokens * self.cached + spent.answer_tokens * self.answer
        return paid / 1_000_000
