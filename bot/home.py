"""The home folder of the program, with its `.env`; relative paths in settings start there."""

import os
import sys
from pathlib import Path

ENV_FILE = ".env"
INSTALLED_IN = Path(sys.prefix).parent if sys.prefix != sys.base_prefix else None
"""The folder that contains the `.venv` of this program; None without one."""


def folder() -> Path:
    """Return the current folder, or, if it has no `.env`, the folder in which this program is installed, if that has
    one.

    So cron and systemd, which start it in another folder, find its settings and database.
    """
    if INSTALLED_IN is None or _has_settings(Path()) or not _has_settings(INSTALLED_IN):
        return Path()
    return INSTALLED_IN


def _has_settings(folder: Path) -> bool:
    return os.path.exists(folder / ENV_FILE)  # noqa: PTH110 - False also for a folder that may not be read
