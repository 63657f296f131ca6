"""Real data that lies beside the checkout, if there is any."""

import os
from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def shared_data(*parts: str) -> Path:
    """Return the path of a piece of the real data. Skips the test if there is none; in CI, fails it."""
    path = _FOLDER.joinpath(*parts)
    if not path.exists():
        message = f"the real data {'/'.join(parts)} is not beside this checkout"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return path
