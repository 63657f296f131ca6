"""Markdown parser: returns Python-Markdown's element tree with formulas as elements and without raw HTML. Pure.

The library's parsers (https://python-markdown.github.io/extensions/api/) run with processors for the Markdown that
models and people write: a list needs no blank line before it, `•` and `1)` begin items too, `2*3*4`, `snake_case` and
`E[X](t)` are text, Chinese may touch `**` without a space. Links lead to web and mail addresses only; HTML is text. The
elements are p, h1 to h6, ul, ol, li, blockquote, hr and, if fences are kept, pre; within them strong, em, code, a,
and `math`, which contains a formula with its dollar signs.

The work is bounded: a text over LONGEST is one paragraph; marks nest no deeper than there are processors, lists eight
levels, quotes one.
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

from digest.core.markdown_blocks import BLOCKS

LONGEST = 20_000  # characters; a longer text is not parsed as Markdown
MATH = "math"
"""The tag of a formula's element."""

_LONGEST_ADDRESS = 1_000

_FENCE = re.compile(
    r"^ {0,8}(`{3,}+|~{3,}+)([^\n`]*+)\n(.*?)(?:\n {0,8}\1[`~]*$|\Z)", re.DOTALL | re.MULTILINE
)
_PROSE = frozenset({"markdown", "md", "text", "txt", "plain"})  # languages of fences around prose
_CODE = r"(?<![`\\])(?P<ticks>`+)(?P<code>[^`\n]{1,2000}(?:\n[^`\n]{1,2000}){0,20})(?P=ticks)(?!`)"
_FORMULA = r"(?<!\\)\$[^$\n]{1,500}(?:\n[^$\n]{1,500}){0,20}(?<!\\)\$"
_VERBATIM = rf"{_CODE}|{_FORMULA}"
_IN_LINES = re.compile(_VERBATIM)

_WEB = r"https?://[^\s()<>\[\]\x02\x03]+(?:\([^\s()<>]*\)[^\s()<>]*)*"
_MAIL = r"mailto:[^\s()<>\[\]\x02\x03@]+@[^\s()<>\[\]\x02\x03@]+"
_WORDS = r"(?:[^\[\]\n]|\[[^\[\]\n]{0,300}+\]){0,300}+"
_LINK = rf"!?\[(?={_WORDS}\]\(\s?<?(?:https?://|mailto:)[^)\n]{{1,{_LONGEST_ADDRESS}}}\))"
_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\([^()\s]{0,1000}\)")
_TARGET = re.compile(rf"{_WEB}|{_MAIL}")
_AUTOLINK = rf"<(?:{_WEB}|{_MAIL})>"
_ADDRESS = r"https?://[A-Za-z0-9](?:(?![<>()\[\]\x02\x03])[!-~])*(?<![*_])"

_OPENS = r"(?=[^\s*_).,;:!?，。；：、）\]])"
_ENDS = r"(?<![\s(（\[])"
_EMPHASIS = (  # in the order in which they are tried
    ("strong", rf"(?<![*\\])(\*{{3}}){_OPENS}([^*]+?){_ENDS}\*{{3}}(?!\*)"),
    ("strong", rf"(?<![A-Za-z0-9_\\])(__){_OPENS}((?:[^_*]|_(?!_))+?){_ENDS}__(?![A-Za-z0-9_])"),
    ("em", rf"(?<![A-Za-z0-9*\\])(\*){_OPENS}((?:[^*]|\*\*)+?){_ENDS}\*(?![A-Za-z0-9*])"),
    ("em", rf"(?<![A-Za-z0-9_\\])(_){_OPENS}([^_]+?){_ENDS}_(?![A-Za-z0-9_])"),
    ("strong", r"(?<![*\\])(\*\*)([^\s*](?:[^*]|\*(?!\*))*?(?<![\s*]))\*\*(?!\*)"),
)


class Escape(InlineProcessor):
    """Base class for processors of escapes: whatever PATTERN matches is literal text."""

    PATTERN = r"\\([^\x02\x03])"  # not the library's placeholder for parts that are already parsed


def tree(source: str, *, keeps_escapes: bool = False, keeps_fences: bool = False) -> Element:
    r"""Parse `source` into a tree; `\*` becomes `*` unless `keeps_escapes`.

    With `keeps_fences`, a fenced block is a `pre` outside all other blocks; otherwise it is code in a paragraph.
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
    """Add the blocks of `source` to `root`; a line within a formula or code never begins a block."""
    lines = _IN_LINES.sub(lambda found: " ".join(found[0].split("\n")), source).split("\n")
    for preprocessor in parser.preprocessors:
        lines = preprocessor.run(lines)
    parser.parser.parseChunk(root, "\n".join(lines))


def inline(source: str, escape: type[Escape]) -> Element:
    """Parse `source` as one paragraph, whatever its lines begin with.

    `escape` handles literal text; its PATTERN is tried before all others.
    """
    root = Element("div")
    SubElement(root, "p").text = source
    return (root if len(source) > LONGEST else _with_spans(root, _parsers.of(escape)))[0]


def stored(element: Element) -> str:
    """The content of `element` in the stored form of text (`digest.core.models`); a link is “words (address)”."""
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
    """One parser per thread and dialect, because a parser has state while it runs."""

    def __init__(self) -> None:
        self._made: dict[type[Escape], Markdown] = {}

    def of(self, escape: type[Escape]) -> Markdown:
        if escape not in self._made:
            self._made[escape] = Markdown(extensions=[_Dialect(escape)])
        return self._made[escape].reset()


_parsers = _Parsers()


class _Dialect(Extension):
    """The dialect of Markdown; it replaces all of the library's own processors."""

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
    """A processor for code and formulas, whichever begins first."""

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        element = Element("code" if m["ticks"] else MATH)
        inside = " ".join((m["code"] if m["ticks"] else m[0]).split("\n"))
        element.text = AtomicString(inside.strip() if m["ticks"] and len(m["ticks"]) > 1 else inside)
        return element, m.start(), m.end()


class _Escape(EscapeInlineProcessor, Escape):
    """A processor for escaped characters; it removes the backslash."""


class _KeptEscape(Escape):
    """A processor for escaped characters; it keeps the backslash."""

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[str, int, int]:
        return m[0], m.start(), m.end()


class _Link(LinkInlineProcessor):
    """A processor for links and images, both as links; other targets than web and mail addresses stay text.

    Within one there is no other: a picture that is a link is its description.
    """

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[Element | None, int | None, int | None]:
        element, start, end = super().handleMatch(m, data[: m.end() + _LONGEST_ADDRESS])
        if not isinstance(element, Element) or not _TARGET.fullmatch(element.get("href", "")):
            return None, None, None
        element.attrib.pop("title", None)
        element.text = _IMAGE.sub(r"\1", element.text or "")
        return element, start, end


class _Address(InlineProcessor):
    """A processor for bare addresses."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(  # type: ignore[override]
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        address = m[0].strip("<>")
        element = Element("a", href=address)
        element.text = AtomicString(address)
        return element, m.start(), m.end()


def _unfenced(source: str) -> str:
    """Replace the fenced blocks of `source` by inline code."""
    return _FENCE.sub(_inline_code, source)


def _inline_code(found: re.Match[str]) -> str:
    """Return the content of a fence as inline code; unchanged if it is prose or cannot stand between backticks."""
    body = found[3].strip()
    is_all = found[0].strip() == found.string.strip()
    if is_all or not body or "`" in body or found[2].strip().lower() in _PROSE:
        return body
    return f"`{' '.join(body.split())}`"
