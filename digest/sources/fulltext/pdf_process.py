"""The process in which one PDF is opened: `python -m digest.sources.fulltext.pdf_process PATH MEMORY CPU TEXT`.

PDFs come from strangers. Whatever one does to its reader happens here, under limits that the kernel keeps:
MEMORY bytes of address space, CPU seconds of work, no files written. Prints one line of JSON, which is the name of a
`NoTextReason`, or an object with what an `Extract` tells beside its text; behind that line the text in UTF-8, of TEXT
characters at the most.
"""

import json
import logging
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError

from digest.models import NoTextReason
from digest.sources.fulltext.characters import MINIMUM_CHARACTERS, is_garbled, plain, tagged
from digest.sources.fulltext.extract import Extract
from digest.sources.fulltext.pages import running_text
from digest.sources.fulltext.visible import visible_text

_HIDDEN_CHARACTERS = 20_000  # of what no reader sees that are told
_EXTRACTORS = ("pypdf",)
_LOST_SHARE = 0.1  # of the pages; a paper that loses more of them is damaged


@dataclass(frozen=True, slots=True)
class _Pages:
    """The pages that could be read, and whether those are all."""

    read: Sequence[Extract]
    whole: bool


def main() -> None:
    path, memory_bytes, cpu_seconds, text_characters = sys.argv[1:]
    limit(int(memory_bytes), int(cpu_seconds))
    logging.disable()  # pypdf remarks on every fault, and there can be millions
    outcome = read(Path(path), int(text_characters))
    if isinstance(outcome, NoTextReason):
        sys.stdout.buffer.write(json.dumps(outcome).encode())
    else:
        about = asdict(outcome)
        text = about.pop("text")
        sys.stdout.buffer.write(f"{json.dumps(about)}\n{text}".encode())


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Binds this process for the rest of its life."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # SIGXCPU, then SIGKILL
    if sys.platform != "darwin":  # macOS refuses this one
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def read(path: Path, text_characters: int) -> Extract | NoTextReason:
    """The text of the PDF at `path`, or why there is none that could be read."""
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            return NoTextReason.ENCRYPTED
        pages = _pages(reader, text_characters)
        return pages if isinstance(pages, NoTextReason) else _judged(pages, reader)
    except FileNotDecryptedError:
        return NoTextReason.ENCRYPTED
    except (MemoryError, LimitReachedError):
        return NoTextReason.TOO_LARGE
    except Exception:  # noqa: BLE001 - broken files make pypdf stumble in every way that Python knows
        return NoTextReason.DAMAGED


def _pages(reader: PdfReader, text_characters: int) -> _Pages | NoTextReason:
    pages: list[Extract] = []
    lost: list[NoTextReason] = []
    size = 0
    for page in reader.pages:
        read = _page(page)
        if isinstance(read, NoTextReason):
            lost.append(read)
            continue
        pages.append(read)
        size += len(read.text)
        if size > text_characters:
            return NoTextReason.TOO_LARGE
    if len(lost) > _LOST_SHARE * (len(pages) + len(lost)):
        return lost[0]
    return _Pages(pages, whole=not lost)


def _page(page: PageObject) -> Extract | NoTextReason:
    """The page's text, or why it is lost: one monstrous figure need not cost the paper."""
    try:
        return visible_text(page)
    except (MemoryError, LimitReachedError):
        return NoTextReason.TOO_LARGE
    except Exception:  # noqa: BLE001 - as above
        return NoTextReason.DAMAGED


def _judged(pages: _Pages, reader: PdfReader) -> Extract | NoTextReason:
    found = running_text([page.text for page in pages.read])
    if is_garbled(found.text):
        return NoTextReason.GARBLED
    if len(found.text) < MINIMUM_CHARACTERS:
        return NoTextReason.SCAN if _are_pictures(reader) else NoTextReason.TOO_SHORT
    hidden = (part for page in pages.read for part in (page.hidden, tagged(page.text)) if part)
    return Extract(
        found.text,
        plain("\n".join(hidden))[:_HIDDEN_CHARACTERS],
        whole=pages.whole,
        has_references=found.has_references,
        extractors=_EXTRACTORS,
    )


def _are_pictures(reader: PdfReader) -> bool:
    """Whether most of the pages hold an image."""
    return 2 * sum(len(page.images) > 0 for page in reader.pages) > len(reader.pages)


if __name__ == "__main__":
    main()
