"""Sanitizer of text for a chat or a page: no invisible characters, no stacked marks over other lines. Pure."""

import regex

from digest.core.invisible import removed

_MARKS = regex.compile(r"(\p{M}{8})\p{M}+")  # no script stacks more; more would cover other lines
_EMPTY_LINES = regex.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Remove invisible characters from `text`; tabs become spaces, and several blank lines become one."""
    *lines, last = _MARKS.sub(r"\1", removed(text)).split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join([*map(str.rstrip, lines), last]))
