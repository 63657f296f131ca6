"""Rich messages ("InputRichMessage", Bot API 10.1 and later), as far as a test can tell right from wrong.

The tags are asked to be balanced, not to be known: the list still grows from month to month.
"""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from tests.fakes.telegram_errors import bad_request
from tests.fakes.telegram_limits import RICH_CHARACTERS

_VOID = frozenset({"br", "hr", "img", "input", "tg-map"})


def read(message: dict[str, Any]) -> tuple[str, str]:
    """The text of a rich message, and its source where that is HTML. Raises BotApiError."""
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


def _texts(blocks: Any) -> list[str]:
    """All that is shown of blocks: whatever stands under a key that holds text or more blocks."""
    if isinstance(blocks, str):
        return [blocks]
    if isinstance(blocks, dict):
        return [text for key, value in blocks.items() if key not in ("type", "url") for text in _texts(value)]
    return [text for block in blocks for text in _texts(block)] if isinstance(blocks, list) else []


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self.open or self.open.pop() != tag:
            raise bad_request(f'can\'t parse rich message: Unmatched end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _html(source: str) -> str:
    parser = _Balanced()
    parser.feed(source)
    parser.close()
    if parser.open:
        raise bad_request(f"can't parse rich message: Can't find end tag of \"{parser.open[-1]}\"")
    return "".join(parser.texts)


def _blocks(source: Any) -> str:
    return "".join(_texts(source))


_READERS: dict[str, Callable[[Any], str]] = {"html": _html, "markdown": str, "blocks": _blocks}
