"""Parser for a reading's Markdown in all its historical forms: returns three lists of claims. Pure.

Older posts number the parts `1)`, `1.` or not at all, with or without headings, on a line of their own or not; their
lists have three kinds of bullets, and indents of two to eight columns. Headings and bullets are dropped. Everything
else is kept in its order and depth, item numbers and rules too. If the first part has a heading, all parts have one,
and numbers are list items.
"""

import re
from dataclasses import dataclass, field

from digest.core.models import RULE, Claim
from digest.render import kramdown

_PART = re.compile(r"\#{2,4}\s+(?P<heading>.+)|(?P<number>[123])[.)）](?:\s+(?P<rest>.*)|\s*)$")
_ITEM = re.compile(r"(?P<indent>[ \t\u3000]*)(?:[-*+]\s+|[・•·]\s*|(?=\d{1,2}[.)]\s))(?P<text>.*)")
_HEADING = re.compile(r"#{2,6}\s+(.*[^\s#])[\s#]*")  # within a part
_RULE = re.compile(r"([-*_])(?: ?\1){2,}")
# The headings that older prompts asked for; posts add their own heading to each part now.
_OLD_HEADINGS = frozenset(
    {
        "研究背景与既有方法的问题",
        "论文核心方法如何解决上述问题",
        "核心方法如何解决这些问题",
        "在哪些任务上取得了怎样的效果",
    }
)
_NOTHING_UNDER = 1_000  # columns; no line is indented deeper, so nothing nests under it
_COLUMNS = {" ": 1, "\t": 4, "\u3000": 2}


@dataclass
class _Node:
    """A claim under construction; nested items must begin to the right of `column`."""

    text: str
    column: int
    nodes: list["_Node"] = field(default_factory=list)

    def claim(self) -> Claim:
        if _RULE.fullmatch(self.text):
            return RULE
        return Claim(kramdown.text(self.text), tuple(node.claim() for node in self.nodes))


Part = tuple[Claim, ...]


def parse(source: str) -> tuple[Part, Part, Part] | None:
    """Parse the three parts of a reading; None if there are not exactly three with claims.

    All parts begin with the same kind of mark if possible, so a list may use another: `1.` and `2.` within part `1)`.
    """
    return _parsed(source, alike=True) or _parsed(source, alike=False)


def _parsed(source: str, *, alike: bool) -> tuple[Part, Part, Part] | None:
    parts: list[_Outline] = []
    first = ""
    for line in source.splitlines():
        sign = _sign(line)
        is_other = first == "#" or alike
        begun = None if parts and is_other and sign != first else _part(line, len(parts))
        if begun is not None:
            first = first or sign
            parts.append(_Outline())
            line = begun  # noqa: PLW2901 - the text after the number belongs to the part
        if parts:
            parts[-1].add(line)
    if len(parts) != 3 or not all({*part.claims()} - {RULE} for part in parts):
        return None
    background, method, results = parts
    return background.claims(), method.claims(), results.claims()


def _sign(line: str) -> str:
    """Return the kind of mark that may begin a part on `line`: `#`, or the character after the number."""
    return "#" if line.startswith("#") else line[1:2].replace("）", ")")


def _part(line: str, begun: int) -> str | None:
    """Return the text after the mark of the next part on `line`; None if the line does not begin the next part."""
    found = _PART.fullmatch(line.rstrip())
    if found is None or (found["number"] and int(found["number"]) != begun + 1):
        return None
    return found["rest"] or ""


class _Outline:
    """The claims of one part, added line by line."""

    def __init__(self) -> None:
        self._root = _Node("", -2)
        self._open = [self._root]
        self._may_continue = False

    def add(self, line: str) -> None:
        stripped = line.strip(" \t\u3000")
        if not stripped:
            self._may_continue = False
        elif _RULE.fullmatch(stripped):
            self._append(_Node(stripped, _NOTHING_UNDER), below=-1)
            self._may_continue = False
        elif stripped.strip("*# ：:") in _OLD_HEADINGS:
            return
        elif found := _HEADING.fullmatch(stripped):
            self._paragraph(_indent(line), found[1] if "*" in found[1] else f"**{found[1]}**")
        elif found := _ITEM.fullmatch(line.rstrip()):
            self._item(_columns(found["indent"]), found["text"].strip())
        elif self._may_continue and _indent(line) > self._open[-1].column:
            self._open[-1].text += " " + stripped
        else:
            self._paragraph(_indent(line), stripped)

    def claims(self) -> Part:
        return tuple(node.claim() for node in self._root.nodes)

    def _item(self, column: int, text: str) -> None:
        self._append(_Node(text, column), below=column)
        self._may_continue = True

    def _paragraph(self, column: int, text: str) -> None:
        """Add a paragraph; items of a list that it introduces are nested under it, though they begin at its column."""
        leads = text.endswith(("：", ":")) or re.fullmatch(r"\*\*[^*]+\*\*", text) is not None
        self._append(_Node(text, column - 1 if leads else column), below=column - 1)
        self._may_continue = False

    def _append(self, node: _Node, below: int) -> None:
        while self._open[-1].column >= below and len(self._open) > 1:
            self._open.pop()
        self._open[-1].nodes.append(node)
        self._open.append(node)


def _indent(line: str) -> int:
    return _columns(line[: len(line) - len(line.lstrip(" \t\u3000"))])


def _columns(blank: str) -> int:
    return sum(_COLUMNS[character] for character in blank)
