"""Telegram HTML of ours, cut into messages that Telegram takes, each valid by itself. Pure.

A message holds 4,096 characters after entity parsing and 100 entities (https://core.telegram.org/bots/api#sendmessage);
lengths are in UTF-16 units here, which are never fewer than characters. What belongs together stays together: a paper
(up to its `<x-break/>`), else a paragraph, a line, a sentence, a word; a formula, code and the text of a link.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from digest.render.telegram_tokens import BREAK, FORMULA, Tag, escaped, tokens

_WHOLE = frozenset({FORMULA, "code", "a"})  # not cut, where a message has room for them
_NO_ENTITY = frozenset({FORMULA, BREAK})
_GRAPHEMES = regex.compile(r"\X", flags=regex.VERSION1)
_BEHIND = regex.compile(
    r"(?P<sentence>(?:[。！？…][」』”’）》】]*|[.!?][\"'”’)\]]*(?=\s+(?![a-z])|\s*$))\s*)"
    r"|(?P<word>\s+|(?<=[\p{Han}\p{Hiragana}\p{Katakana}，、；：])(?=\X))",
    flags=regex.VERSION1,
)
_PAPER, _PARAGRAPH, _LINE, _SENTENCE, _WORD, _GRAPHEME = range(6)  # where to cut, best first
_LEAST = 0.5  # of the room that a better place may leave unused


@dataclass(frozen=True, slots=True)
class _Atom:
    """The smallest piece that may stand at the end of a message; `cut` is how good a place is behind it."""

    shown: str
    units: int
    tags: tuple[Tag, ...]
    cut: int


def split(html: str, limit: int = 4096, entities: int = 100) -> list[str]:
    """The messages for `html`: at most `limit` UTF-16 units and `entities` entities each; none where nothing shows."""
    atoms = list(_atoms(html, limit))
    messages, start = [], 0
    while (start := _first_shown(atoms, start)) < len(atoms):
        some = atoms[
            start : start + 2 * limit + 1
        ]  # no message takes more, but for breaks, which show nothing
        end = _end(some, limit, entities)
        messages.append(_source(_without_tail(some[:end])))
        start += end
    return messages


def measure(html: str) -> tuple[int, int]:
    """The UTF-16 units that `html` shows, and its entities."""
    units = count = 0
    for token in tokens(html):
        if isinstance(token, Tag):
            count += not token.is_closing and token.name not in _NO_ENTITY
        else:
            units += _units(token.shown)
    return units, count


def finish(html: str) -> str:
    """`html` without the marks of our own."""
    return "".join(
        token.source if isinstance(token, Tag) else escaped(token.shown)
        for token in tokens(html)
        if not (isinstance(token, Tag) and token.name in _NO_ENTITY)
    )


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _atoms(html: str, limit: int) -> Iterator[_Atom]:
    open_: list[Tag] = []
    whole = ""  # the text of what is not to be cut, while its tag is open
    for token in tokens(html):
        if not isinstance(token, Tag):
            if any(tag.name in _WHOLE for tag in open_):
                whole += token.shown
            else:
                yield from _pieces(token.shown, tuple(open_))
        elif token.name == BREAK:
            yield _Atom("", 0, tuple(open_), _PAPER)
        elif not token.is_closing:
            open_.append(token)
        elif any(tag.name == token.name for tag in open_):
            while open_:
                tags = tuple(open_)
                closed = open_.pop()
                if closed.name in _WHOLE and not any(tag.name in _WHOLE for tag in open_):
                    yield from _kept(whole, tags, limit)
                    whole = ""
                if closed.name == token.name:
                    break
    if whole:
        yield from _kept(whole, tuple(open_), limit)


def _kept(text: str, tags: tuple[Tag, ...], limit: int) -> Iterator[_Atom]:
    """One atom, unless no message has room for it."""
    if text and _units(text) <= limit:
        yield _Atom(text, _units(text), tags, _WORD)
    elif text:
        yield from _graphemes(text, tags, _GRAPHEME)


def _pieces(text: str, tags: tuple[Tag, ...]) -> Iterator[_Atom]:
    """Lines, sentences and words, down to grapheme clusters within a word."""
    for line in regex.findall(r"[^\n]*\n+|[^\n]+", text):
        body = line.rstrip("\n")
        breaks = len(line) - len(body)
        at = 0
        for found in _BEHIND.finditer(body):
            if found.end() > at:
                yield from _graphemes(body[at : found.end()], tags, _SENTENCE if found["sentence"] else _WORD)
                at = found.end()
        if body[at:]:
            yield from _graphemes(body[at:], tags, _GRAPHEME)
        if breaks:
            yield _Atom("\n" * breaks, breaks, tags, _PARAGRAPH if breaks > 1 else _LINE)


def _graphemes(text: str, tags: tuple[Tag, ...], cut: int) -> Iterator[_Atom]:
    clusters = _GRAPHEMES.findall(text)
    for number, cluster in enumerate(clusters, start=1):
        yield _Atom(cluster, _units(cluster), tags, cut if number == len(clusters) else _GRAPHEME)


def _end(atoms: Sequence[_Atom], limit: int, entities: int) -> int:
    """How many of `atoms` go into the next message: the best place to cut that leaves no more than half of it empty."""
    fits = _fitting(atoms, limit, entities)
    if fits == len(atoms):
        return fits
    room = sum(atom.units for atom in atoms[:fits])
    best: dict[int, int] = {}
    used = 0
    for number, atom in enumerate(atoms[:fits], start=1):
        used += atom.units
        if used >= room * _LEAST or atom.cut == _PAPER:
            best[atom.cut] = number
    return best[min(best)] if best else max(1, fits)


def _fitting(atoms: Sequence[_Atom], limit: int, entities: int) -> int:
    """How many of `atoms` a message has room for."""
    units = count = 0
    open_: tuple[Tag, ...] = ()
    for number, atom in enumerate(atoms):
        opened = atom.tags[_common(open_, atom.tags) :]
        count += sum(tag.name not in _NO_ENTITY for tag in opened)
        units += atom.units
        if units > limit or count > entities:
            return number
        open_ = atom.tags
    return len(atoms)


def _common(first: Sequence[Tag], second: Sequence[Tag]) -> int:
    """How many of the open tags are the very same."""
    common = 0
    for one, other in zip(first, second, strict=False):
        if one is not other:
            break
        common += 1
    return common


def _first_shown(atoms: Sequence[_Atom], start: int) -> int:
    """The first of `atoms` from `start` on that shows anything; their number where none does."""
    while start < len(atoms) and not atoms[start].shown.strip():
        start += 1
    return start


def _without_tail(atoms: Sequence[_Atom]) -> Sequence[_Atom]:
    end = len(atoms)
    while end and not atoms[end - 1].shown.strip():
        end -= 1
    return atoms[:end]


def _source(atoms: Sequence[_Atom]) -> str:
    parts: list[str] = []
    open_: tuple[Tag, ...] = ()
    for atom in atoms:
        common = _common(open_, atom.tags)
        parts += [f"</{tag.name}>" for tag in reversed(open_[common:]) if tag.name not in _NO_ENTITY]
        parts += [tag.source for tag in atom.tags[common:] if tag.name not in _NO_ENTITY]
        parts.append(escaped(atom.shown))
        open_ = atom.tags
    parts += [f"</{tag.name}>" for tag in reversed(open_) if tag.name not in _NO_ENTITY]
    return "".join(parts)
