"""Converts a model's text to the stored form (`digest.core.models`): formulas in `$…$`, no Markdown. Pure.

The stored form has only bold text, code and bare addresses. Emphasis becomes plain text, a link its words and its
address; headings and list items become sentences on one line, or paragraphs. It covers what models write, not all of
CommonMark: `2*3*4`, `snake_case` and `E[X](t)` are left unchanged.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from xml.etree.ElementTree import Element

from digest.core import markdown
from digest.core.invisible import removed
from digest.core.markdown import LONGEST, MARK, stored

_NESTED = 10  # passes over a text: the content of a mark may contain marks itself
_CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_WIDE = r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]"
_BREAK_IN_WIDE = re.compile(rf"(?<={_WIDE})[^\S\n]*\n\s*(?={_WIDE})")
_SAID = ".。!！?？…:：;；,，、"


class _BlockKind(Enum):
    PLAIN = auto()
    HEADING = auto()
    BULLET = auto()
    NUMBER = auto()


_ITEMS = (_BlockKind.BULLET, _BlockKind.NUMBER)


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, heading or list item in the stored form; its line breaks are kept."""

    kind: _BlockKind
    text: str
    mark: str = ""


def markdown_line(text: str) -> str:
    """Convert `text` to sentences on one line; list items are separated by semicolons."""
    return _read(text, lambda blocks: joined_lines(_sentences(blocks)))


def markdown_paragraphs(text: str) -> str:
    """Convert `text` to paragraphs of one line each, separated by blank lines; so are headings and list items."""
    return _read(text, lambda blocks: "\n\n".join(filter(None, map(joined_lines, _apart(blocks)))))


def joined_lines(text: str) -> str:
    """Join the lines of `text`, without spaces at breaks between Chinese characters."""
    return " ".join(_BREAK_IN_WIDE.sub("", text).split())


def is_heading(text: str) -> bool:
    """Return True if `text` is a heading and nothing else."""
    return len(text) <= LONGEST and markdown.is_heading(text.strip())


def _read(text: str, arranged: Callable[[list[_Block]], str]) -> str:
    """Convert `text` repeatedly until it is stable: once lines are joined, they may begin a block."""
    for _ in range(_NESTED):
        read = arranged(_parsed(text))
        if read == text:
            break
        text = read
    return text


def _parsed(text: str) -> list[_Block]:
    if len(text) > LONGEST:
        return [_Block(_BlockKind.PLAIN, part) for part in _BLANK_LINE.split(text)]
    squeezed = "\n".join(" ".join(each.split()) for each in text.split("\n")).strip()
    return [*_blocks(markdown.tree(squeezed, keeps_escapes=True))]


def _blocks(element: Element) -> Iterator[_Block]:
    for each in element:
        match each.tag:
            case "p":
                yield _Block(_BlockKind.PLAIN, stored(each))
            case "li" if mark := each.get(MARK, ""):
                yield _Block(_BlockKind.NUMBER, stored(each), mark if not mark.isascii() else f"{mark} ")
            case "li":
                yield _Block(_BlockKind.BULLET, stored(each))
            case "hr":
                continue
            case "ul" | "ol" | "blockquote":
                yield from _blocks(each)
            case _:
                yield _Block(_BlockKind.HEADING, stored(each))


def _sentences(blocks: list[_Block]) -> str:
    if len(blocks) == 1:
        return blocks[0].mark + blocks[0].text
    said = [block.text + _between(block, following) for block, following in pairwise(blocks)]
    return "".join([*said, *(block.text for block in blocks[-1:])])


def _between(block: _Block, following: _Block) -> str:
    """Return the punctuation between `block` and the `following` one; a line break if none is needed."""
    said = block.text.rstrip("*_ ")
    if {block.kind, following.kind} == {_BlockKind.PLAIN} or said.endswith(tuple(_SAID)):
        return "\n"
    is_chinese = _CHINESE.search(said[-1:] + following.text[:1]) is not None
    if block.kind in _ITEMS:
        return ("；" if is_chinese else "; ") if following.kind in _ITEMS else ("。" if is_chinese else ". ")
    return "：" if is_chinese else ": "


def _apart(blocks: list[_Block]) -> list[str]:
    """Return the texts of the blocks; bullets become `•`, which no output format interprets."""
    return [f"{'• ' if each.kind is _BlockKind.BULLET else each.mark}{each.text}" for each in blocks]


CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

_FORMULA = re.compile(  # the first alternative skips `$a$` before `$`: that `$$` opens no formula
    r"(?<!\\)\$(?![\s$])[^$]{1,500}(?<![\s\\])\$(?=\$)"
    r"|(?<!\\)\\\((.{1,2000}?)\\\)|(?<!\\)\\\[(.{1,2000}?)\\\]|\$\$(.{1,2000}?)\$\$",
    re.DOTALL,
)
_SPAN = re.compile(r"(?<!\\)\$[^$]{1,500}(?<!\\)\$")
_COMMANDS = {"\b": r"\b", "\f": r"\f", "\t": r"\t", "\r": r"\r"}
_SWALLOWED = re.compile("[\b\f\t\r](?=[A-Za-z])")
_SWALLOWED_N = re.compile(r"\n(?=(?:abla|eq?|u|mid|exists|leq|geq|parallel|earrow|warrow|ot)(?![A-Za-z]))")


def lines(text: str) -> str:
    """Return `text` with its formulas in the stored form and without invisible characters; line breaks are kept."""
    formulas = _FORMULA.sub(_in_dollars, text.replace("\r\n", "\n"))
    restored = _SPAN.sub(lambda span: _with_commands(span[0]), formulas)
    return removed(restored)


def one_line(text: str) -> str:
    """Return `text` in the stored form on one line; its Markdown is converted."""
    return markdown_line(lines(text))


def paragraphs(text: str) -> str:
    """Return `text` in the stored form as paragraphs of one line each, with blank lines between them."""
    return markdown_paragraphs(lines(text))


def quoted(text: str) -> str:
    """Return a quotation on one line; anything in it that looks like Markdown is kept."""
    return joined_lines(lines(text))


def _in_dollars(match: re.Match[str]) -> str:
    inside = next((group for group in match.groups() if group is not None), None)
    if inside is None:
        return match[0]
    return f"${_with_commands(inside).strip()}$"


def _with_commands(formula: str) -> str:
    r"""Restore the commands whose backslash JSON parsed as an escape: `\frac`, `\beta`, `\nabla`."""
    restored = _SWALLOWED.sub(lambda found: _COMMANDS[found[0]], formula)
    return _SWALLOWED_N.sub(r"\\n", restored)
