"""Files that only the user of this program may read: the SQLite database, its companion files, and its folder.

SQLite gives the companion files (WAL, shared memory) the permissions of the database, so they are private if it is. The
files are created private, because a file that is restricted only afterwards can be read by others in between.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_BESIDE = ("", "-wal", "-shm", "-journal")


def make_folder(path: Path) -> None:
    """Create the folder `path` for this user alone; an existing one is not changed. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=stat.S_IRWXU, exist_ok=True)


def make_database(path: Path) -> None:
    """Create an empty SQLite file for this user alone; an existing one is made private. Raises OSError.

    Files of other users are not changed; `loose` reports them.
    """
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR))
    for each in of_database(path):
        with suppress(FileNotFoundError, PermissionError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & _OTHERS:
                each.chmod(mode & ~_OTHERS)


def of_database(path: Path) -> list[Path]:
    """Return the possible files of the SQLite database at `path`; not all of them exist at all times."""
    return [Path(f"{path}{suffix}") for suffix in _BESIDE]


def loose(paths: Iterable[Path]) -> list[Path]:
    """Return those of `paths` that exist and that others than their owner may read."""
    found = []
    for path in paths:
        with suppress(OSError):
            if path.stat().st_mode & _OTHERS_READ:
                found.append(path)
    return found
