"""A translation on its way from a model to a reader: what the model sees of the paper, and what it made of that. Pure.

What must come out as it went in (formulas, addresses, code) is masked; what comes back is restored, typeset
and checked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from digest.fidelity import checks, masking
from digest.fidelity.checks import Made, Original
from digest.fidelity.glossary import Glossary, Term
from digest.fidelity.masking import Masked
from digest.findings import Finding, Flaw, is_hard
from digest.llm.markup import one_line, paragraphs
from digest.models import Paper
from digest.render.originals import stored

_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!cf\.)(?<!vs\.)(?<!Fig\.)\s+(?=\W*[A-Z\d])"
)
_WIDE_SENTENCE = re.compile(r"(?<=[。！？])(?![”’」』）])|(?<=[。！？][”’」』）])|(?<=[.!?])\s+")
_MISSING = frozenset({Flaw.MASK_MISSING, Flaw.NUMBER_MISSING, Flaw.NAME_MISSING, Flaw.SENTENCE_MISSING})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A title, an abstract and a summary as a model writes them: with placeholders."""

    title: str
    abstract: str
    summary: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model wrote, the text that it makes, and what is wrong with that."""

    sheet: Sheet
    made: Made
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """Whether it may be shown."""
        return not is_hard(self.findings)

    @property
    def rank(self) -> tuple[int, int]:
        """How bad it is: the less, the better."""
        return sum(finding.hard for finding in self.findings), len(self.findings)


@dataclass(frozen=True, slots=True)
class Source:
    """A paper as a model gets to see it, and the rules that its translation is held to.

    `spaced` is whether there is a blank between Chinese and Latin.
    """

    original: Original
    title: Masked
    abstract: Masked
    language: str
    glossary: Glossary
    spaced: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """The glossary's terms in the paper."""
        return self.glossary.relevant(f"{self.original.title}\n{self.original.abstract}")

    def draft(self, sheet: Sheet) -> Draft:
        """What `sheet` comes to."""
        title, of_title = self.title.restored(sheet.title)
        abstract, of_abstract = self.abstract.restored(sheet.abstract)
        summary, of_summary = self.abstract.restored(sheet.summary, whole=False)
        made = Made(
            one_line(self._cleaned(title)),
            paragraphs(self._cleaned(abstract)),
            one_line(self._cleaned(summary)),
        )
        found = checks.translated(self.original, made, self.language, self.glossary)
        return Draft(sheet, made, tuple(dict.fromkeys((*of_title, *of_abstract, *of_summary, *found))))

    def decided(self, draft: Draft) -> dict[str, str]:
        """How `draft` renders those terms for which the glossary leaves a choice."""
        original = f"{self.original.title}\n{self.original.abstract}"
        chosen = self.glossary.decided(original, f"{draft.made.title}\n{draft.made.abstract}")
        return {term.source: term.target for term in chosen if term.target is not None}

    def _cleaned(self, text: str) -> str:
        return checks.cleaned(text, self.language, spaced=self.spaced)


def source(
    paper: Paper, language: str, glossary: Glossary, decided: Mapping[str, str], *, spaced: bool = False
) -> Source:
    """`paper`, to be translated; `decided` is how its edition renders some terms of `glossary` already."""
    original = Original(stored(paper.title), stored(paper.abstract or ""))
    title, abstract = masking.mask_all((original.title, original.abstract))
    return Source(original, title, abstract, language, _bound(glossary, decided), spaced)


def _bound(glossary: Glossary, decided: Mapping[str, str]) -> Glossary:
    """`glossary` with what was decided; the operator may have changed it since."""
    still = (
        Term(name, rendered)
        for name, rendered in decided.items()
        if any(rendered in term.passing for term in glossary.relevant(name))
    )
    return glossary.deciding(still)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the paper, what a model made of it, and what is wrong with that."""

    source: str
    made: str
    findings: tuple[Finding, ...] = ()
    is_summary: bool = False


@dataclass(frozen=True, slots=True)
class Passages:
    """A draft cut in pieces: the title, the sentences of the abstract, the summary."""

    pieces: tuple[Passage, ...]

    @property
    def failing(self) -> tuple[Passage, ...]:
        """Those with something in them that must not be shown."""
        return tuple(piece for piece in self.pieces if piece.findings)

    def mended(self, written: Sequence[str]) -> Sheet | None:
        """The sheet with `written` in the place of what fails, in that order; None where the numbers differ."""
        if len(written) != len(self.failing):
            return None
        rest = iter(written)
        texts = [
            _in_place_of(piece.made, next(rest)) if piece.findings else piece.made for piece in self.pieces
        ]
        return Sheet(texts[0], "".join(texts[1:-1]), texts[-1])


def passages(source: Source, draft: Draft) -> Passages:
    """`draft` beside its source, sentence by sentence where both have as many, with the hard findings where they lie.

    What lies nowhere in particular concerns all of the abstract.
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
    """The sentences of a translation, each with the white space behind it."""
    ends = [found.end() for found in _WIDE_SENTENCE.finditer(text) if found.end() < len(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def _lies_in(finding: Finding, pair: Passage, source: Source) -> bool:
    """Whether `finding` is about one of the pair's texts, as the model has them or as they are read.

    A summary may leave out what it likes.
    """
    if pair.is_summary and finding.flaw in _MISSING:
        return False
    texts = (pair.made,) if pair.is_summary else (pair.source, pair.made)
    read = (source.abstract.restored(text, whole=False)[0] for text in texts)
    return bool(finding.detail) and any(finding.detail in text for text in (*texts, *read))


def _in_place_of(old: str, new: str) -> str:
    """`new` with the white space that stood behind `old`."""
    return new.strip() + old[len(old.rstrip()) :]
