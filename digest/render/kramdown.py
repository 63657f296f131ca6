"""Spans -> Markdown for kramdown (GFM, as Jekyll runs it), and back. Pure.

The built page shows the literal text and the formulas; nothing in them becomes markup, Liquid or HTML. Escaped is
only what kramdown 2.4 would take for something, so that ordinary prose stays as it is. Straight quotes become curly
ones on the page, as they always did.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from xml.etree.ElementTree import Element

from markdown.util import AtomicString

from digest import markdown_tree
from digest.invisible import removed
from digest.render import tex_safety
from digest.render.inline import Code, Link, Math, Span, Strong, Text, is_formula, parse

_SIGNS = re.compile(
    r"[\\`*\[{|$<]"  # escapes, code, emphasis, links and footnotes, attributes, tables, formulas, tags
    r"|_(?<![A-Za-z0-9]_)|_(?![A-Za-z0-9])"  # underscores, but inside words
    r"|(?<=~)~|~(?=~)|(?<=-)-|-(?=-)|(?<=>)>|>(?=>)"  # strikethrough, dashes, guillemets
    # entities, Liquid, and what would look like a formula of ours
    r"|&(?=\#?\w*(?:;|$))|(?<=\{)%|(?<=\\)[(\[]",
    re.ASCII,
)
_ENTITIES = {"&": "&amp;", "%": "&#37;"}
# At the beginning of a block: headings, quotes, lists, definitions, underlines of headings, ends of blocks.
_OPENING = re.compile(r"\#+(?=\s|$)|>|[:+-](?=\s|$)|=+$|\^$|\d+(?=\.(?:\s|$))", re.ASCII)
_PLAIN_TEX = re.compile(r"[^|\n`]+")
_SPECIAL = re.compile(r"[\\.*_+`<>()\[\]{}#!:|\"'$=~&%-]")
_ESCAPED = re.compile(r"\\([\\.*_+`<>()\[\]{}#!:|\"'$=~-])")
_LONE_FORMULA = re.compile(r"\$\$[^$]+\$\$")


def markdown(text: str) -> str:
    """Stored `text` as the source of one paragraph, heading or list item."""
    return block(parse(" ".join(removed(text).split())))


def block(spans: Iterable[Span]) -> str:
    """`spans` as the source of one block."""
    source = " ".join("".join(map(_source, _shown(spans))).split())
    if _LONE_FORMULA.fullmatch(source):
        return _escaped_formula(
            source[2:-2]
        )  # alone, it would be a display formula in a paragraph of its own
    if source.endswith(r"\\"):
        source = source[:-2] + "&#92;"  # two at the end of a line break it
    if source.endswith("#"):
        source = source[:-1] + r"\#"
    if source.startswith(r"\$$"):
        source = "&#36;" + source[2:]  # kramdown drops a backslash in front of a block's formula
    opening = _OPENING.match(source)
    return source if opening is None else _opened(source, opening.end())


def _shown(spans: Iterable[Span]) -> Iterator[Span]:
    """`spans` as the page has them: neighbours that stand there as text are one, and no TeX in them does harm."""
    written = ""
    for span in spans:
        match span:
            case Text(value) | Link(value):
                written += value
                continue
            case Code(value) if not _is_plain_code(value):
                written += value
                continue
        yield Text(tex_safety.text(written))
        written = ""
        yield Math(tex_safety.formula(span.tex)) if isinstance(span, Math) else span
    yield Text(tex_safety.text(written))


def _opened(source: str, end: int) -> str:
    """`source` with what opens it made harmless: a number by its full stop, a sign by itself."""
    if source[0].isdigit():
        return rf"{source[:end]}\{source[end:]}"
    return "&#94;" + source[1:] if source[0] == "^" else "\\" + source


def _source(span: Span) -> str:
    match span:
        case Text(value) | Link(value):
            return _SIGNS.sub(_escape, value)
        case Math(tex):
            return formula(tex)
        case Code(value):
            return f"`{value}`"
        case Strong(spans):
            return f"**{''.join(map(_source, _shown(spans)))}**"


def formula(tex: str) -> str:
    r"""`tex` so that the page holds `\(tex\)`, which MathJax finds, to the letter.

    kramdown's own form for that is `$$tex$$`. A pipe in it would make a table of the line, and Liquid comes before
    kramdown: there every sign is escaped by itself.
    """
    if _PLAIN_TEX.fullmatch(tex) and "{{" not in tex and "{%" not in tex:
        return f"$${tex}$$"
    return _escaped_formula(tex)


def _escaped_formula(tex: str) -> str:
    signs = _SPECIAL.sub(lambda sign: _ENTITIES.get(sign[0]) or rf"\{sign[0]}", " ".join(tex.split()))
    return rf"\\({signs}\\)"


def _escape(sign: re.Match[str]) -> str:
    return _ENTITIES.get(sign[0]) or rf"\{sign[0]}"


def _is_plain_code(value: str) -> bool:
    return not re.search(r"[`|\n]|\{\{|\{%", value) and value == value.strip()


def text(source: str) -> str:
    """The stored form of a block's source: what `markdown` wrote, or what older posts hold.

    These have formulas between single dollars or in escaped brackets, and emphasis and links that a model wrote.
    """
    return markdown_tree.stored(markdown_tree.inline(source, _Written))


class _Written(markdown_tree.Escape):
    """Formulas and code, and what kramdown shows to the letter: escaped signs and entities."""

    PATTERN = (
        r"\$\$(?P<plain>[^$]+)\$\$|\\\\\((?P<escaped>(?:\\.|[^\\])+?)\\\\\)"
        r"|\\\((?P<round>[^$\n]{1,1000}?)(?<!\\)\\\)|\\\[(?P<square>[^$\n]{1,1000}?)(?<!\\)\\\]"
        r"|\\(?P<sign>[\\.*_+`<>()\[\]{}#!:|\"'$=~-])"
        r"|`(?P<code>[^`\n]+)`|(?P<dollars>\$[^$\n]+\$)|(?P<entity>&(?:\#?\w{1,32});)"
    )

    def handleMatch(  # type: ignore[override]  # noqa: N802 - the library's name
        self,
        m: re.Match[str],
        data: str,
    ) -> tuple[Element | str, int, int]:
        kind = m.lastgroup or ""
        if kind in {"sign", "entity"}:
            return m["sign"] or unescape(m["entity"]), m.start(), m.end()
        if kind in {"round", "square"} and not is_formula(m[kind]):
            return data[m.start() + 1], m.start(), m.start() + 2
        element = Element("code" if kind == "code" else markdown_tree.MATH)
        tex = unescape(_ESCAPED.sub(r"\1", m["escaped"])) if kind == "escaped" else m[kind]
        element.text = AtomicString(tex if kind in {"code", "dollars"} else f"${tex.strip()}$")
        return element, m.start(), m.end()
