"""The process in which a submission's TeX is read: `-m digest.fulltext.tex_process PATH MEMORY CPU TEXT`.

It takes and prints what `pdf_process` does.
"""

import sys
from pathlib import Path

from digest.core.errors import TooLargeError
from digest.core.models import NoTextReason
from digest.fulltext import process_limits, tex_archive, tex_text
from digest.fulltext.characters import MINIMUM_CHARACTERS, is_garbled
from digest.fulltext.extract import Extract


def main() -> None:
    path, memory_bytes, cpu_seconds, text_characters = sys.argv[1:]
    process_limits.limit(int(memory_bytes), int(cpu_seconds))
    sys.stdout.buffer.write(process_limits.told(read(Path(path), int(text_characters))))


def read(path: Path, text_characters: int) -> Extract | NoTextReason:
    """The text of the submission at `path`, or why there is none: not found, where it has no TeX."""
    try:
        submitted = tex_archive.submission(path)
        found = None if submitted is None else tex_text.extract(submitted.source, submitted.styles)
    except (MemoryError, TooLargeError):
        return NoTextReason.TOO_LARGE
    except Exception:  # noqa: BLE001 - broken archives, and TeX nested without end
        return NoTextReason.DAMAGED
    if submitted is None:
        return NoTextReason.NOT_FOUND
    if found is None or is_garbled(found.text):
        return NoTextReason.GARBLED
    if len(found.text) > text_characters:
        return NoTextReason.TOO_LARGE
    return found if len(found.text) >= MINIMUM_CHARACTERS else NoTextReason.TOO_SHORT


if __name__ == "__main__":
    main()
