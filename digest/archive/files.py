"""Reading and atomic writing of posts on disk."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from digest.core.errors import ArchiveError

_MODE = 0o644


def require(folder: Path) -> None:
    """Raise ArchiveError if `folder` is not a writable folder."""
    if not folder.is_dir():
        raise ArchiveError(
            f"The folder of the posts, {folder}, does not exist: create it, or set ARCHIVE_DIR."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ArchiveError(f"The folder of the posts, {folder}, is not writable.")


def read(path: Path) -> str:
    """Read the text of a post. Raises ArchiveError if it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise ArchiveError(f"{path} cannot be read: {_reason(error)}.") from error


def write(path: Path, text: str) -> bool:
    """Write `text` to `path` atomically; return True if this changed the file.

    A file that contains `text` already is not touched. Raises ArchiveError if it cannot be written; the old file then
    stays unchanged.
    """
    content = text.encode()
    try:
        if path.exists() and path.read_bytes() == content:
            return False
        _replace(path, content)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {_reason(error)}.") from error
    return True


def _replace(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - the name is a string
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Flush the folder, so that the new name survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is not UTF-8"
