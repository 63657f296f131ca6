"""What of a paper is read for a question: the passages that are about it. Pure.

An index of one paper's text, made when it is asked: a paper's pieces are some hundred, and its words weigh by how few
of them have them. Most papers fit whole.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from digest import keywords
from digest.fidelity.glossary import Glossary
from digest.keywords import InvalidKeywordError, Keyword
from digest.llm.markup import CJK
from digest.sections import packed, sections

TEXT_LIMIT = 120_000
"""Characters of a full text that a model gets to read for an answer."""
LIMITS = tuple(TEXT_LIMIT >> halvings for halvings in range(6))
"""The same for models whose windows turn out to be smaller, one after another."""

_BEGINNING = 20_000  # of them, whatever the question: what the paper is about
_PIECE = 800  # characters that are chosen or left out together
_LEFT_OUT = "\n[…]\n"
_WORD = re.compile(r"[^\W_]+")
_SECTIONS = {  # what people ask for in Chinese, and how the sections that tell it are called
    "局限": ("limitations", "discussion"),
    "不足": ("limitations", "discussion"),
    "未来": ("future", "conclusion"),
    "结论": ("conclusion",),
    "相关工作": ("related",),
    "方法": ("method", "approach"),
    "数据": ("data", "datasets", "corpora"),
    "训练": ("training", "trained"),
    "实验": ("experiments", "experimental"),
    "评估": ("evaluation", "metrics"),
    "指标": ("metrics",),
    "结果": ("results",),
    "消融": ("ablation",),
    "代码": ("code", "github"),
}


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some lines of one section; `path` is its headings, and `begins` tells whether they stand in the lines."""

    path: str
    text: str
    begins: bool

    @property
    def size(self) -> int:
        return len(self.text) + len(self.path) + 2 * len(_LEFT_OUT)


def passages(text: str, question: str, glossary: Glossary, limit: int = TEXT_LIMIT) -> str:
    """`text` as far as `limit` characters go: its beginning, and what has the question's rarest words, in its order.

    A section's headings count as words of all that stands under them, and are told where it is cut. `glossary` knows
    the paper's words for the question's. What room is left goes to what follows the beginning and, a fourth as much, to
    the end.
    """
    if len(text) <= limit:
        return text
    beginning = text[: min(_BEGINNING, limit // 4)]
    pieces = [each for each in _pieces(text, len(beginning)) if each.text]
    room, chosen = limit - len(beginning) - len(_LEFT_OUT), []
    for number in _ranked(pieces, _sought(question, glossary)):
        room -= pieces[number].size
        if room < 0:
            break
        chosen.append(number)
    return beginning + _joined(pieces, sorted(chosen))


def _pieces(text: str, after: int) -> Iterator[_Piece]:
    """The text behind its first `after` characters in pieces, each of whole lines where these are no longer than it."""
    at = 0
    for section in sections(text):
        skipped = min(max(0, after - at), len(section.text))
        at += len(section.text)
        for number, piece in enumerate(packed(iter([section.text[skipped:]]), _PIECE)):
            yield _Piece(" › ".join(section.path), piece, begins=not number and not skipped)


def _sought(question: str, glossary: Glossary) -> list[Keyword]:
    """The names and words of `question` in the paper's language: Chinese ones by the glossary."""
    words = _WORD.findall(CJK.sub(" ", question))
    words += [term.source for term in glossary.terms.values() if _is_asked(term.passing, question)]
    words += [name for asked, names in _SECTIONS.items() if asked in question for name in names]
    found = {}
    for word in words:
        with suppress(InvalidKeywordError):
            made = keywords.keyword(word)
            found[made.key] = made
    return list(found.values())


def _is_asked(wordings: Sequence[str], question: str) -> bool:
    return any(CJK.search(wording) and wording in question for wording in wordings)


def _ranked(pieces: Sequence[_Piece], sought: Sequence[Keyword]) -> list[int]:
    """The numbers of the pieces, those first that have the most of what few others have, in their lines or above."""
    weights = [0.0] * len(pieces)
    for texts in ([piece.text for piece in pieces], [piece.path for piece in pieces]):
        folded = [keywords.fold(text) for text in texts]
        for word in sought:
            having = [number for number, each in enumerate(folded) if keywords.found_in(word, each)]
            for number in having:
                weights[number] += 1 / len(having)
    last = len(pieces) - 1
    return sorted(range(len(pieces)), key=lambda number: (-weights[number], min(number, 4 * (last - number))))


def _joined(pieces: Sequence[_Piece], chosen: Sequence[int]) -> str:
    """The chosen pieces, with a sign wherever some between them are left out, and the headings of what follows."""
    before = [-1, *chosen]
    parts = [
        ("" if number == previous + 1 else _LEFT_OUT + _above(pieces[number])) + pieces[number].text
        for previous, number in zip(before, chosen, strict=False)
    ]
    return "".join(parts) + ("" if before[-1] == len(pieces) - 1 else _LEFT_OUT)


def _above(piece: _Piece) -> str:
    return f"[{piece.path}]\n" if piece.path and not piece.begins else ""
