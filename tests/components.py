"""Real components that tests drive: if one is missing its tests skip, and in CI they fail."""

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str) -> str:
    """Return the path of a program that is installed on this machine."""
    return shutil.which(name) or missing(name)


def missing(name: str) -> NoReturn:
    """End the test that needs `name`."""
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")
