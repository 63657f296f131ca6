"""Selection of the passages of a paper that are relevant to a question. Pure.

The text is split into some hundred pieces, ranked by the words of the question; a word weighs more the fewer pieces
contain it. Most papers fit as a whole.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from digest.checks.glossary import Glossary
from digest.core import keywords
from digest.core.keywords import InvalidKeywordError, Keyword
from digest.core.sections import packed, sections
from digest.llm.markup import CJK

TEXT_LIMIT = 120_000
"""The maximum number of characters of a full text that a model reads for an answer."""
LIMITS = tuple(TEXT_LIMIT >> halvings for halvings in range(6))
"""The limits to try one after another for models with a smaller context, in characters."""

_BEGINNING = 20_000  # characters that are always included, because they say what the paper is about
_PIECE = 800  # characters that are selected or left out together
_LEFT_OUT = "\n[…]\n"
_WORD = re.compile(r"[^\W_]+")
_SECTIONS = {  # Chinese words of questions, and the headings of the sections that answer them
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
    """Some lines of one section; `path` are its headings, and `begins` is True if the lines contain them."""

    path: str
    text: str
    begins: bool

    @property
    def size(self) -> int:
        return len(self.text) + len(self.path) + 2 * len(_LEFT_OUT)


def passages(text: str, question: str, glossary: Glossary, limit: int = TEXT_LIMIT) -> str:
    """Select up to `limit` characters of `text`, in order: its beginning, and pieces with the question's rarest words.

    Headings count as words of all text under them, and are repeated where a section is cut. `glossary` translates the
    question's terms into those of the paper. Remaining room goes to the text after the beginning and, a fourth as much,
    to the end.
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
    """Split the text after its first `after` characters into pieces, of whole lines unless a line is longer."""
    at = 0
    for section in sections(text):
        skipped = min(max(0, after - at), len(section.text))
        at += len(section.text)
        for number, piece in enumerate(packed(iter([section.text[skipped:]]), _PIECE)):
            yield _Piece(" › ".join(section.path), piece, begins=not number and not skipped)


def _sought(question: str, glossary: Glossary) -> list[Keyword]:
    """Return the keywords of `question` in English; Chinese ones are translated by the glossary."""
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
    """Return the indices of the pieces, those first that have the most rare keywords in their lines or headings."""
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
    """Join the chosen pieces, with a mark and the next headings wherever pieces are left out."""
    before = [-1, *chosen]
    parts = [
        ("" if number == previous + 1 else _LEFT_OUT + _above(pieces[number])) + pieces[number].text
        for previous, number in zip(before, chosen, strict=False)
    ]
    return "".join(parts) + ("" if before[-1] == len(pieces) - 1 else _LEFT_OUT)


def _above(piece: _Piece) -> str:
    return f"[{piece.path}]\n" if piece.path and not piece.begins else ""
