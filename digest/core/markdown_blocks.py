"""Block processors for Python-Markdown: headings, rules, quotes, lists, paragraphs. Pure.

Each block is recognized by the beginning of its first line and needs no blank line before it.
"""

import re
from xml.etree.ElementTree import Element, SubElement

from markdown.blockparser import BlockParser
from markdown.blockprocessors import BlockProcessor, EmptyBlockProcessor

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
