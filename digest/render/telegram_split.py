"""Splits our Telegram HTML into messages that Telegram accepts, each valid on its own. Pure.

A message has at most 4,096 characters after entity parsing and 100 entities
(https://core.telegram.org/bots/api#sendmessage). Lengths are in UTF-16 units here, which are never fewer than
characters. A message ends between papers (at `<x-break/>`) if possible, else between paragraphs, lines, sentences or
words; never within a formula, code or the text of a link that fits a message.

The input is that of our own templates: Telegram's tags (https://core.telegram.org/bots/api#html-style), and two of our
own that never reach Telegram, `<x-f>` around a formula and `<x-break/>` between papers. It is read into units: words
with their tags, and how well a message can end before each.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from html import unescape
from itertools import accumulate

import regex

FORMULA = "x-f"
BREAK = "x-break"

_TOKENS = re.compile(r"<(?P<closing>/?)(?P<name>[a-z][a-z-]*)(?P<rest>[^<>]*)>|[^<]+|<")
_HREF = re.compile(r"""\bhref="([^"]*)\"""")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}  # Telegram supports only these
_ESCAPED = re.compile(r'[&<>"]')


@dataclass(frozen=True, slots=True)
class Tag:
    """An opening or closing tag, with its source."""

    name: str
    source: str
    is_closing: bool

    @property
    def target(self) -> str:
        """The address of a link; empty if there is none."""
        found = _HREF.search(self.source)
        return unescape(found[1]) if found else ""


@dataclass(frozen=True, slots=True)
class Characters:
    """The text between two tags, unescaped."""

    shown: str


def tokens(html: str) -> Iterator[Tag | Characters]:
    """Yield the tags and texts of `html`, in order; anything that is not a tag is text."""
    for found in _TOKENS.finditer(html):
        if found["name"]:
            yield Tag(found["name"], found[0], bool(found["closing"]))
        else:
            yield Characters(unescape(found[0]))


def escaped(text: str) -> str:
    """Escape `text` so that Telegram shows it literally."""
    return _ESCAPED.sub(lambda sign: _ESCAPES[sign[0]], text)


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
    reader = _HtmlReader(limit)
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


class _HtmlReader:
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


_OURS = frozenset({FORMULA, BREAK})
_LEAST = 1 / 2  # of what fits: a message is not cut earlier only for a better place
_TAIL = 1 / 4  # of a message: the minimum for the last one, unless this costs a better place


def split(html: str, limit: int = 4096, entities: int = 100) -> list[str]:
    """Split `html` into messages of at most `limit` UTF-16 units and `entities` entities; empty if it shows nothing.

    White space at the ends of a message is dropped. A message never ends within a grapheme cluster that fits one. Tags
    that are open at its end are closed, and opened again in the next.
    """
    shown = units(html, limit)
    upto = [0, *accumulate(unit.size for unit in shown)]
    messages, start = [], _next(shown, 0)
    while start < len(shown):
        end = _end(shown, upto, start, limit, entities)
        message = shown[start:end]
        messages.append(_source(message[: _text_end(message)]))
        start = _next(shown, end)
    return messages


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a message, measured: `size` in UTF-16 units with the white space at its ends, and its entities.

    Its source is that which `split` returns for it: `inner` before other parts, `last` at the end of a message, where
    white space is dropped. It begins with a character that is not white space.
    """

    size: int
    entities: int
    inner: str
    last: str


def fragment(html: str) -> Fragment:
    """Measure `html` and prepare it to be joined with others into one message."""
    shown = units(html, len(html))
    opened = (_opened(tags, unit) for tags, unit in zip(_tags_before(shown), shown, strict=True))
    inner, end = _source(shown), _text_end(shown)
    last = inner if end == len(shown) else _source(shown[:end])
    return Fragment(sum(unit.size for unit in shown), sum(opened), inner, last)


def finish(html: str) -> str:
    """Remove our own tags from `html`."""
    return "".join(
        token.source if isinstance(token, Tag) else escaped(token.shown)
        for token in tokens(html)
        if not (isinstance(token, Tag) and token.name in _OURS)
    )


def _next(shown: Sequence[Unit], start: int) -> int:
    """Return the index of the first unit from `start` on that is not blank; the number of units if none is left."""
    while start < len(shown) and shown[start].is_blank:
        start += 1
    return start


def _end(shown: Sequence[Unit], upto: Sequence[int], start: int, limit: int, entities: int) -> int:
    """Return the end of the message that begins at `start`: the index of the first unit after it."""
    over = _over(shown, upto, start, limit, entities)
    if over == len(shown):
        return over
    places = [at for at in range(start + 1, over + 1) if shown[at].before > Break.NEVER]
    if not places:
        return over
    end = _best(shown, upto, start, places)
    left = upto[-1] - upto[end]
    if left >= limit * _TAIL or shown[end].before == Break.PAPER:
        return end
    fuller = upto[-1] - limit * _TAIL
    kinder = [at for at in places if upto[at] <= fuller and shown[at].before >= shown[end].before]
    return kinder[-1] if kinder else end


def _over(shown: Sequence[Unit], upto: Sequence[int], start: int, limit: int, entities: int) -> int:
    """Return the index of the first unit that does not fit a message that begins at `start`; one always fits."""
    count, tags = 0, ()  # type: int, tuple[Tag, ...]
    for at in range(start, len(shown)):
        unit = shown[at]
        count += _opened(tags, unit)
        tags = unit.tags
        if unit.is_blank or at == start:
            continue
        if upto[at + 1] - upto[start] > limit or count > entities:
            return at
    return len(shown)


def _best(shown: Sequence[Unit], upto: Sequence[int], start: int, places: Sequence[int]) -> int:
    """Return the last of the best `places`; the end of a paper or a word may end even a short message."""
    least = upto[start] + (upto[places[-1]] - upto[start]) * _LEAST
    last: dict[Break, int] = {}
    for at in places:
        kind = shown[at].before
        last[min(kind, Break.WORD) if kind != Break.PAPER and upto[at] < least else kind] = at
    return last[max(last)]


def _tags_before(shown: Sequence[Unit]) -> list[tuple[Tag, ...]]:
    return [(), *(unit.tags for unit in shown)][: len(shown)]


def _opened(tags: Sequence[Tag], unit: Unit) -> int:
    """Count the entities that begin with `unit` after a unit with `tags`."""
    return len(unit.tags) - _common(tags, unit.tags)


def _common(first: Sequence[Tag], second: Sequence[Tag]) -> int:
    """Count the leading tags that are identical."""
    if first is second:
        return len(first)
    common = 0
    for one, other in zip(first, second, strict=False):
        if one is not other:
            break
        common += 1
    return common


def _text_end(shown: Sequence[Unit]) -> int:
    """Return the index after the last unit that is not blank."""
    return max((at for at, unit in enumerate(shown, start=1) if not unit.is_blank), default=0)


def _source(shown: Sequence[Unit]) -> str:
    """Return the HTML of `shown`."""
    parts: list[str] = []
    open_: tuple[Tag, ...] = ()
    for unit in shown:
        common = _common(open_, unit.tags)
        parts += [f"</{tag.name}>" for tag in reversed(open_[common:])]
        parts += [tag.source for tag in unit.tags[common:]]
        parts.append(escaped(unit.text))
        open_ = unit.tags
    parts += [f"</{tag.name}>" for tag in reversed(open_)]
    return "".join(parts)
