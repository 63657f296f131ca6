"""What every test can ask for."""

import os

# Imported here, not deep within a test's own imports: Python 3.11 may fail to parse it there for the first time.
import hypothesis  # noqa: F401
import pytest

pytest_plugins = ["tests.bot.commands", "tests.databases", "tests.dovecot"]


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: much of a test is to wait for servers and for programs."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that play a whole year begin at once: at the end, the other processes would wait for them."""
    items.sort(key=lambda item: item.path.name != "test_year.py")
