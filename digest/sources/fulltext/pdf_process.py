"""The process in which one PDF is opened: `python -m digest.sources.fulltext.pdf_process PATH MEMORY CPU TEXT`.

PDFs come from strangers. Whatever one does to its reader happens here, under limits that the kernel keeps:
MEMORY bytes of address space, CPU seconds of work, no files written. Prints `text` or the name of a
`NoTextReason` on a line of its own; behind it what no reader sees, as JSON on a line, and the text in UTF-8, of TEXT
characters at the most.
"""

import json
import logging
import resource
import sys
from pathlib import Path

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError

from digest.models import NoTextReason
from digest.sources.fulltext.characters import MINIMUM_CHARACTERS, is_garbled, plain, tagged
from digest.sources.fulltext.extract import Extract
from digest.sources.fulltext.pages import running_text
from digest.sources.fulltext.visible import visible_text

_HIDDEN_CHARACTERS = 20_000  # of what no reader sees that are told
_LOST_SHARE = 0.1  # of the pages; a paper that loses more of them is damaged


def main() -> None:
    path, memory_bytes, cpu_seconds, text_characters = sys.argv[1:]
    limit(int(memory_bytes), int(cpu_seconds))
    logging.disable()  # pypdf remarks on every fault, and there can be millions
    outcome = read(Path(path), int(text_characters))
    if isinstance(outcome, NoTextReason):
        sys.stdout.buffer.write(outcome.encode())
    else:
        sys.stdout.buffer.write(f"text\n{json.dumps(outcome.hidden)}\n{outcome.text}".encode())


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


def _pages(reader: PdfReader, text_characters: int) -> list[Extract] | NoTextReason:
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
    return lost[0] if len(lost) > _LOST_SHARE * (len(pages) + len(lost)) else pages


def _page(page: PageObject) -> Extract | NoTextReason:
    """The page's text, or why it is lost: one monstrous figure need not cost the paper."""
    try:
        return visible_text(page)
    except (MemoryError, LimitReachedError):
        return NoTextReason.TOO_LARGE
    except Exception:  # noqa: BLE001 - as above
        return NoTextReason.DAMAGED


def _judged(pages: list[Extract], reader: PdfReader) -> Extract | NoTextReason:
    text = running_text([page.text for page in pages])
    if is_garbled(text):
        return NoTextReason.GARBLED
    if len(text) >= MINIMUM_CHARACTERS:
        hidden = plain(
            "\n".join(filter(None, (part for page in pages for part in (page.hidden, tagged(page.text)))))
        )
        return Extract(text, hidden[:_HIDDEN_CHARACTERS])
    return NoTextReason.SCAN if _are_pictures(reader) else NoTextReason.TOO_SHORT


def _are_pictures(reader: PdfReader) -> bool:
    """Whether most of the pages hold an image."""
    return 2 * sum(len(page.images) > 0 for page in reader.pages) > len(reader.pages)


if __name__ == "__main__":
    main()
