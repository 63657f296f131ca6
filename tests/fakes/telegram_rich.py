"""Rich messages ("InputRichMessage", Bot API 10.1), their HTML read as strictly as its documentation words it.

What the documentation leaves open is refused here: tags that it does not name, blocks within lines, a list's text
beside its items.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from tests.fakes.telegram_errors import BotApiError, bad_request
from tests.fakes.telegram_limits import RICH_BLOCKS, RICH_CHARACTERS, RICH_LEVELS

_VOID = frozenset({"br", "hr", "img", "input", "tg-map"})
_INLINE = frozenset(
    {"a", "b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "mark", "sub", "sup", "tg-math"}
    | {"tg-spoiler", "tg-reference", "tg-emoji", "tg-time", "cite", "br"}
)
_BLOCKS = frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "footer", "hr", "ul", "ol", "li", "blockquote", "aside"}
    | {"figure", "tg-collage", "tg-slideshow", "tg-map", "table", "tr", "details", "tg-math-block"}
    | {"img", "video", "audio"}
)
_PARTS = frozenset({"summary", "caption", "figcaption", "th", "td", "input"})
_OF_LINES = (
    frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "footer", "summary", "caption", "th", "td"}) | _INLINE
)
_OF_LETTERS = frozenset({"tg-math", "tg-math-block", "code"})
_WITHIN = {
    "li": {"ul", "ol"},
    "tr": {"table"},
    "th": {"tr"},
    "td": {"tr"},
    "summary": {"details"},
}
_HOLDS = {"ul": {"li"}, "ol": {"li"}, "table": {"tr", "caption"}, "tr": {"th", "td"}}
_WRAPPING = frozenset({"li", "blockquote", "details"})  # text directly in them is a paragraph, hence a block
_REFERENCE = re.compile(
    r"&(?!#\d+;|#x[0-9a-f]+;|(?:lt|gt|amp|quot|apos|nbsp|hellip|[mn]dash|[lr]squo|[lr]dquo);)", re.IGNORECASE
)


def read(message: dict[str, Any]) -> tuple[str, str]:
    """Return the text of a rich message, and its source if that is HTML. Raises BotApiError."""
    forms = [form for form in _READERS if message.get(form)]
    if not forms:
        raise bad_request("message text is empty")
    if len(forms) > 1:
        raise bad_request("exactly one of the fields html, markdown, or blocks must be used")
    source = message[forms[0]]
    text = _READERS[forms[0]](source)
    if not text.strip():
        raise bad_request("message text is empty")
    if len(text) > RICH_CHARACTERS:
        raise bad_request("message is too long")
    return text.strip(), source if forms[0] == "html" else ""


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks of an accepted rich message: each text by itself, with its link if it is one."""
    if "html" not in message:
        return [{"type": "paragraph", "text": [read(message)[0]]}]
    return [{"type": "paragraph", "text": piece} for piece in _parsed(message["html"]).pieces]


def _texts(blocks: Any) -> list[str]:
    """Yield all visible text of blocks: any value under a key that holds text or more blocks."""
    if isinstance(blocks, str):
        return [blocks]
    if isinstance(blocks, dict):
        return [text for key, value in blocks.items() if key not in ("type", "url") for text in _texts(value)]
    return [text for block in blocks for text in _texts(block)] if isinstance(blocks, list) else []


@dataclass
class _Open:
    tag: str
    url: str | None = None
    wraps: bool = False
    """True if text directly in it has been seen."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[_Open] = []
        self.texts: list[str] = []
        self.pieces: list[Any] = []
        self._blocks = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag)
        self._count(tag in _BLOCKS)
        if tag == "br":
            self.texts.append("\n")
        if tag not in _VOID:
            self.open.append(_Open(tag, dict(attrs).get("href")))
            if len(self.open) > RICH_LEVELS:
                raise _unreadable("Too many levels")

    def _check(self, tag: str) -> None:
        if tag not in _INLINE | _BLOCKS | _PARTS:
            raise _unreadable(f'Unsupported start tag "{tag}"')
        around = self.open[-1].tag if self.open else ""
        wrong = (
            tag not in _HOLDS.get(around, {tag})
            or (tag in _WITHIN and around not in _WITHIN[tag])
            or around in _OF_LETTERS
            or (around in _OF_LINES and tag not in _INLINE)
            or (tag == "a" and any(each.tag == "a" for each in self.open))
        )
        if wrong:
            raise _unreadable(f'Tag "{tag}" must not be inside of "{around}"')

    def _count(self, more: bool) -> None:
        self._blocks += more
        if self._blocks > RICH_BLOCKS:
            raise _unreadable("Too many blocks")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self.open or self.open.pop().tag != tag:
            raise _unreadable(f'Unmatched end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if not data.strip():
            return
        around = self.open[-1] if self.open else _Open("")
        if around.tag in _HOLDS:
            raise _unreadable(f'Text must not be inside of "{around.tag}"')
        block = next((each for each in reversed(self.open) if each.tag not in _INLINE), None)
        if block is not None and block.tag in _WRAPPING and not block.wraps:
            block.wraps = True
            self._count(True)
        self.pieces.append({"type": "url", "text": data, "url": around.url} if around.url else data)


def _parsed(source: str) -> _Reader:
    if found := _REFERENCE.search(source):
        raise _unreadable(f"Unsupported character entity at {found.start()}")
    reader = _Reader()
    reader.feed(source)
    reader.close()
    if reader.open:
        raise _unreadable(f'Can\'t find end tag of "{reader.open[-1].tag}"')
    return reader


def _html(source: str) -> str:
    return "".join(_parsed(source).texts)


def _blocks(source: Any) -> str:
    return "".join(_texts(source))


def _unreadable(why: str) -> BotApiError:
    return bad_request(f"can't parse rich message: {why}")


_READERS: dict[str, Callable[[Any], str]] = {"html": _html, "markdown": str, "blocks": _blocks}
