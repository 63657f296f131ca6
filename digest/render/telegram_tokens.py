"""Tokenizer for the Telegram HTML of our own templates. Pure.

Telegram's tags: https://core.telegram.org/bots/api#html-style. Two tags of our own never reach Telegram: `<x-f>` around
a formula, `<x-break/>` between papers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

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
