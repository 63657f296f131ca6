"""Files that only the user of this program may read: the database beside whatever keeps it, and its folder.

SQLite gives the files beside a database (WAL, shared memory) the database's own permissions, so they are private when
it is. A file that is restricted after it was made could be read by others meanwhile: it is made private.
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
    """Makes the folder `path` for this user alone; one that is there stays as it is. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=stat.S_IRWXU, exist_ok=True)


def make_database(path: Path) -> None:
    """Makes an empty SQLite file for this user alone; one that is there becomes so. Raises OSError.

    What belongs to somebody else stays as it is: `loose` tells of it.
    """
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR))
    for each in of_database(path):
        with suppress(FileNotFoundError, PermissionError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & _OTHERS:
                each.chmod(mode & ~_OTHERS)


def of_database(path: Path) -> list[Path]:
    """The files of the SQLite database at `path`; not all of them are there all the time."""
    return [Path(f"{path}{suffix}") for suffix in _BESIDE]


def loose(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that others than their owner may read, where they are there."""
    found = []
    for path in paths:
        with suppress(OSError):
            if path.stat().st_mode & _OTHERS_READ:
                found.append(path)
    return found
