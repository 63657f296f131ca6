"""Markdown parser, based on Python-Markdown, for what models and people write. Pure.

It returns the library's element tree with formulas as elements and without raw HTML. The library's parsers
(https://python-markdown.github.io/extensions/api/) run with processors of our own: each block is recognized by the
beginning of its first line and needs no blank line before it, `•` and `1)` begin items too, `2*3*4`, `snake_case` and
`E[X](t)` are text, Chinese may touch `**` without a space. Links lead to web and mail addresses only; HTML is text. The
elements are p, h1 to h6, ul, ol, li, blockquote, hr and, if fences are kept, pre; within them strong, em, code, a, and
`math`, which contains a formula with its dollar signs.

The work is bounded: a text over LONGEST is one paragraph; marks nest no deeper than there are processors, lists eight
levels, quotes one.
"""

import re
import textwrap
import threading
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.blockparser import BlockParser
from markdown.blockprocessors import BlockProcessor, EmptyBlockProcessor
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

MARK = "mark"
"""The attribute of a list item that contains its number as written."""

_DEEPEST = 8  # levels of nested lists

_HEADING = re.compile(r" *(#{1,6})(?: +(.*?)(?: +#+)?)? *$")
_RULE = re.compile(r" *([*_=-])(?: ?\1){2,} *$")
_QUOTE = re.compile(r" *(?:> ?)++(?![\d=])")
_BULLET = re.compile(r"( *)(?:[-*+](?: +|$)|[•●▪◦・·] *)++(?=\S)")
_NUMBER = re.compile(r"( *)(\d{1,2}[.)](?= )|\d{1,2}[、）]|[(（]\d{1,2}[)）]) *(?=\S)")
_ONE = re.compile(r"\D*1\D*")


def is_heading(line: str) -> bool:
    """Return True if `line` is a heading and nothing else."""
    return "\n" not in line and _HEADING.match(line) is not None


class _Lines(BlockProcessor):
    """A block that is recognized by the beginning of its first line; the lines after it are put back."""

    BEGINS: re.Pattern[str]

    def test(self, parent: Element, block: str) -> bool:
        return self.BEGINS.match(block.partition("\n")[0]) is not None

    def taken(self, blocks: list[str], count: int) -> list[str]:
        lines = blocks.pop(0).split("\n")
        if rest := "\n".join(lines[count:]):
            blocks.insert(0, rest)
        return lines[:count]


class _Heading(_Lines):
    BEGINS = _HEADING

    def run(self, parent: Element, blocks: list[str]) -> None:
        found = self.BEGINS.match(self.taken(blocks, 1)[0])
        if found and found[2]:
            SubElement(parent, f"h{len(found[1])}").text = found[2]


class _Rule(_Lines):
    BEGINS = _RULE

    def run(self, parent: Element, blocks: list[str]) -> None:
        self.taken(blocks, 1)
        SubElement(parent, "hr")


class _Quote(_Lines):
    """Lines that begin with one or more `>`; a blank line ends the quote."""

    BEGINS = _QUOTE

    def run(self, parent: Element, blocks: list[str]) -> None:
        lines = blocks[0].split("\n")
        count = next((at for at, line in enumerate(lines) if not self.BEGINS.match(line)), len(lines))
        quoted = [self.BEGINS.sub("", line, count=1) for line in self.taken(blocks, count)]
        self.parser.parseChunk(SubElement(parent, "blockquote"), "\n".join(quoted))


class _List(_Lines):
    """List items, nested by their columns, with continuation lines; a list may continue after a blank line."""

    def __init__(self, parser: BlockParser) -> None:
        super().__init__(parser)
        self._open: list[tuple[int, Element]] = []  # the items that may contain others, with their columns

    def test(self, parent: Element, block: str) -> bool:
        return _item(block.partition("\n")[0]) is not None

    def run(self, parent: Element, blocks: list[str]) -> None:
        if not self._open or all(self._open[0][1] is not item for last in parent[-1:] for item in last[-1:]):
            self._open = []
        count = 0
        for line in blocks[0].split("\n"):
            item = _item(line)
            if item and (count == 0 or _begins(line) or self._open[-1][1].get(MARK)):
                self._add(parent, *item)
            elif _begins(line):
                break
            else:
                last = self._open[-1][1]
                last.text = f"{last.text}\n{line.strip()}"
            count += 1
        self.taken(blocks, count)

    def _add(self, parent: Element, column: int, mark: str, text: str) -> None:
        while self._open and (self._open[-1][0] >= column or len(self._open) == _DEEPEST):
            self._open.pop()
        holder = self._open[-1][1] if self._open else parent
        tag = "ol" if mark else "ul"
        goes_on = len(holder) and holder[-1].tag == tag
        item = SubElement(
            holder[-1] if goes_on else SubElement(holder, tag), "li", {MARK: mark} if mark else {}
        )
        item.text = text
        self._open.append((column, item))


class _Paragraph(_Lines):
    """All lines up to one that begins another block."""

    def test(self, parent: Element, block: str) -> bool:
        return True

    def run(self, parent: Element, blocks: list[str]) -> None:
        lines = blocks[0].split("\n")
        count = next((at for at, line in enumerate(lines) if at and _begins(line)), len(lines))
        text = "\n".join(line.strip() for line in self.taken(blocks, count)).strip()
        if text:
            SubElement(parent, "p").text = text


def _item(line: str) -> tuple[int, str, str] | None:
    """Return the column, number and text of the list item that `line` begins; the number of a bullet is empty."""
    if found := _BULLET.match(line):
        return len(found[1]), "", line[found.end() :]
    if found := _NUMBER.match(line):
        return len(found[1]), found[2], line[found.end() :]
    return None


def _begins(line: str) -> bool:
    """Return True if `line` begins a block in the middle of another.

    A numbered list must begin with 1 there, because a sentence may break before a number.
    """
    if any(pattern.match(line) for pattern in (_HEADING, _RULE, _QUOTE, _BULLET)):
        return True
    number = _NUMBER.match(line)
    return number is not None and _ONE.fullmatch(number[2]) is not None


BLOCKS = (EmptyBlockProcessor, _Heading, _Rule, _Quote, _List, _Paragraph)
"""The block processors, in the order in which they are tried."""


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
