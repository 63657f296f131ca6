"""Renderer of an edition as a Jekyll post: front matter, then Markdown for kramdown; and back to stored text. Pure.

kramdown runs in the GFM dialect, as with Jekyll. The built page shows the literal text and the formulas; nothing in
them becomes markup, Liquid or HTML. Only characters that kramdown 2.4 would interpret are escaped, so ordinary prose
stays unchanged. Straight quotes become curly ones on the page, as they always did.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from html import unescape
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markdown.util import AtomicString

from digest.core import markdown
from digest.core.invisible import removed
from digest.core.models import Edition
from digest.render import i18n, stored_text, tex_safety
from digest.render.stored_text import Code, Link, Math, Span, Strong, Text, is_formula, parse

_SIGNS = re.compile(
    r"[\\`*\[{|$<]"  # escapes, code, emphasis, links and footnotes, attributes, tables, formulas, tags
    r"|_(?<![A-Za-z0-9]_)|_(?![A-Za-z0-9])"  # underscores, but inside words
    r"|(?<=~)~|~(?=~)|(?<=-)-|-(?=-)|(?<=>)>|>(?=>)"  # strikethrough, dashes, guillemets
    # entities, Liquid, and text that would look like a formula of ours
    r"|&(?=\#?\w*(?:;|$))|(?<=\{)%|(?<=\\)[(\[]",
    re.ASCII,
)
_ENTITIES = {"&": "&amp;", "%": "&#37;"}
# Special at the beginning of a block: headings, quotes, lists, definitions, heading underlines, ends of blocks.
_OPENING = re.compile(r"\#+(?=\s|$)|>|[:+-](?=\s|$)|=+$|\^$|\d+(?=\.(?:\s|$))", re.ASCII)
_PLAIN_TEX = re.compile(r"[^|\n`]+")
_SPECIAL = re.compile(r"[\\.*_+`<>()\[\]{}#!:|\"'$=~&%-]")
_ESCAPED = re.compile(r"\\([\\.*_+`<>()\[\]{}#!:|\"'$=~-])")
_LONE_FORMULA = re.compile(r"\$\$[^$]+\$\$")


def kramdown(text: str) -> str:
    """Convert stored `text` to the source of one paragraph, heading or list item."""
    return kramdown_block(parse(" ".join(removed(text).split())))


def kramdown_block(spans: Iterable[Span]) -> str:
    """Convert `spans` to the source of one block."""
    source = " ".join("".join(map(_source, _shown(spans))).split())
    if _LONE_FORMULA.fullmatch(source):
        return _escaped_formula(
            source[2:-2]
        )  # alone, it would be a display formula in a paragraph of its own
    if source.endswith(r"\\"):
        source = source[:-2] + "&#92;"  # two backslashes at the end of a line are a line break
    if source.endswith("#"):
        source = source[:-1] + r"\#"
    if source.startswith(r"\$$"):
        source = "&#36;" + source[2:]  # kramdown drops a backslash in front of a block's formula
    opening = _OPENING.match(source)
    return source if opening is None else _opened(source, opening.end())


def _shown(spans: Iterable[Span]) -> Iterator[Span]:
    """Merge the spans that the page shows as text, and sanitize the TeX in all spans."""
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
    """Escape the beginning of `source`: the full stop after a number, or the character itself."""
    if source[0].isdigit():
        return rf"{source[:end]}\{source[end:]}"
    return "&#94;" + source[1:] if source[0] == "^" else "\\" + source


def _source(span: Span) -> str:
    match span:
        case Text(value) | Link(value):
            return _SIGNS.sub(_escape, value)
        case Math(tex):
            return kramdown_formula(tex)
        case Code(value):
            return f"`{value}`"
        case Strong(spans):
            return f"**{''.join(map(_source, _shown(spans)))}**"


def kramdown_formula(tex: str) -> str:
    r"""Convert `tex` so that the page contains exactly `\(tex\)`, which MathJax finds.

    kramdown's own form for this is `$$tex$$`. A pipe in it would turn the line into a table, and Liquid runs before
    kramdown; in these cases every special character is escaped separately.
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


def kramdown_text(source: str) -> str:
    """Convert the source of a block back to the stored form, as `markdown` or older posts wrote it.

    Older posts have formulas between single dollar signs or in escaped brackets, and a model's emphasis and links.
    """
    return markdown.stored(markdown.inline(source, _Written))


class _Written(markdown.Escape):
    """A processor for formulas, code, and literal text: escaped characters and entities."""

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
        element = Element("code" if kind == "code" else markdown.MATH)
        tex = unescape(_ESCAPED.sub(r"\1", m["escaped"])) if kind == "escaped" else m[kind]
        element.text = AtomicString(tex if kind in {"code", "dollars"} else f"${tex.strip()}$")
        return element, m.start(), m.end()


FOLDER = "post"


def post_name(day: date) -> str:
    """Return the file name of the post of `day`."""
    return f"{day}-arxiv.md"


def render(edition: Edition, zone: ZoneInfo) -> str:
    """Render the post of `edition`, with times in `zone`."""
    template = _environment().get_template(f"{FOLDER}/edition.md.j2")
    return template.render(i18n.material(edition, zone))


@cache
def _environment() -> Environment:
    environment = i18n.environment().overlay()
    environment.filters = {
        **environment.filters,
        "markdown": _markdown,
        "paragraphs": _paragraphs,
    }
    return environment


def _paragraphs(text: str) -> str:
    return "\n\n".join(_markdown(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())


def _markdown(text: str) -> str:
    return kramdown(stored_text.typeset(text))
