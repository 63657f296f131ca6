"""Telegram HTML of ours, cut into messages that Telegram takes, each valid by itself. Pure.

A message holds 4,096 characters after entity parsing and 100 entities (https://core.telegram.org/bots/api#sendmessage);
lengths are in UTF-16 units here, which are never fewer than characters. What belongs together stays together: a paper
(up to its `<x-break/>`), else a paragraph, a line, a sentence, a word; a formula, code and the text of a link.
"""

from collections.abc import Sequence
from itertools import accumulate

from digest.render.telegram_tokens import BREAK, FORMULA, Tag, escaped, tokens
from digest.render.telegram_units import Break, Unit, units

_OURS = frozenset({FORMULA, BREAK})
_LEAST = 1 / 2  # of what fits: a message is not cut sooner for the sake of a better place
_TAIL = 1 / 4  # of a message: what is left for the last one, where that costs no better place


def split(html: str, limit: int = 4096, entities: int = 100) -> list[str]:
    """The messages for `html`: at most `limit` UTF-16 units and `entities` entities each; none where nothing shows.

    White space at the edges of a message is dropped. A message never ends within a grapheme cluster that has room in
    one; what is open at its end is closed, and opened again in the next.
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
    """The UTF-16 units that `html` shows, white space at its edges among them, and its entities."""
    shown = units(html, len(html))
    opened = (_opened(tags, unit) for tags, unit in zip(_tags_before(shown), shown, strict=True))
    return sum(unit.size for unit in shown), sum(opened)


def finish(html: str) -> str:
    """`html` without the marks of our own."""
    return "".join(
        token.source if isinstance(token, Tag) else escaped(token.shown)
        for token in tokens(html)
        if not (isinstance(token, Tag) and token.name in _OURS)
    )


def _next(shown: Sequence[Unit], start: int) -> int:
    """The first unit from `start` on that is not blank; their number where none is left."""
    while start < len(shown) and shown[start].is_blank:
        start += 1
    return start


def _end(shown: Sequence[Unit], upto: Sequence[int], start: int, limit: int, entities: int) -> int:
    """Where the message that begins at `start` ends: the first unit that is not in it."""
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
    """The first unit for which a message that begins at `start` has no room; one always has."""
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
    """The last of the best `places`; a paper, and a word, may end a message however short it is."""
    least = upto[start] + (upto[places[-1]] - upto[start]) * _LEAST
    last: dict[Break, int] = {}
    for at in places:
        kind = shown[at].before
        last[min(kind, Break.WORD) if kind != Break.PAPER and upto[at] < least else kind] = at
    return last[max(last)]


def _tags_before(shown: Sequence[Unit]) -> list[tuple[Tag, ...]]:
    return [(), *(unit.tags for unit in shown)][: len(shown)]


def _opened(tags: Sequence[Tag], unit: Unit) -> int:
    """How many entities begin with `unit`, behind one that stands in `tags`."""
    return len(unit.tags) - _common(tags, unit.tags)


def _common(first: Sequence[Tag], second: Sequence[Tag]) -> int:
    """How many of the open tags are the very same."""
    if first is second:
        return len(first)
    common = 0
    for one, other in zip(first, second, strict=False):
        if one is not other:
            break
        common += 1
    return common


def _source(shown: Sequence[Unit]) -> str:
    """The HTML of one message."""
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
