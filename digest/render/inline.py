"""Parser for the stored form of text: returns spans, which each output renders in its own way. Pure.

Formulas are accepted in every form that papers and models write: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`.
Text that only looks like a formula (money, a single dollar sign) stays text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Literal characters."""

    value: str


@dataclass(frozen=True, slots=True)
class Math:
    """A formula in TeX, without its delimiters."""

    tex: str


@dataclass(frozen=True, slots=True)
class Code:
    """Characters set as code."""

    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """A bare http(s) address, without trailing punctuation."""

    url: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Bold spans; they contain no further Strong."""

    spans: tuple["Span", ...]


Span = Text | Math | Code | Link | Strong

_SPANS = re.compile(
    r"\$\$(?P<display>[^$]+?)\$\$"
    r"|(?<!\\)\$(?P<dollar>[^$]+?)(?<!\\)\$"
    r"|\\\((?P<round>.{1,2000}?)\\\)"
    r"|\\\[(?P<square>.{1,2000}?)\\\]"
    r"|(?<!`)`(?P<code>[^`]+)`(?!`)"
    r"|(?<!\*)\*\*(?P<strong>[^\s*](?:[^*]|\*(?!\*))*?(?<![\s*]))\*\*(?!\*)"
    r"|(?P<link>https?://[A-Za-z0-9](?:(?!\]\()[!-~])*)",
    re.DOTALL,
)
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")
_EASTERN = re.compile(r"[\u3041-\u30fa\u3400-\u9fff\uac00-\ud7af](?![^{}]*\})")
_MONEY = re.compile(r"\d[\d,.]*(?:\s+[A-Za-z]|\s*[-–/、，；]\s*$)")  # $5 million …, $5-$10
_BEHIND_A_LINK = ".,;:!?'\")]}>*_`|\\([{"


def parse(text: str) -> tuple[Span, ...]:
    """Parse `text` into spans; joined, they contain all of its characters except the delimiters."""
    return tuple(_joined(_spans(text)))


def _spans(text: str) -> Iterator[Span]:
    at = 0
    while found := _SPANS.search(text, at):
        span, end = _span(found)
        yield Text(text[at : found.start()])
        yield span
        at = end
    yield Text(text[at:])


def _span(found: re.Match[str]) -> tuple[Span, int]:
    """Return the span that begins at the match, and its end."""
    kind = found.lastgroup or ""
    content = found[kind]
    if kind == "code":
        return Code(content), found.end()
    if kind == "strong":
        return Strong(tuple(_joined(_spans(content)))), found.end()
    if kind == "link":
        url = trimmed(content)
        return Link(url), found.start() + len(url)
    if is_formula(content):
        return Math(content.strip()), found.end()
    return Text(found[0][0]), found.start() + 1  # a delimiter that opens nothing; parsing continues after it


def is_formula(content: str) -> bool:
    """Return True if the content between delimiters is a formula.

    A formula has balanced braces. Without a backslash it also has fewer than three words, no Chinese, Japanese or
    Korean outside braces, no white space at its ends, and is not an amount of money.
    """
    has_command = "\\" in content
    if content.endswith("\\") or re.search(r"(?<!\\)\$", content):
        return False
    if content != content.strip() and not has_command:
        return False
    if not content.strip() or not _balanced(content):
        return False
    if has_command:
        return True
    return len(_WORD.findall(content)) < 3 and not _MONEY.match(content) and not _EASTERN.search(content)


def _balanced(tex: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", tex):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def trimmed(url: str) -> str:
    """Strip from `url` the punctuation of the sentence, a closing bracket around it, and an opening one after it."""
    while url and url[-1] in _BEHIND_A_LINK:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Merge adjacent texts, and drop empty ones."""
    pending = ""
    for span in spans:
        if isinstance(span, Text):
            pending += span.value
            continue
        if pending:
            yield Text(pending)
            pending = ""
        yield span
    if pending:
        yield Text(pending)
