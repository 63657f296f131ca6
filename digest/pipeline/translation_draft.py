"""Translation drafts, and the files in which a person edits a translation. Pure.

In a draft, the parts that must not change (formulas, addresses, code) are masked for the model. Its answer is unmasked,
typeset and checked. In a file, title, summary and abstract stand each after its heading.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from digest.checks import masking, translation
from digest.checks.glossary import Glossary, Term, key_of
from digest.checks.masking import Masked
from digest.checks.translation import Original, Translated
from digest.core.errors import DigestError
from digest.core.findings import Finding, Flaw, is_hard, rank
from digest.core.models import Paper
from digest.llm.answer_text import one_line, paragraphs
from digest.render.stored_text import stored

_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!cf\.)(?<!vs\.)(?<!Fig\.)\s+(?=\W*[A-Z\d])"
)
_WIDE_SENTENCE = re.compile(r"(?<=[。！？])(?![”’」』）])|(?<=[。！？][”’」』）])|(?<=[.!?])\s+")
_MISSING = frozenset({Flaw.MASK_MISSING, Flaw.NUMBER_MISSING, Flaw.NAME_MISSING, Flaw.SENTENCE_MISSING})


@dataclass(frozen=True, slots=True)
class DraftSheet:
    """A title, an abstract and a summary as a model writes them, with placeholders."""

    title: str
    abstract: str
    summary: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A model's answer, the text made from it, and the flaws of that text."""

    sheet: DraftSheet
    made: Translated
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """True if it may be shown: it has no hard findings."""
        return not is_hard(self.findings)

    @property
    def rank(self) -> tuple[int, int, int]:
        """The sort key of its findings; lower is better."""
        return rank(self.findings)


@dataclass(frozen=True, slots=True)
class Source:
    """A paper as the model sees it, and the rules for its translation.

    `glossary` is required; whether the `shared` terms of the edition are used is only noted. `spaced` puts a space
    between Chinese and Latin.
    """

    original: Original
    title: Masked
    abstract: Masked
    language: str
    glossary: Glossary
    shared: Glossary
    spaced: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the glossary and of the edition that occur in the paper."""
        text = f"{self.original.title}\n{self.original.abstract}"
        return (*self.glossary.relevant(text), *self.shared.relevant(text))

    def draft(self, sheet: DraftSheet) -> Draft:
        """Unmask, clean and check `sheet`."""
        title, of_title = self.title.restored(sheet.title)
        abstract, of_abstract = self.abstract.restored(sheet.abstract)
        summary, of_summary = self.abstract.restored(sheet.summary, whole=False)
        made = Translated(
            one_line(self._cleaned(title)),
            paragraphs(self._cleaned(abstract)),
            one_line(self._cleaned(summary)),
        )
        found = translation.check_translation(self.original, made, self.language, self.glossary, self.shared)
        return Draft(sheet, made, tuple(dict.fromkeys((*of_title, *of_abstract, *of_summary, *found))))

    def decided(self, draft: Draft) -> dict[str, str]:
        """Return the choices of `draft` for terms with several translations in the glossary: source -> translation."""
        original = f"{self.original.title}\n{self.original.abstract}"
        chosen = self.glossary.decided(original, f"{draft.made.title}\n{draft.made.abstract}")
        return {term.source: term.target for term in chosen if term.target is not None}

    def _cleaned(self, text: str) -> str:
        return translation.cleaned(text, self.language, spaced=self.spaced)


def source(
    paper: Paper, language: str, glossary: Glossary, decided: Mapping[str, str], *, spaced: bool = False
) -> Source:
    """Prepare `paper` for translation; `decided` are translations of terms already decided in its edition."""
    original = Original(stored(paper.title), stored(paper.abstract or ""))
    title, abstract = masking.mask_all((original.title, original.abstract))
    bound = _bound(glossary, decided)
    return Source(original, title, abstract, language, bound, _shared(bound, decided), spaced)


def _bound(glossary: Glossary, decided: Mapping[str, str]) -> Glossary:
    """Return `glossary` with the `decided` terms that it still allows; the operator may have changed it since."""
    known = ((glossary.terms.get(key_of(name)), rendered) for name, rendered in decided.items())
    return glossary.deciding(
        replace(term, target=rendered) for term, rendered in known if term and rendered in term.passing
    )


def _shared(glossary: Glossary, decided: Mapping[str, str]) -> Glossary:
    """Return the `decided` terms that `glossary` does not have, if they use what it requires for their parts."""
    return Glossary(
        {
            key_of(name): Term(name, rendered)
            for name, rendered in decided.items()
            if key_of(name) not in glossary.terms
            and all(term.is_in(rendered) for term in glossary.relevant(name))
        }
    )


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of the paper, its translation by a model, and the flaws of that."""

    source: str
    made: str
    findings: tuple[Finding, ...] = ()
    is_summary: bool = False


@dataclass(frozen=True, slots=True)
class Passages:
    """A draft in pieces: the title, the sentences of the abstract, the summary."""

    pieces: tuple[Passage, ...]

    @property
    def failing(self) -> tuple[Passage, ...]:
        """The pieces with hard findings."""
        return tuple(piece for piece in self.pieces if piece.findings)

    def mended(self, written: Sequence[str]) -> DraftSheet | None:
        """Return the sheet with the failing pieces replaced by `written`, in order; None if the numbers differ."""
        if len(written) != len(self.failing):
            return None
        rest = iter(written)
        texts = [
            _in_place_of(piece.made, next(rest)) if piece.findings else piece.made for piece in self.pieces
        ]
        return DraftSheet(texts[0], "".join(texts[1:-1]), texts[-1])


def passages(source: Source, draft: Draft) -> Passages:
    """Pair `draft` with its source, and assign each hard finding to the pieces that contain it.

    The abstract is split into sentences if both sides have the same number of them; otherwise it is one piece. A
    finding that is in no piece is assigned to the whole abstract.
    """
    pairs = _pairs(source, draft)
    hard = [finding for finding in draft.findings if finding.hard]
    places = [
        [place for place, pair in enumerate(pairs) if _lies_in(finding, pair, source)] for finding in hard
    ]
    everywhere = list(range(1, len(pairs) - 1))
    at: list[list[Finding]] = [[] for _ in pairs]
    for finding, found in zip(hard, places, strict=True):
        for place in found or everywhere:
            at[place].append(finding)
    return Passages(
        tuple(replace(pair, findings=tuple(found)) for pair, found in zip(pairs, at, strict=True))
    )


def _pairs(source: Source, draft: Draft) -> list[Passage]:
    sentences = _SENTENCE.split(source.abstract.text)
    made = _cut(draft.sheet.abstract)
    if len(sentences) != len(made):
        sentences, made = [source.abstract.text], [draft.sheet.abstract]
    return [
        Passage(source.title.text, draft.sheet.title),
        *map(Passage, sentences, made),
        Passage(source.abstract.text, draft.sheet.summary, is_summary=True),
    ]


def _cut(text: str) -> list[str]:
    """Split a translation into sentences, each with the white space after it."""
    ends = [found.end() for found in _WIDE_SENTENCE.finditer(text) if found.end() < len(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def _lies_in(finding: Finding, pair: Passage, source: Source) -> bool:
    """Return True if the detail of `finding` is in one of the pair's texts, masked or unmasked.

    Findings about missing parts never concern the summary, which may leave things out.
    """
    if pair.is_summary and finding.flaw in _MISSING:
        return False
    texts = (pair.made,) if pair.is_summary else (pair.source, pair.made)
    read = (source.abstract.restored(text, whole=False)[0] for text in texts)
    return bool(finding.detail) and any(finding.detail in text for text in (*texts, *read))


def _in_place_of(old: str, new: str) -> str:
    """Return `new` with the trailing white space of `old`."""
    return new.strip() + old[len(old.rstrip()) :]


HEADINGS = ("Title", "Summary", "Abstract")

_HEADING = re.compile(rf"^({'|'.join(HEADINGS)}):[^\S\n]*", re.MULTILINE)
_REMARK = re.compile(r"^#.*\n?", re.MULTILINE)


class TranslationFileError(DigestError):
    """The text is not a translation file; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class TranslationFile:
    """The contents of a translation file, in the stored form of text; title and summary may be missing."""

    title: str | None
    abstract: str
    summary: str | None


def parse_translation_file(text: str) -> TranslationFile:
    """Parse a translation file: each of the HEADINGS begins a line; lines that begin with # are comments.

    Raises TranslationFileError.
    """
    cut = _HEADING.split(_REMARK.sub("", text.replace("\r\n", "\n").removeprefix("\ufeff")))
    if cut[0].strip():
        raise TranslationFileError(f"There is text before the first heading; the headings are {_named()}.")
    names, written = cut[1::2], cut[2::2]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TranslationFileError(f"The heading “{twice}:” occurs twice.")
    found = dict(zip(names, written, strict=True))
    abstract = paragraphs(found.get("Abstract", ""))
    if not abstract:
        raise TranslationFileError("There is no abstract: write it after the heading “Abstract:”.")
    return TranslationFile(
        one_line(found.get("Title", "")) or None, abstract, one_line(found.get("Summary", "")) or None
    )


def _named() -> str:
    return ", ".join(f"“{name}:”" for name in HEADINGS)
