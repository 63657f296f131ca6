"""Text made harmless for a chat or a page: nothing invisible, nothing drawn over its neighbours. Pure."""

import regex

from digest.invisible import removed

_MARKS = regex.compile(r"(\p{M}{8})\p{M}+")  # no script stacks more; what does is drawn over its neighbours
_EMPTY_LINES = regex.compile(r"\n{3,}")


def clean(text: str) -> str:
    """`text` without what is invisible; tabs are spaces, and no more than one line in a row is empty."""
    *lines, last = _MARKS.sub(r"\1", removed(text)).split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join([*map(str.rstrip, lines), last]))
