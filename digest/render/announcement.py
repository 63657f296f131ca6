"""Renderer of the operator's announcements: Markdown to HTML, Telegram messages and plain text. Pure.

`digest.core.markdown` parses them: HTML is text, links lead to web and mail addresses only. Line breaks are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from markupsafe import Markup

from digest.core.markdown import MARK, MATH, tree
from digest.render import page, telegram_html, telegram_split
from digest.render.stored_text import clean

_HIGHEST = 2  # the level of the highest heading; level 1 is the page's own
_LOWEST = 4
_INDENT = "\u2003"  # an em space; Telegram drops ordinary spaces at the beginning of a line


@dataclass(frozen=True, slots=True)
class _Style:
    """The inline rendering of an output format."""

    tags: Mapping[str, str]
    text: Callable[[str], Markup]
    formula: Callable[[str], Markup]

    def inside(self, element: Element) -> Markup:
        """Render the content of `element`, without the lists nested in an item."""
        shown = self.text(element.text or "")
        for child in element:
            if child.tag not in {"ul", "ol"}:
                shown += self._span(child)
            shown += self.text(child.tail or "")
        return shown

    def _span(self, element: Element) -> Markup:
        if element.tag == MATH:
            return self.formula(element.text or "")
        if element.tag == "a":
            return Markup('<a href="{}">{}</a>').format(element.get("href"), self.inside(element))
        tag = Markup(self.tags[element.tag])  # noqa: S704 - a name of ours
        return Markup("<{0}>{1}</{0}>").format(tag, self.inside(element))


def _broken(text: str) -> Markup:
    return Markup("<br>").join(text.split("\n"))


_PAGE = _Style({"strong": "strong", "em": "em", "code": "code"}, _broken, page.html)
_CHAT = _Style({"strong": "b", "em": "i", "code": "code"}, telegram_html.literal, telegram_html.html)


def html(text: str) -> Markup:
    """Render `text` as HTML for a page or a mail."""
    return Markup("\n").join(map(_block, tree(clean(text), keeps_fences=True)))


def message(text: str) -> Markup:
    """Render `text` for Telegram; the result must pass through `telegram_split.split` or `.finish`."""
    return Markup("\n\n").join(map(_part, tree(clean(text), keeps_fences=True)))


def plain(text: str) -> str:
    """Render `text` as plain text; the address of a link comes after its words."""
    return telegram_html.plain(telegram_split.finish(message(text)))


def _block(element: Element) -> Markup:
    match element.tag:
        case "hr":
            return Markup("<hr>")
        case "pre":
            return Markup("<pre>{}</pre>").format(element.text)
        case "blockquote":
            return Markup("<blockquote>{}</blockquote>").format(Markup("\n").join(map(_block, element)))
        case "ul" | "ol":
            return Markup("<{0}>{1}</{0}>").format(element.tag, Markup().join(map(_item, element)))
        case "p":
            return Markup("<p>{}</p>").format(_PAGE.inside(element))
    level = min(int(element.tag[1]) + _HIGHEST - 1, _LOWEST)
    return Markup("<h{0}>{1}</h{0}>").format(level, _PAGE.inside(element))


def _item(element: Element) -> Markup:
    lists = Markup().join(_block(child) for child in element if child.tag in {"ul", "ol"})
    number = "".join(filter(str.isdecimal, element.get(MARK, "")))
    begin = Markup('<li value="{}">').format(int(number)) if number else Markup("<li>")
    return begin + _PAGE.inside(element) + lists + Markup("</li>")


def _part(element: Element) -> Markup:
    match element.tag:
        case "hr":
            return Markup("———")
        case "pre":
            return Markup("<pre>{}</pre>").format(telegram_html.literal(element.text or ""))
        case "blockquote":
            return Markup("<blockquote>{}</blockquote>").format(Markup("\n").join(map(_part, element)))
        case "ul" | "ol":
            return Markup("\n").join(_lines(element, ""))
        case "p":
            return _CHAT.inside(element)
    return Markup("<b>{}</b>").format(_CHAT.inside(element))


def _lines(element: Element, indent: str) -> Iterator[Markup]:
    for item in element:
        yield Markup("{}{} {}").format(indent, item.get(MARK, "•"), _CHAT.inside(item))
        for child in item:
            if child.tag in {"ul", "ol"}:
                yield from _lines(child, indent + _INDENT)
