"""Masks the parts of a text that a translation must keep verbatim, and restores them. Pure.

These are formulas, environments, addresses, citations, code, and unresolved macros; formulas and addresses are those
that `digest.render.stored_text` recognizes. The model gets placeholders instead.

title, abstract = mask_all((stored(paper.title), stored(paper.abstract)))
… a model translates title.text and abstract.text …
text, findings = abstract.restored(answer)
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import count

from digest.core.findings import Finding, Flaw, finding
from digest.render.stored_text import is_formula, trimmed


class FixedKind(StrEnum):
    """The kinds of fixed parts."""

    FORMULA = "formula"
    ADDRESS = "address"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FixedPart:
    """A fixed part: its text, and its offset in the whole text."""

    kind: FixedKind
    source: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.source)


_LONGEST = 2_000  # characters between the ends of a formula or an environment
_PARTS = re.compile(
    rf"(?P<environment>\\begin\{{(?P<name>[A-Za-z]+\*?)\}}.{{0,{_LONGEST}}}?\\end\{{(?P=name)\}})"
    r"|\$\$(?P<display>[^$]+?)\$\$"
    r"|(?<!\\)\$(?P<dollar>[^$]+?)(?<!\\)\$"
    rf"|\\\((?P<round>.{{1,{_LONGEST}}}?)\\\)"
    rf"|\\\[(?P<square>.{{1,{_LONGEST}}}?)\\\]"
    r"|(?P<code>(?<!`)`[^`]+`(?!`))"
    r"|(?P<link>(?:https?://|(?<![A-Za-z0-9.@/])www\.)[A-Za-z0-9](?:(?!\]\()[!-~])*)"
    r"|(?P<host>(?<![A-Za-z0-9.@/-])(?:[a-z0-9-]+\.)*"
    r"(?:github\.com|github\.io|gitlab\.com|huggingface\.co|zenodo\.org|youtube\.com|osf\.io)(?:/[!-~]*)?)"
    r"|(?P<doi>(?<![A-Za-z0-9.])10\.\d{4,9}/[!-~]+|(?<![A-Za-z])arXiv:\d{4}\.\d{4,5}(?:v\d+)?)"
    r"|(?P<mail>(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})"
    r"|(?P<citation>\[\d{1,3}(?: ?[,;\u2013-] ?\d{1,3})*\])"
    r"|(?P<macro>\\[A-Za-z]+\*?(?:\[[^\]{}]{0,300}\])?(?:\{[^{}]*\})*)",
    re.DOTALL,
)
_SUSPECTS = ("$", "\\", "`", "[", "@", "://", "www.", "10.", "arXiv", ".com", ".io", ".co", ".org")
_HOSTS_AND_MAILS = ("@", "github.", "gitlab.com", "huggingface.co", "zenodo.org", "youtube.com", "osf.io")
_BEGINNING = re.compile(r"\\|\$|`|\[|http|www\.|10\.|arXiv:")  # all but these literals are skipped fast
_ANY_BEGINNING = re.compile(rf"{_BEGINNING.pattern}|(?<![A-Za-z0-9])[A-Za-z0-9._%+-]")
_FORMULAS = {"display", "dollar", "round", "square"}
_ADDRESSES = {"link", "host", "doi"}


def fixed_parts(text: str) -> Iterator[FixedPart]:
    """Yield the fixed parts of `text`, in order."""
    if not any(suspect in text for suspect in _SUSPECTS):
        return
    is_named = any(name in text for name in _HOSTS_AND_MAILS)
    beginning, at = _ANY_BEGINNING if is_named else _BEGINNING, 0
    for begins in beginning.finditer(text):
        found = _PARTS.match(text, begins.start()) if begins.start() >= at else None
        if part := found and _part(found):  # else a delimiter that opens nothing
            yield part
            at = part.end


def replaced(text: str, by: Callable[[FixedPart], str]) -> str:
    """Return `text` with what `by` returns in place of each fixed part."""
    pieces, at = [], 0
    for part in fixed_parts(text):
        pieces += [text[at : part.start], by(part)]
        at = part.end
    return "".join([*pieces, text[at:]]) if pieces else text


def _part(found: re.Match[str]) -> FixedPart | None:
    group = found.lastgroup or ""
    if group in _FORMULAS:
        return FixedPart(FixedKind.FORMULA, found[0], found.start()) if is_formula(found[group]) else None
    if group in _ADDRESSES:
        return FixedPart(FixedKind.ADDRESS, trimmed(found[0]), found.start())
    kind = {"mail": FixedKind.ADDRESS, "environment": FixedKind.FORMULA, "name": FixedKind.FORMULA}.get(
        group, FixedKind.OTHER
    )
    return FixedPart(kind, found[0], found.start())


_BRACKETS = (("[[", "]]"), ("⟦", "⟧"), ("⟨⟨", "⟩⟩"))
_SHAPES = {"[": r"[\[［【]", "]": r"[\]］】]"}  # the variants of a bracket that models write
_LONGEST_NUMBER = 9  # digits; no prompt has that many placeholders
_VISIBLE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class MaskForm:
    """The form of the placeholders of one prompt: `[[M1]]`, or with other characters if a text contains such itself."""

    opening: str
    closing: str
    letters: str

    def placeholder(self, number: int) -> str:
        return f"{self.opening}{self.letters}{number}{self.closing}"


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked text: `text` has a placeholder for each of `spans`, its fixed parts by number.

    `known` are the fixed parts of all texts that are masked together.
    """

    text: str
    spans: Mapping[int, str]
    form: MaskForm
    known: Mapping[int, str]

    def restored(self, answer: str, *, whole: bool = True) -> tuple[str, tuple[Finding, ...]]:
        """Return `answer` with its placeholders replaced by their spans, and the findings about its placeholders.

        Full-width forms, inner spaces and Markdown escapes are recognized. The spans may come in any order, but each
        exactly once. If not `whole` (a summary), spans may be missing or repeated, and those of the other texts are
        allowed too.
        """
        spans = self.spans if whole else self.known
        pieces, numbers, at = [], [], 0
        for found in _pattern(self.form).finditer(answer):
            number = int((found[1] or found[2])[:_LONGEST_NUMBER])
            pieces += [answer[at : found.start()], spans.get(number, "")]
            numbers.append(number)
            at = found.end()
        pieces.append(answer[at:])
        found_wrong = [*_findings(numbers, spans, whole=whole), *self._broken(pieces[::2])]
        return _joined(pieces), tuple(found_wrong)

    def _broken(self, written: Iterable[str]) -> Iterator[Finding]:
        """Yield a finding for each remnant of a placeholder that lost a bracket."""
        theirs = _pattern(self.form).sub("", self.text)
        for left in _remnants(self.form).findall("\n".join(written)):
            if left not in theirs:
                yield finding(Flaw.MASK_INVENTED, left)


def mask(text: str) -> Masked:
    """Mask `text`; restoring the masked text gives exactly `text`, whatever it contains."""
    return mask_all((text,))[0]


def mask_all(texts: Sequence[str]) -> tuple[Masked, ...]:
    """Mask `texts` of one prompt with one form of placeholder and consecutive numbers."""
    form = _form(texts)
    known: dict[int, str] = {}
    masked = [_masked(text, form, known) for text in texts]
    return tuple(Masked(text, spans, form, known) for text, spans in masked)


def _masked(text: str, form: MaskForm, known: dict[int, str]) -> tuple[str, dict[int, str]]:
    """Return `text` with placeholders, numbered after those in `known`, and its fixed parts, which are added to it."""
    spans: dict[int, str] = {}

    def placeholder(part: FixedPart) -> str:
        number = len(known) + 1
        known[number] = spans[number] = part.source
        return form.placeholder(number)

    return replaced(text, placeholder), spans


def _form(texts: Sequence[str]) -> MaskForm:
    """Return the first form of placeholder that no text contains."""
    forms = (MaskForm(*brackets, "M" * repeated) for repeated in count(1) for brackets in _BRACKETS)
    return next(form for form in forms if not any(_pattern(form).search(text) for text in texts))


@cache
def _pattern(form: MaskForm) -> re.Pattern[str]:
    """Match the variants of a placeholder that models write.

    The escaped form needs all of its backslashes, because a text may contain a single one.
    """

    number = rf"\s*{''.join(f'[{sign}{sign.lower()}Ｍｍ]' for sign in form.letters)}\s*(\d+)\s*"
    bare = _loose(form.opening) + number + _loose(form.closing)
    escaped = _loose(form.opening, r"\\") + number + _loose(form.closing, r"\\")
    return re.compile(f"{bare}|{escaped}")


@cache
def _remnants(form: MaskForm) -> re.Pattern[str]:
    """Match a placeholder that has only one bracket left, on one side."""
    core = rf"(?<![A-Za-z]){''.join(f'[{sign}{sign.lower()}Ｍｍ]' for sign in form.letters)}\d+"
    return re.compile(rf"[\[［【⟦⟨]{core}(?!\w)|{core}[\]］】⟧⟩]")


def _loose(signs: str, before: str = "") -> str:
    return r"\s*".join(before + _SHAPES.get(sign, re.escape(sign)) for sign in signs)


def _findings(numbers: Sequence[int], spans: Mapping[int, str], *, whole: bool) -> Iterator[Finding]:
    times = Counter(numbers)
    for number in times.keys() - spans.keys():
        yield finding(Flaw.MASK_INVENTED, str(number))
    for number, span in spans.items() if whole else ():
        if times[number] != 1:
            yield finding(Flaw.MASK_TWICE if times[number] else Flaw.MASK_MISSING, span)


def _joined(pieces: Sequence[str]) -> str:
    """Join the pieces, alternately prose and spans, with a space where an address would absorb the text after it."""
    joined = ""
    for at in range(len(pieces) - 1, -1, -1):
        piece = pieces[at]
        if at % 2 and _swallows(piece, joined):
            joined = f" {joined}"
        joined = piece + joined
    return joined


def _swallows(span: str, following: str) -> bool:
    """Return True if `span` is an address that would be parsed as a longer one together with the text after it."""
    tail = _VISIBLE.match(following)
    alone, behind = (next(fixed_parts(text), None) for text in (span, span + (tail[0] if tail else "")))
    return (
        alone is not None and alone.kind is FixedKind.ADDRESS and behind is not None and behind.source != span
    )
