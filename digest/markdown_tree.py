"""Markdown -> the element tree of Python-Markdown, with formulas as elements, and nothing raw let through. Pure.

The library's parsers (https://python-markdown.github.io/extensions/api/) run with processors for the Markdown that
models and people write: a list needs no empty line before it, `•` and `1)` begin items too, `2*3*4`, `snake_case` and
`E[X](t)` are text, Chinese stands beside `**` without a blank. Links lead to web and mail addresses, HTML is text. The
elements are p, h1 to h6, ul, ol, li, blockquote, hr and, where fences are kept, pre; within them strong, em, code, a,
and `math`, which holds a formula with its dollars.

The work is bounded: longer texts are one paragraph; marks nest no deeper than there are processors, lists eight levels,
quotes one.
"""

import re
import textwrap
import threading
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import (
    EscapeInlineProcessor,
    InlineProcessor,
    LinkInlineProcessor,
    Pattern,
    SimpleTagInlineProcessor,
)
from markdown.treeprocessors import InlineProcessor as InlineTreeprocessor
from markdown.util import AtomicString, Registry

from digest.markdown_blocks import BLOCKS

LONGEST = 20_000  # characters that are read as Markdown
MATH = "math"
"""The element of a formula."""

_LONGEST_ADDRESS = 1_000

_FENCE = re.compile(
    r"^ {0,8}(`{3,}+|~{3,}+)([^\n`]*+)\n(.*?)(?:\n {0,8}\1[`~]*$|\Z)", re.DOTALL | re.MULTILINE
)
_PROSE = frozenset({"markdown", "md", "text", "txt", "plain"})  # fences around no code
_CODE = r"(?<![`\\])(?P<ticks>`+)(?P<code>[^`\n]{1,2000}(?:\n[^`\n]{1,2000}){0,20})(?P=ticks)(?!`)"
_FORMULA = r"(?<!\\)\$[^$\n]{1,500}(?:\n[^$\n]{1,500}){0,20}(?<!\\)\$"
_VERBATIM = rf"{_CODE}|{_FORMULA}"
_IN_LINES = re.compile(_VERBATIM)

_WEB = r"https?://[^\s()<>\[\]\x02\x03]+(?:\([^\s()<>]*\)[^\s()<>]*)*"
_MAIL = r"mailto:[^\s()<>\[\]\x02\x03@]+@[^\s()<>\[\]\x02\x03@]+"
_LINK = rf"!?\[(?=[^\[\]\n]{{0,300}}\]\(\s?<?(?:https?://|mailto:)[^)\n]{{1,{_LONGEST_ADDRESS}}}\))"
_TARGET = re.compile(rf"{_WEB}|{_MAIL}")
_AUTOLINK = rf"<(?:{_WEB}|{_MAIL})>"
_ADDRESS = r"https?://[A-Za-z0-9](?:(?![<>()\[\]\x02\x03])[!-~])*(?<![*_])"

_OPENS = r"(?=[^\s*_).,;:!?，。；：、）\]])"
_ENDS = r"(?<![\s(（\[])"
_EMPHASIS = (  # in the order in which they are looked for
    ("strong", rf"(?<![*\\])(\*{{3}}){_OPENS}([^*]+?){_ENDS}\*{{3}}(?!\*)"),
    ("strong", rf"(?<![A-Za-z0-9_\\])(__){_OPENS}((?:[^_*]|_(?!_))+?){_ENDS}__(?![A-Za-z0-9_])"),
    ("em", rf"(?<![A-Za-z0-9*\\])(\*){_OPENS}((?:[^*]|\*\*)+?){_ENDS}\*(?![A-Za-z0-9*])"),
    ("em", rf"(?<![A-Za-z0-9_\\])(_){_OPENS}([^_]+?){_ENDS}_(?![A-Za-z0-9_])"),
    ("strong", r"(?<![*\\])(\*\*)([^\s*](?:[^*]|\*(?!\*))*?(?<![\s*]))\*\*(?!\*)"),
)


class Escape(InlineProcessor):
    """Reads what stands for itself and is no mark: whatever PATTERN finds."""

    PATTERN = r"\\([^\x02\x03])"  # not the sign that stands for what was read before


def tree(source: str, *, keeps_escapes: bool = False, keeps_fences: bool = False) -> Element:
    r"""The tree of `source`; with `keeps_escapes`, `\*` stands in it as it is written, else as `*`.

    With `keeps_fences`, what stands in a fence is a `pre`, outside of all other blocks; else it is code in a paragraph.
    """
    root = Element("div")
    if len(source) > LONGEST:
        SubElement(root, "p").text = source
        return root
    parser = _parsers.of(_KeptEscape if keeps_escapes else _Escape)
    at = 0
    for fence in _FENCE.finditer(source) if keeps_fences else ():
        _parse(parser, root, source[at : fence.start()])
        if body := textwrap.dedent(fence[3]).strip("\n"):
            SubElement(root, "pre").text = AtomicString(body)
        at = fence.end()
    _parse(parser, root, source[at:] if keeps_fences else _unfenced(source))
    return _with_spans(root, parser)


def _parse(parser: Markdown, root: Element, source: str) -> None:
    """Adds the blocks of `source` to `root`; no line within a formula or code begins one."""
    lines = _IN_LINES.sub(lambda found: " ".join(found[0].split("\n")), source).split("\n")
    for preprocessor in parser.preprocessors:
        lines = preprocessor.run(lines)
    parser.parser.parseChunk(root, "\n".join(lines))


def inline(source: str, escape: type[Escape]) -> Element:
    """A paragraph that holds `source`, whatever its lines begin with; `escape` reads what stands for itself in it.

    What `escape` looks for is its PATTERN, and comes before all else.
    """
    root = Element("div")
    SubElement(root, "p").text = source
    return (root if len(source) > LONGEST else _with_spans(root, _parsers.of(escape)))[0]


def stored(element: Element) -> str:
    """What stands in `element`, in the stored form of text (`digest.models`): a link is its words and its address."""
    return (element.text or "") + "".join(f"{_span(child)}{child.tail or ''}" for child in element)


def _span(element: Element) -> str:
    text = stored(element)
    match element.tag:
        case "strong":
            return f"**{text}**"
        case "code":
            return f"`{text}`"
        case "a":
            address = element.get("href", "")
            return address if text.strip() in {"", address} else f"{text.strip()} ({address})"
    return text


def _with_spans(root: Element, parser: Markdown) -> Element:
    for processor in parser.treeprocessors:  # ours change the tree in place
        processor.run(root)
    return root


class _Parsers(threading.local):
    """A parser for each thread and dialect: it has state while it reads."""

    def __init__(self) -> None:
        self._made: dict[type[Escape], Markdown] = {}

    def of(self, escape: type[Escape]) -> Markdown:
        if escape not in self._made:
            self._made[escape] = Markdown(extensions=[_Dialect(escape)])
        return self._made[escape].reset()


_parsers = _Parsers()


class _Dialect(Extension):
    """What is read as Markdown, in the place of all that the library would read."""

    def __init__(self, escape: type[Escape]) -> None:
        super().__init__()
        self._escape = escape

    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.deregister("html_block")
        md.treeprocessors.deregister("prettify")
        md.parser.blockprocessors = Registry()
        for at, block in enumerate(BLOCKS):
            md.parser.blockprocessors.register(block(md.parser), block.__name__, -at)
        inline: Registry[Pattern] = Registry()
        md.inlinePatterns = inline
        md.treeprocessors.register(InlineTreeprocessor(md), "inline", 20)
        if self._escape in {_Escape, _KeptEscape}:
            inline.register(_Verbatim(_VERBATIM, md), "verbatim", 100)
        inline.register(self._escape(self._escape.PATTERN, md), "escape", 90)
        inline.register(_Link(_LINK, md), "link", 80)
        inline.register(_Address(_AUTOLINK, md), "autolink", 70)
        inline.register(_Address(_ADDRESS, md), "address", 60)
        for at, (tag, pattern) in enumerate(_EMPHASIS):
            inline.register(SimpleTagInlineProcessor(pattern, tag), f"emphasis {at}", 50 - at)


class _Verbatim(InlineProcessor):
    """Code and formulas, whichever begins first."""

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        element = Element("code" if m["ticks"] else MATH)
        inside = " ".join((m["code"] if m["ticks"] else m[0]).split("\n"))
        element.text = AtomicString(inside.strip() if m["ticks"] and len(m["ticks"]) > 1 else inside)
        return element, m.start(), m.end()


class _Escape(EscapeInlineProcessor, Escape):
    """An escaped sign, without its backslash."""


class _KeptEscape(Escape):
    """An escaped sign that stays as it is written, and is no mark."""

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[str, int, int]:
        return m[0], m.start(), m.end()


class _Link(LinkInlineProcessor):
    """Links and images, both as links; what leads elsewhere than to the web or a mailbox is text."""

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[Element | None, int | None, int | None]:
        element, start, end = super().handleMatch(m, data[: m.end() + _LONGEST_ADDRESS])
        if not isinstance(element, Element) or not _TARGET.fullmatch(element.get("href", "")):
            return None, None, None
        element.attrib.pop("title", None)
        return element, start, end


class _Address(InlineProcessor):
    """An address that stands for itself."""

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        address = m[0].strip("<>")
        element = Element("a", href=address)
        element.text = AtomicString(address)
        return element, m.start(), m.end()


def _unfenced(source: str) -> str:
    """`source` with what stands in fences as code."""
    return _FENCE.sub(_inline_code, source)


def _inline_code(found: re.Match[str]) -> str:
    """The inside of a fence as code; as it is, where it is no code or cannot stand between backticks."""
    body = found[3].strip()
    is_all = found[0].strip() == found.string.strip()
    if is_all or not body or "`" in body or found[2].strip().lower() in _PROSE:
        return body
    return f"`{' '.join(body.split())}`"
