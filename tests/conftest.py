"""What every test can ask for."""

import os

# Imported here, not deep within a test's own imports: Python 3.11 may fail to parse it there for the first time.
import hypothesis  # noqa: F401

pytest_plugins = ["tests.bot.commands", "tests.databases", "tests.dovecot"]


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: much of a test is to wait for servers and for programs."""
    return (os.cpu_count() or 1) + 1
