"""Locks that a killed Git left behind.

Git makes `NAME.lock` before it writes NAME, and removes it when it ends, by SIGTERM too. SIGKILL and a power cut leave
it behind, and from then on every command refuses. The file names no owner. It is certainly nobody's where it is old,
and no process of Git is at work in this repository.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

_OLD_SECONDS = 600.0
_PROCESSES = Path("/proc")
_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "FETCH_HEAD.lock", "ORIG_HEAD.lock")


def free(git_dir: Path, common_dir: Path, root: Path, now: float | None = None) -> list[Path]:
    """Removes the locks that are certainly nobody's, and names them; `now` is in seconds of the epoch.

    Where processes cannot be listed (no /proc), none is removed.
    """
    old = [lock for lock in _locks(git_dir, common_dir) if _age(lock, now) > _OLD_SECONDS]
    if not old or not _PROCESSES.is_dir() or is_git_at_work((git_dir, common_dir, root)):
        return []
    return [lock for lock in old if _removed(lock)]


def is_git_at_work(places: tuple[Path, ...]) -> bool:
    """Whether a process of Git may be at work in one of `places`: also where it cannot be seen what one does."""
    return any(_is_in(process, places) for process in _PROCESSES.iterdir() if _is_git(process))


def _locks(git_dir: Path, common_dir: Path) -> Iterator[Path]:
    """The locks that are there: of the index and the head, and of branches."""
    for folder in dict.fromkeys((git_dir, common_dir)):
        yield from (lock for name in _LOCKS if (lock := folder / name).exists())
    yield from (common_dir / "refs").rglob("*.lock")


def _age(lock: Path, now: float | None) -> float:
    try:
        return (time.time() if now is None else now) - lock.stat().st_mtime
    except OSError:  # it has gone
        return 0


def _is_git(process: Path) -> bool:
    try:
        return process.name.isdigit() and (process / "comm").read_text().startswith("git")
    except OSError:  # it has ended
        return False


def _is_in(process: Path, places: tuple[Path, ...]) -> bool:
    try:
        at = Path(os.readlink(process / "cwd"))  # noqa: PTH115 - it may name what is deleted
        arguments = (process / "cmdline").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return False
    except OSError:  # another user's: it may be anywhere
        return process.exists()
    return any(at.is_relative_to(place) or str(place) in arguments for place in places)


def _removed(lock: Path) -> bool:
    try:
        lock.unlink()
    except OSError:
        return False
    return True
