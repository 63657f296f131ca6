"""Fixtures and settings for all tests."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

# Imported here, not deep within a test's own imports: Python 3.11 may fail to parse it there for the first time.
from hypothesis import settings

from tests import certificates

# `make test` tries few examples, `make test-all` many, and both the same ones each time: what fails once fails again.
# No example has a deadline: how long one takes depends on what else the machine does.
settings.register_profile("short", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("full", max_examples=300, deadline=None, derandomize=True)
settings.load_profile("short")

pytest_plugins = ["tests.bot.commands", "tests.databases", "tests.dovecot"]

_BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    pass
"""
_busy: list[subprocess.Popen[bytes]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--busy`: on a machine with other work to do, a test that waits for the wall clock fails."""
    parser.addoption(
        "--busy", type=int, default=0, help="processes that compute all the time beside the tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the other work, once: pytest-xdist's workers are configured too."""
    if not hasattr(config, "workerinput"):
        _busy.extend(subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(config.getoption("busy")))


def pytest_unconfigure() -> None:
    """End the other work."""
    for process in _busy:
        process.kill()
        process.wait()


def pytest_xdist_auto_num_workers() -> int:
    """Return three processes for each core: a test that runs the bot waits for half of its time."""
    return 3 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Restore the logging set-up, which a command that a test calls in this process would change for the next tests."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _has_no_settings_of_yours() -> Iterator[None]:
    """Hide the `.env` of this checkout, which would be read by tests that have none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.setting_values.INSTALLED_IN", None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _trusts_no_authority_of_the_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust no public authority: no test reaches the internet, and loading them costs 25 ms for each HTTP client."""
    made = certificates.make(tmp_path_factory.mktemp("authority"), "nobody.example", "Nobody")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made.authority))
        yield


def pytest_collection_finish() -> None:
    """Freeze what was imported: collecting garbage in it again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first: at the end, the other processes would wait for them."""
    items.sort(key=lambda item: item.get_closest_marker("play") is None)
