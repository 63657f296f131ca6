"""The pages of a PDF -> one running text, by decisions about text alone."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from digest.fulltext.characters import plain
from digest.fulltext.references import drop_references

_STAMP = re.compile(r"arXiv:\S+v\d+ +\[[\w.-]+\] +\d{1,2} \w{3} \d{4}")
_PAGE_NUMBER = re.compile(r"[-–—]? ?\d{1,4} ?[-–—]?")
_MARGIN_LINES = 2  # at the top and at the bottom of a page, where running heads stand
_WORD = re.compile(r"[^\W\d_]+")
_BROKEN = re.compile(r"(-?[^\W\d_]+)-\n([^\W\d_]+-?)")


@dataclass(frozen=True, slots=True)
class RunningText:
    """The text of all pages, and whether references were among it, which are gone."""

    text: str
    has_references: bool


def running_text(pages: Sequence[str]) -> RunningText:
    """The text of `pages` without running heads, page numbers, arXiv's stamp and references, words made whole."""
    bodies = without_margins([plain(page) for page in pages])
    lines = [line for body in bodies for line in body if not _STAMP.fullmatch(line)]
    kept = drop_references(lines)
    return RunningText(join_broken_words("\n".join(kept)), has_references=len(kept) < len(lines))


def without_margins(pages: Sequence[str]) -> list[list[str]]:
    """The lines of each page without its number, and without what a third of the pages repeat in their margins."""
    split = [[line.strip() for line in page.splitlines() if line.strip()] for page in pages]
    times = Counter(head for lines in split for head in {_head(line) for line in _margins(lines)})
    running = {
        head for head, pages_with_it in times.items() if head and pages_with_it >= max(3, len(pages) / 3)
    }
    return [_body(lines, running) for lines in split]


def join_broken_words(text: str) -> str:
    """`text` with the words that a line's end broke in two made whole.

    What the rest of the text writes as one word becomes one; a hyphen stays in a compound, that is before a
    capital, in a chain such as `text-to-speech`, and between two words that the text also uses alone.
    """
    words = {word.lower() for word in _WORD.findall(_BROKEN.sub(" ", text))}

    def join(broken: re.Match[str]) -> str:
        left, right = broken[1], broken[2]
        if (left + right).lower() in words:
            return left + right
        chain = left.startswith("-") or right.endswith("-")
        compound = right[0].isupper() or chain or {left.lower(), right.lower()} <= words
        return f"{left}-{right}" if compound else left + right

    return _BROKEN.sub(join, text)


def _margins(lines: Sequence[str]) -> Sequence[str]:
    return [*lines[:_MARGIN_LINES], *lines[_MARGIN_LINES:][-_MARGIN_LINES:]]


def _head(line: str) -> str:
    """A line as it recurs from page to page, whatever its page number."""
    return re.sub(r"\d+", "", line).strip()


def _body(lines: Sequence[str], running: Collection[str]) -> list[str]:
    last = len(lines) - _MARGIN_LINES
    return [
        line
        for at, line in enumerate(lines)
        if _MARGIN_LINES <= at < last or not (_PAGE_NUMBER.fullmatch(line) or _head(line) in running)
    ]
