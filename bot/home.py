"""The folder that this program is at home in: there lie its `.env` and all that relative paths in settings lead to."""

import os
import sys
from pathlib import Path

ENV_FILE = ".env"
INSTALLED_IN = Path(sys.prefix).parent if sys.prefix != sys.base_prefix else None
"""The folder in which the `.venv` lies that this program runs from; None where it runs from none."""


def folder() -> Path:
    """The present folder; without an `.env` there, the one that this program is installed in, if that has one.

    So cron and systemd, which start it in another folder, find its settings and its database.
    """
    if INSTALLED_IN is None or _has_settings(Path()) or not _has_settings(INSTALLED_IN):
        return Path()
    return INSTALLED_IN


def _has_settings(folder: Path) -> bool:
    return os.path.exists(folder / ENV_FILE)  # noqa: PTH110 - False also for a folder that may not be read
