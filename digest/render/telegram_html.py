"""Renderer of stored text as HTML that Telegram accepts, whatever the text contains. Pure.

Rules: https://core.telegram.org/bots/api#html-style. Classic messages have no formulas, so these are written in
Unicode, and marked so that no message ends within one; `telegram_split` removes the marks. Rich messages have limits of
their own, which are checked here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from digest.render import stored_text, tex, tex_safety
from digest.render.stored_text import Code, Link, Math, Span, Strong, Text, clean, parse
from digest.render.telegram_split import FORMULA, Tag, escaped, tokens


def html(text: str) -> Markup:
    """Render stored `text` for a classic message; the result must pass through `telegram_split.split` or `.finish`."""
    return _html(text, _formula)


def rich(text: str) -> Markup:
    """Render stored `text` for a rich message (Bot API 10.1), in which Telegram itself renders the formulas."""
    return Markup(str(_html(text, _tex)).replace("\n", "<br>"))  # noqa: S704 - line breaks are white space there


def literal(text: str) -> Markup:
    """Escape `text` without markup, such as names, keywords and questions."""
    return Markup(escaped(clean(text)))  # noqa: S704 - escaped by Telegram's own rules


def plain(html: str) -> str:
    """Return the text of our HTML without tags; after a link comes its address in parentheses, if it differs."""
    shown: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens(html):
        if not isinstance(token, Tag):
            shown.append(token.shown)
        elif token.name == "a" and not token.is_closing:
            links.append((token.target, len(shown)))
        elif token.name == "a" and links:
            target, start = links.pop()
            shown.append("" if target in {"", "".join(shown[start:])} else f" ({target})")
    return "".join(shown)


def _html(text: str, formula: Callable[[str], str]) -> Markup:
    spans = parse(stored_text.typeset(clean(text)))
    return Markup("".join(_source(span, formula) for span in spans))  # noqa: S704 - escaped span by span


def _source(span: Span, formula: Callable[[str], str]) -> str:
    match span:
        case Text(value):
            return escaped(stored_text.prose(tex_safety.text(value)))
        case Link(url):
            return f'<a href="{escaped(url)}">{escaped(url)}</a>'
        case Math(source):
            return formula(tex_safety.formula(source))
        case Code(value):
            return f"<code>{escaped(' '.join(value.splitlines()))}</code>"
        case Strong(spans):
            return "".join(_strong(spans, formula))


def _strong(spans: tuple[Span, ...], formula: Callable[[str], str]) -> Iterator[str]:
    """Render `spans` in bold, except code: Telegram allows no entity within code or around it."""
    bold = ""
    for source in (_source(span, formula) for span in spans):
        if source.startswith("<code>"):
            yield _bold(bold)
            yield source
            bold = ""
        else:
            bold += source
    yield _bold(bold)


def _bold(source: str) -> str:
    return f"<b>{source}</b>" if source.strip() else source


def _formula(source: str) -> str:
    shown = tex.unicode(source)
    if shown is None:
        return f"<code>{escaped(' '.join(source.split()))}</code>"
    return f"<{FORMULA}>{escaped(shown)}</{FORMULA}>"


def _tex(source: str) -> str:
    return f"<tg-math>{escaped(' '.join(source.split()))}</tg-math>"


# https://core.telegram.org/bots/api#rich-message-limits (Bot API 10.1). Our HTML never reaches the limit of 16 levels
# of nesting.
_CHARACTERS = 32_768
_BLOCKS = 500
_BLOCK = re.compile(r"<(?:h[1-6]|p|ul|li|blockquote|details|table|tr)\b")
_HOLDING_TEXT = re.compile(r"<(?:li|blockquote)\b")  # its text is a paragraph, which counts as a block too


@dataclass(frozen=True, slots=True)
class RichSize:
    """What counts of a rich message. Tags are counted as text, to be on the safe side."""

    characters: int = 0
    blocks: int = 0

    def __add__(self, other: "RichSize") -> "RichSize":
        return RichSize(self.characters + other.characters, self.blocks + other.blocks)

    @property
    def fits(self) -> bool:
        """Return whether it is at most one message."""
        return self.characters <= _CHARACTERS and self.blocks <= _BLOCKS


def rich_size(html: str) -> RichSize:
    """Measure `html`. The size of whole elements in a row is the sum of theirs."""
    return RichSize(len(html), len(_BLOCK.findall(html)) + len(_HOLDING_TEXT.findall(html)))


def fits_rich_message(html: str) -> bool:
    """Return True if `html` fits one message."""
    return rich_size(html).fits
