"""Parser of our Telegram HTML into units: words with their tags, and how well a message can end before each. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import regex

from digest.render.telegram_tokens import BREAK, FORMULA, Tag, tokens

_WHOLE = frozenset({FORMULA, "code", "a", "tg-math"})
_BLOCKS = frozenset({"blockquote", "pre"})
_STYLES = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del"})

_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\u3000-\u303f\uff00-\uffef]"
_OPENERS = r"[（《〈「『【〔［｛“‘(\[{]"
_CLOSERS = r"[，。、！？；：）》〉」』】〕］｝”’…—·％,.!?;:)\]}%]"
_PIECES = regex.compile(
    rf"\s+|(?:{_OPENERS}\p{{M}}*)*(?:[{_WIDE}--{_OPENERS}--{_CLOSERS}]\p{{M}}*|[^\s{_WIDE}“‘”’…—]+)?"
    rf"(?:{_CLOSERS}\p{{M}}*)*",
    flags=regex.VERSION1,
)
_SENTENCE = regex.compile(r"[.!?…。！？][\"'”’」』）】》)\]]*$", flags=regex.VERSION1)
_WIDE_SENTENCE = regex.compile(r"[。！？…][”’」』）】》]*$", flags=regex.VERSION1)
_ABBREVIATION = regex.compile(
    r"[(\[“\"']*(?:e\.g|i\.e|c\.f|cf|vs|al|etc|resp|approx|fig|figs|eq|eqs|sec|no|dr|prof|\p{L})\.",
    flags=regex.IGNORECASE | regex.VERSION1,
)
_IS_WIDE, _OPENS, _CLOSES = (
    regex.compile(signs, flags=regex.VERSION1) for signs in (_WIDE, _OPENERS, _CLOSERS)
)
_CONTINUES = regex.compile(r"[\p{M}\p{Emoji_Modifier}\u200d]", flags=regex.VERSION1)
_CLUSTERS = regex.compile(r"\X", flags=regex.VERSION1)


class Break(IntEnum):
    """The quality of a place for the end of a message; higher is better."""

    NEVER = 0
    ANYWHERE = 1
    """Between grapheme clusters, if there is no better place."""
    WORD = 2
    SENTENCE = 3
    LINE = 4
    PARAGRAPH = 5
    PAPER = 6


@dataclass(frozen=True, slots=True)
class Unit:
    """Characters that stay together, or white space; `size` is in UTF-16 units."""

    text: str
    size: int
    tags: tuple[Tag, ...]
    """The open tags around it, outermost first; the same tag is the same object."""
    before: Break

    @property
    def is_blank(self) -> bool:
        return self.text.isspace()


def units(html: str, limit: int) -> Sequence[Unit]:
    """Parse `html` into units, in order; none has more than `limit` UTF-16 units, except white space."""
    reader = _Reader(limit)
    for token in tokens(html):
        if not isinstance(token, Tag):
            reader.text(token.shown)
        elif token.name == BREAK:
            reader.least = Break.PAPER
        elif token.is_closing:
            reader.close(token.name)
        else:
            reader.open(token)
    return reader.units


def size(text: str) -> int:
    """Return the length of `text` in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class _Reader:
    """Parser state: the units so far, and the break before the next."""

    def __init__(self, limit: int) -> None:
        self.units: list[Unit] = []
        self.least = Break.NEVER
        self._limit = limit
        self._open: list[Tag] = []
        self._tags: tuple[Tag, ...] = ()
        self._whole: tuple[Tag, int] | None = None
        self._last = ""

    def open(self, tag: Tag) -> None:
        self._open.append(tag)
        self._tags = _nested(self._open)
        self._edge(tag)
        if tag.name in _WHOLE and self._whole is None:
            self._whole = (tag, len(self.units))

    def close(self, name: str) -> None:
        """Close the innermost tag of that name and all tags within it; do nothing if none is open."""
        if all(tag.name != name for tag in self._open):
            return
        while self._open:
            tag = self._open.pop()
            self._edge(tag)
            if self._whole is not None and self._whole[0] is tag:
                self._keep(self._whole[1])
                self._whole = None
            if tag.name == name:
                break
        self._tags = _nested(self._open)

    def _edge(self, tag: Tag) -> None:
        if tag.name in _BLOCKS:
            self.least = max(self.least, Break.LINE)

    def _keep(self, start: int) -> None:
        """Forbid breaks between the units from `start` on, if together they fit a message."""
        kept = self.units[start:]
        if sum(unit.size for unit in kept) <= self._limit:
            self.units[start + 1 :] = (replace(unit, before=Break.NEVER) for unit in kept[1:])

    def text(self, shown: str) -> None:
        for found in _PIECES.finditer(shown):
            piece = found[0]
            if piece.isspace():
                self.units.append(Unit(piece, size(piece), self._tags, Break.NEVER))
                self.least = max(self.least, _blank(piece, self._last, self.least))
            elif piece:
                self._add(piece)

    def _add(self, piece: str) -> None:
        before = self.least or (_touching(self._last, piece) if self._last else Break.NEVER)
        for part in _parts(piece, self._limit):
            self.units.append(Unit(part, size(part), self._tags, before))
            before = Break.ANYWHERE
        self._last, self.least = piece, Break.NEVER


def _nested(open_: Sequence[Tag]) -> tuple[Tag, ...]:
    """Return the tags of `open_` that Telegram allows within each other: no style around code, no code in a link."""
    names = {tag.name for tag in open_}
    dropped = {FORMULA}
    if "a" in names:
        dropped |= {"code"}
    elif names & {"code", "pre"}:
        dropped |= _STYLES
    return tuple(tag for tag in open_ if tag.name not in dropped)


def _blank(blank: str, last: str, least: Break) -> Break:
    """Return the break that white space makes after the `last` word; `least` is a break that exists already."""
    lines = blank.count("\n") + (least == Break.LINE)
    if lines:
        return Break.PARAGRAPH if lines > 1 else Break.LINE
    ends = _SENTENCE.search(last) and not _ABBREVIATION.fullmatch(last)
    return Break.SENTENCE if ends else Break.WORD


def _touching(last: str, piece: str) -> Break:
    """Return the break between two pieces without white space between them."""
    if _CONTINUES.match(piece) or last.endswith("\u200d"):
        return Break.NEVER
    if _CLOSES.match(piece) or _OPENS.match(last[-1]):
        return Break.ANYWHERE
    if _WIDE_SENTENCE.search(last):
        return Break.SENTENCE
    return Break.WORD if _IS_WIDE.match(last[-1]) or _IS_WIDE.match(piece.lstrip("“‘")) else Break.ANYWHERE


def _parts(piece: str, limit: int) -> Iterator[str]:
    """Yield `piece`, or its grapheme clusters if it does not fit a message, or their code points if these do not."""
    if size(piece) <= limit:
        yield piece
        return
    for cluster in _CLUSTERS.findall(piece):
        yield from [cluster] if size(cluster) <= limit else cluster
