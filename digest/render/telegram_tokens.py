"""Telegram's HTML, as our own templates write it, read token by token. Pure.

The tags that Telegram knows: https://core.telegram.org/bots/api#html-style. Beside them stand marks of our own that
never reach it: `<x-f>` around a formula, `<x-break/>` between papers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

FORMULA = "x-f"
BREAK = "x-break"

_TOKENS = re.compile(r"<(?P<closing>/?)(?P<name>[a-z][a-z-]*)(?P<rest>[^<>]*)>|[^<]+|<")
_HREF = re.compile(r"""\bhref="([^"]*)\"""")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}  # the named entities that Telegram reads
_ESCAPED = re.compile(r'[&<>"]')


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, opening or closing, as it is written."""

    name: str
    source: str
    is_closing: bool

    @property
    def target(self) -> str:
        """The address of a link; empty where there is none."""
        found = _HREF.search(self.source)
        return unescape(found[1]) if found else ""


@dataclass(frozen=True, slots=True)
class Characters:
    """What is shown between two tags."""

    shown: str


def tokens(html: str) -> Iterator[Tag | Characters]:
    """The tags and texts of `html` in order; what is no tag is text."""
    for found in _TOKENS.finditer(html):
        if found["name"]:
            yield Tag(found["name"], found[0], bool(found["closing"]))
        else:
            yield Characters(unescape(found[0]))


def escaped(text: str) -> str:
    """`text` so that Telegram shows it to the letter."""
    return _ESCAPED.sub(lambda sign: _ESCAPES[sign[0]], text)
