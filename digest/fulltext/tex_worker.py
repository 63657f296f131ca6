"""The process in which a submission's archive is opened and its TeX becomes one text.

`python -m digest.fulltext.tex_worker PATH MEMORY CPU TEXT` takes and prints what `pdf_worker` does. Files that the TeX
reads are put in their places.

`/e-print/ID` is a tar archive, a single file, either of them packed with gzip or unpacked on the way, or a PDF where
nothing else was submitted. It comes from a stranger: nothing of it is written or run, links and devices are left out,
and names lead nowhere but to other members. All of it is read under the limits here, within those of the process.
"""

import gzip
import io
import posixpath
import re
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from digest.core.errors import TooLargeError
from digest.core.models import NoTextReason
from digest.fulltext import process_limits, tex_text
from digest.fulltext.cleanup import MINIMUM_CHARACTERS, Extract, is_garbled

_DECODED_BYTES = 400_000_000  # of all members, pictures too
_TEX_BYTES = 8_000_000
_MEMBERS = 5_000
_HEAD_BYTES = 512  # of a tar archive: its first header
_DEPTH = 10  # of files that read files
_SUFFIXES = (".tex", ".ltx", ".latex")
_STYLES = (".sty", ".cls")
_BEGINS = re.compile(rb"\\(?:documentclass|documentstyle|begin|section|input|magnification)\b")
_DOCUMENT = re.compile(r"\\document(?:class|style)\b")
_END_OF_FILE = re.compile(r"\\endinput(?![A-Za-z@])([^\n]*)(?s:.*)")  # what stands on its line is still read
_CHOSEN = re.compile(r"\\includeonly\s*\{([^{}]*)\}")
_INCLUDED = re.compile(r"\\include\s*\{([^{}]{1,200})\}")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*(?:\n[ \t]*)?")  # takes the line's end along, as TeX does
_UNREAD = re.compile(r"\\begin\{comment\}.*?\\end\{comment\}|\\iffalse\b.*?\\fi\b", re.DOTALL)
_READS = re.compile(
    r"\\(?:input|include|subfile|subfileinclude)\s*(?:\{(?P<braced>[^{}]{1,200})\}|\s(?P<bare>[\w./-]{1,200}))"
    r"|\\(?:sub)?import\*?\s*\{(?P<folder>[^{}]{0,200})\}\s*\{(?P<file>[^{}]{1,200})\}"
)


@dataclass(frozen=True, slots=True)
class Submission:
    """The TeX of a paper, and that of the styles that came with it; both without comments."""

    source: str
    styles: str = ""


def submission(path: Path) -> Submission | None:
    """The submission in the file at `path`; None where it has no TeX.

    Raises TooLargeError, and whatever the decoders raise of a broken file.
    """
    members = _members(path)
    styles = "\n".join(text for name, text in members.items() if name.lower().endswith(_STYLES))
    source = _paper({name: text for name, text in members.items() if not name.lower().endswith(_STYLES)})
    return None if source is None else Submission(source, styles)


def _paper(members: dict[str, str]) -> str | None:
    mains = [name for name in members if _DOCUMENT.search(members[name])]
    members |= {name: _with_chosen_files(members[name]) for name in mains}
    whole = [_expanded(name, members) for name in mains]
    return max(whole or [_expanded(name, members) for name in members], key=len, default=None)


def _members(path: Path) -> dict[str, str]:
    """The files of TeX by their names."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        with gzip.open(file) if packed else file as stream:
            bounded = io.BufferedReader(_Bounded(stream))
            head = bounded.peek(_HEAD_BYTES)
            if head.startswith(b"%PDF-"):
                return {}
            if head[257:262] == b"ustar" or _is_old_tar(head):
                return _untarred(bounded)
            alone = bounded.read(_TEX_BYTES + 1)
            if len(alone) > _TEX_BYTES:
                raise TooLargeError("The TeX is too large.")
            return {"paper.tex": _text(alone)} if _BEGINS.search(alone) else {}


def _untarred(stream: "io.BufferedReader[_Bounded]") -> dict[str, str]:
    found: dict[str, str] = {}
    size = 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= _MEMBERS:
                raise TooLargeError("The archive has too many members.")
            name = _inside(member.name)
            if not member.isfile() or name is None or not name.lower().endswith(_SUFFIXES + _STYLES):
                continue
            opened = archive.extractfile(member)
            content = b"" if opened is None else opened.read(_TEX_BYTES + 1)
            size += len(content)
            if size > _TEX_BYTES:
                raise TooLargeError("The TeX is too large.")
            found[name] = _text(content)
    return found


class _Bounded(io.RawIOBase):
    """A stream that gives no more than the limit on decoded bytes."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile) -> None:
        self._stream = stream
        self._left = _DECODED_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise TooLargeError("The archive is too large.")
        buffer[: len(content)] = content
        return len(content)


def _is_old_tar(head: bytes) -> bool:
    """Return whether `head` begins as archives did before `ustar`: a name, then numbers in octal."""
    return re.fullmatch(rb"[ 0-7]{6}[ \0]{1,2}", head[100:108]) is not None and b"\0" in head[:100]


def _inside(name: str) -> str | None:
    """A member's name in its plainest form; None where it leads out of the archive."""
    plain = posixpath.normpath(name)
    return None if plain.startswith(("/", "..")) or "\0" in plain or "\\" in plain else plain


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _END_OF_FILE.sub(r"\1", _UNREAD.sub(" ", _COMMENT.sub(r"\1", lines)))


def _with_chosen_files(main: str) -> str:
    """`main` without the files that its `\\includeonly` does not name."""
    found = _CHOSEN.search(main)
    if found is None:
        return main
    chosen = {name.strip() for name in found[1].split(",")}
    return _INCLUDED.sub(lambda each: each[0] if each[1].strip() in chosen else " ", main)


def _expanded(
    name: str, members: Mapping[str, str], above: tuple[str, ...] = (), room: list[int] | None = None
) -> str:
    """The file `name` with those that it reads, each where it is read, as far as there is room."""
    room = [_TEX_BYTES] if room is None else room
    room[0] -= len(members[name])
    if room[0] < 0 or len(above) > _DEPTH:
        return ""

    def read(found: re.Match[str]) -> str:
        asked = found["braced"] or found["bare"] or posixpath.join(found["folder"] or "", found["file"])
        base = posixpath.dirname((*above, name)[0])  # TeX looks from where it was started
        target = _target(asked.strip(), (base, posixpath.dirname(name)), members)
        if target is None or target in above or target == name:
            return " "
        return f"\n{_expanded(target, members, (*above, name), room)}\n"

    return _READS.sub(read, members[name])


def _target(asked: str, folders: tuple[str, ...], members: Mapping[str, str]) -> str | None:
    for folder in folders:
        for suffix in ("", ".tex"):
            name = _inside(posixpath.join(folder, asked + suffix))
            if name in members:
                return name
    return None


def main() -> None:
    path, memory_bytes, cpu_seconds, text_characters = sys.argv[1:]
    process_limits.limit(int(memory_bytes), int(cpu_seconds))
    sys.stdout.buffer.write(process_limits.told(read(Path(path), int(text_characters))))


def read(path: Path, text_characters: int) -> Extract | NoTextReason:
    """The text of the submission at `path`, or why there is none: not found, where it has no TeX."""
    try:
        submitted = submission(path)
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
