"""What a model must not touch (formulas, addresses, citations, code, macros) as placeholders, and back. Pure.

title, abstract = mask_all((stored(paper.title), stored(paper.abstract)))
… a model translates title.text and abstract.text …
text, findings = abstract.restored(answer)
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

from digest.fidelity.fixed import Kind, fixed
from digest.findings import Finding, Flaw, finding

_BRACKETS = (("[[", "]]"), ("⟦", "⟧"), ("⟨⟨", "⟩⟩"))
_SHAPES = {"[": r"[\[［【]", "]": r"[\]］】]"}  # what models make of a bracket
_LONGEST_NUMBER = 9  # digits; so many placeholders are never given
_VISIBLE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Form:
    """How the placeholders of one prompt look: `[[M1]]`, or with other signs where a text holds such itself."""

    opening: str
    closing: str
    letters: str

    def placeholder(self, number: int) -> str:
        return f"{self.opening}{self.letters}{number}{self.closing}"


@dataclass(frozen=True, slots=True)
class Masked:
    """A text for a model: `text` has a placeholder for each of `spans`, its fixed parts by their numbers.

    `known` are those of all texts that are masked together.
    """

    text: str
    spans: Mapping[int, str]
    form: Form
    known: Mapping[int, str]

    def restored(self, answer: str, *, whole: bool = True) -> tuple[str, tuple[Finding, ...]]:
        """`answer` with each span in its placeholder's place, and what is wrong with its placeholders.

        Understands full-width forms, blanks within and Markdown's escapes. The spans may come in any order, but each
        once. Not `whole` (a summary): spans may be missing or repeated, and those of the other texts are known too.
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
        """What is left of a placeholder that lost a bracket, and that no reader should see."""
        theirs = _pattern(self.form).sub("", self.text)
        for left in _remnants(self.form).findall("\n".join(written)):
            if left not in theirs:
                yield finding(Flaw.MASK_INVENTED, left)


def mask(text: str) -> Masked:
    """`text`, masked: what is restored from the masked text is `text` to the letter, whatever it is."""
    return mask_all((text,))[0]


def mask_all(texts: Sequence[str]) -> tuple[Masked, ...]:
    """`texts` that one prompt shows together, masked with one form of placeholder and numbered through."""
    form = _form(texts)
    known: dict[int, str] = {}
    masked = []
    for text in texts:
        pieces: list[str] = []
        spans: dict[int, str] = {}
        at = 0
        for part in fixed(text):
            number = len(known) + 1
            known[number] = spans[number] = part.source
            pieces += [text[at : part.start], form.placeholder(number)]
            at = part.end
        masked.append(("".join([*pieces, text[at:]]), spans))
    return tuple(Masked(text, spans, form, known) for text, spans in masked)


def _form(texts: Sequence[str]) -> Form:
    """The first form of which no text holds anything that could be taken for it."""
    forms = (Form(*brackets, "M" * repeated) for repeated in count(1) for brackets in _BRACKETS)
    return next(form for form in forms if not any(_pattern(form).search(text) for text in texts))


@cache
def _pattern(form: Form) -> re.Pattern[str]:
    """What a model may make of a placeholder. The escaped form wants all of its backslashes: a text may have one."""

    number = rf"\s*{''.join(f'[{sign}{sign.lower()}Ｍｍ]' for sign in form.letters)}\s*(\d+)\s*"
    bare = _loose(form.opening) + number + _loose(form.closing)
    escaped = _loose(form.opening, r"\\") + number + _loose(form.closing, r"\\")
    return re.compile(f"{bare}|{escaped}")


@cache
def _remnants(form: Form) -> re.Pattern[str]:
    """A placeholder of which but one bracket, on one side, is left."""
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
    """The pieces, prose and spans in turn, with a blank where an address would swallow what follows it."""
    joined = ""
    for at in range(len(pieces) - 1, -1, -1):
        piece = pieces[at]
        if at % 2 and _swallows(piece, joined):
            joined = f" {joined}"
        joined = piece + joined
    return joined


def _swallows(span: str, following: str) -> bool:
    """Whether `span` is an address that would be read as a longer one with what follows it."""
    tail = _VISIBLE.match(following)
    alone, behind = (next(fixed(text), None) for text in (span, span + (tail[0] if tail else "")))
    return alone is not None and alone.kind is Kind.ADDRESS and behind is not None and behind.source != span
