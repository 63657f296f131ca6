"""The process in which one PDF is opened and its pages become one running text.

`python -m digest.fulltext.pdf_worker PATH MEMORY CPU TEXT`. PDFs come from strangers. Whatever one does to its reader
happens here, under limits that the kernel keeps: MEMORY bytes of address space, CPU seconds of work, no files written.
Prints one line of JSON, which is the name of a `NoTextReason`, or an object with what an `Extract` tells beside its
text; behind that line the text in UTF-8, of TEXT characters at the most. How pages become one text is decided by their
text alone.
"""

import logging
import re
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError

from digest.core.models import NoTextReason
from digest.fulltext.cleanup import (
    MINIMUM_CHARACTERS,
    Extract,
    drop_references,
    is_garbled,
    is_glued,
    plain_characters,
    respaced,
    tag_characters,
)
from digest.fulltext.hidden_text import visible_text
from digest.fulltext.pdfium_process import ask
from digest.fulltext.process_limits import limit, told

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
    bodies = without_margins([plain_characters(page) for page in pages])
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


_HIDDEN_CHARACTERS = 20_000  # of what no reader sees that are told
_EXTRACTORS = ("pypdf",)
_SECOND = "pypdfium2"
_LOST_SHARE = 0.1  # of the pages; a paper that loses more of them is damaged


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of the process, and of the characters that all pages together may have."""

    memory_bytes: int
    cpu_seconds: int
    text_characters: int


@dataclass(frozen=True, slots=True)
class PdfPages:
    """The pages that could be read, each with its number from 0, and whether those are all."""

    read: Mapping[int, Extract]
    whole: bool
    respaced: bool = False
    """True if words that ran together were separated on some pages."""


def main() -> None:
    path, memory_bytes, cpu_seconds, text_characters = sys.argv[1:]
    limit(int(memory_bytes), int(cpu_seconds))
    logging.disable()  # pypdf remarks on every fault, and there can be millions
    outcome = read(Path(path), WorkerLimits(int(memory_bytes), int(cpu_seconds), int(text_characters)))
    sys.stdout.buffer.write(told(outcome))


def read(path: Path, limits: WorkerLimits) -> Extract | NoTextReason:
    """The text of the PDF at `path`, or why there is none that could be read."""
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            return NoTextReason.ENCRYPTED
        pages = read_pages(reader, limits.text_characters)
        if isinstance(pages, NoTextReason):
            return pages
        return _judged(unglued(pages, path, limits), reader)
    except FileNotDecryptedError:
        return NoTextReason.ENCRYPTED
    except (MemoryError, LimitReachedError):
        return NoTextReason.TOO_LARGE
    except Exception:  # noqa: BLE001 - broken files make pypdf stumble in every way that Python knows
        return NoTextReason.DAMAGED


def read_pages(reader: PdfReader, text_characters: int) -> PdfPages | NoTextReason:
    """Return the text that a reader of the paper sees, page by page, or the reason why there is none."""
    pages: dict[int, Extract] = {}
    lost: list[NoTextReason] = []
    size = 0
    for number, page in enumerate(reader.pages):
        read = _page(page)
        if isinstance(read, NoTextReason):
            lost.append(read)
            continue
        pages[number] = read
        size += len(read.text)
        if size > text_characters:
            return NoTextReason.TOO_LARGE
    if len(lost) > _LOST_SHARE * (len(pages) + len(lost)):
        return lost[0]
    return PdfPages(pages, whole=not lost)


def unglued(pages: PdfPages, path: Path, limits: WorkerLimits) -> PdfPages:
    """`pages` with the words that run into each other taken apart, as far as PDFium can tell where they end."""
    glued = [number for number, page in pages.read.items() if is_glued(page.text)]
    others = ask(path, glued, limits.memory_bytes, limits.cpu_seconds)
    made = {
        number: replace(pages.read[number], text=respaced(pages.read[number].text, other))
        for number, other in zip(glued, others, strict=False)
    }
    better = {number: page for number, page in made.items() if page != pages.read[number]}
    return replace(pages, read={**pages.read, **better}, respaced=bool(better))


def _page(page: PageObject) -> Extract | NoTextReason:
    """The page's text, or why it is lost: one monstrous figure need not cost the paper."""
    try:
        found = visible_text(page)
        return replace(found, hidden="\n".join(filter(None, (found.hidden, tag_characters(found.text)))))
    except (MemoryError, LimitReachedError):
        return NoTextReason.TOO_LARGE
    except Exception:  # noqa: BLE001 - as above
        return NoTextReason.DAMAGED


def _judged(pages: PdfPages, reader: PdfReader) -> Extract | NoTextReason:
    found = running_text([page.text for page in pages.read.values()])
    if is_garbled(found.text):
        return NoTextReason.GARBLED
    if len(found.text) < MINIMUM_CHARACTERS:
        return NoTextReason.SCAN if _are_pictures(reader) else NoTextReason.TOO_SHORT
    hidden = (page.hidden for page in pages.read.values() if page.hidden)
    return Extract(
        found.text,
        plain_characters("\n".join(hidden))[:_HIDDEN_CHARACTERS],
        whole=pages.whole,
        has_references=found.has_references,
        extractors=(*_EXTRACTORS, *([_SECOND] if pages.respaced else [])),
    )


def _are_pictures(reader: PdfReader) -> bool:
    """Return whether most of the pages hold an image."""
    return 2 * sum(len(page.images) > 0 for page in reader.pages) > len(reader.pages)


if __name__ == "__main__":
    main()
