"""Removal of stale lock files that a killed Git left behind.

Git creates `NAME.lock` before it writes NAME, and removes it when it ends, on SIGTERM too. SIGKILL and a power failure
leave it behind, and from then on every command fails. The file names no owner. It is certainly stale if it is old and
no Git process works in this repository.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

_OLD_SECONDS = 600.0
_PROCESSES = Path("/proc")
_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "FETCH_HEAD.lock", "ORIG_HEAD.lock")


def free(git_dir: Path, common_dir: Path, root: Path, now: float | None = None) -> list[Path]:
    """Remove the locks that are certainly stale, older than ten minutes, and return them.

    `now` is in seconds since 1970. Without a list of processes (no /proc), none is removed.
    """
    old = [lock for lock in _locks(git_dir, common_dir) if _age(lock, now) > _OLD_SECONDS]
    if not old or not _PROCESSES.is_dir() or is_git_at_work((git_dir, common_dir, root)):
        return []
    return [lock for lock in old if _removed(lock)]


def is_git_at_work(places: tuple[Path, ...]) -> bool:
    """Return True if a Git process may be working in one of `places`; one that cannot be inspected counts."""
    return any(_is_in(process, places) for process in _PROCESSES.iterdir() if _is_git(process))


def _locks(git_dir: Path, common_dir: Path) -> Iterator[Path]:
    """Yield the existing locks of the index, the head and branches."""
    for folder in dict.fromkeys((git_dir, common_dir)):
        yield from (lock for name in _LOCKS if (lock := folder / name).exists())
    yield from (common_dir / "refs").rglob("*.lock")


def _age(lock: Path, now: float | None) -> float:
    try:
        return (time.time() if now is None else now) - lock.stat().st_mtime
    except OSError:  # it is gone
        return 0


def _is_git(process: Path) -> bool:
    try:
        return process.name.isdigit() and (process / "comm").read_text().startswith("git")
    except OSError:  # it has ended
        return False


def _is_in(process: Path, places: tuple[Path, ...]) -> bool:
    try:
        at = Path(os.readlink(process / "cwd"))  # noqa: PTH115 - the directory may be deleted
        arguments = (process / "cmdline").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return False
    except OSError:  # another user's process may work anywhere
        return process.exists()
    return any(at.is_relative_to(place) or str(place) in arguments for place in places)


def _removed(lock: Path) -> bool:
    try:
        lock.unlink()
    except OSError:
        return False
    return True
