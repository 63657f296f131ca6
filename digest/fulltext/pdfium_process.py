"""The process in which PDFium reads pages: `python -m digest.fulltext.pdfium_process PATH MEMORY CPU PAGE…`.

PDFium is quick, knows more fonts than pypdf, and is native code: where a file breaks it, what pypdf read must stay.
So `pdf_worker` starts it as a process of its own, under what is left of the same limits. Prints the texts of the
pages (from 0) as a list in JSON.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from digest.fulltext.process_limits import limit

_MOST_CHARACTERS = 200_000  # of one page
_MOST_SECONDS = 10  # forty times what a paper of a hundred pages takes
_LEAST_SECONDS = 2
_LEAST_BYTES = 200_000_000


def main() -> None:
    path, memory_bytes, cpu_seconds, *pages = sys.argv[1:]
    limit(int(memory_bytes), int(cpu_seconds))
    sys.stdout.write(json.dumps(texts(Path(path), [int(page) for page in pages])))


def texts(path: Path, pages: Sequence[int]) -> list[str]:
    """The texts of those `pages` of the PDF at `path`, hidden ones among them."""
    import pypdfium2  # noqa: PLC0415 - whoever asks for the process has no use for it

    with pypdfium2.PdfDocument(path) as document:
        return [document[page].get_textpage().get_text_range()[:_MOST_CHARACTERS] for page in pages]


def ask(path: Path, pages: Sequence[int], memory_bytes: int, cpu_seconds: int) -> list[str]:
    """Return the texts that the process prints for `pages`; none if the limits leave it no room, or it fails.

    The limits are those of the process that asks, for both together.
    """
    used = max(time.process_time(), time.monotonic() - _BEGAN)
    seconds = min(_MOST_SECONDS, int(cpu_seconds - used))
    room = memory_bytes - _resident_bytes()
    if not pages or seconds < _LEAST_SECONDS or room < _LEAST_BYTES:
        return []
    command = [sys.executable, "-m", __spec__.name, str(path), *map(str, (room, seconds, *pages))]
    try:
        done = subprocess.run(command, check=True, capture_output=True, timeout=seconds)  # noqa: S603 - our own
        found: list[str] = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return []
    return found if len(found) == len(pages) else []


def _resident_bytes() -> int:
    """The memory of this process, 0 where the system does not tell: the peak of getrusage is that of its parent."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


_BEGAN = time.monotonic()


if __name__ == "__main__":
    main()
