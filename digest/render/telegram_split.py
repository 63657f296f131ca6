"""Splits our Telegram HTML into messages that Telegram accepts, each valid on its own. Pure.

A message has at most 4,096 characters after entity parsing and 100 entities
(https://core.telegram.org/bots/api#sendmessage). Lengths are in UTF-16 units here, which are never fewer than
characters. A message ends between papers (at `<x-break/>`) if possible, else between paragraphs, lines, sentences or
words; never within a formula, code or the text of a link that fits a message.
"""

from collections.abc import Sequence
from itertools import accumulate

from digest.render.telegram_tokens import BREAK, FORMULA, Tag, escaped, tokens
from digest.render.telegram_units import Break, Unit, units

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
        messages.append(_source(shown[start:end]))
        start = _next(shown, end)
    return messages


def measure(html: str) -> tuple[int, int]:
    """Return the number of UTF-16 units that `html` shows, including white space at its ends, and of its entities."""
    shown = units(html, len(html))
    opened = (_opened(tags, unit) for tags, unit in zip(_tags_before(shown), shown, strict=True))
    return sum(unit.size for unit in shown), sum(opened)


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


def _source(shown: Sequence[Unit]) -> str:
    """Return the HTML of one message."""
    end = max(at for at, unit in enumerate(shown, start=1) if not unit.is_blank)
    parts: list[str] = []
    open_: tuple[Tag, ...] = ()
    for unit in shown[:end]:
        common = _common(open_, unit.tags)
        parts += [f"</{tag.name}>" for tag in reversed(open_[common:])]
        parts += [tag.source for tag in unit.tags[common:]]
        parts.append(escaped(unit.text))
        open_ = unit.tags
    parts += [f"</{tag.name}>" for tag in reversed(open_)]
    return "".join(parts)
