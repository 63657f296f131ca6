"""The program in a process of its own, forked from one that has imported it already: the import takes two seconds.

Only the start differs from `arxiv-daily` on a command line, which tests/test_wheel.py tries. Signals, exit status,
standard streams, working folder and environment are those of any process.
"""

import asyncio
import multiprocessing
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import NamedTemporaryFile

import stamina

_FAR_TOO_LONG_SECONDS = 300
_forks = multiprocessing.get_context("forkserver")
_USED_BY_ALMOST_ALL = (
    "openai.resources.chat.completions",
    "arxiv",
    "httpcore",
    "httpcore2",
    "anyio._backends._asyncio",
)
"""What the program loads when it first needs it: half of the time of a short run."""
_forks.set_forkserver_preload(
    ["tests.programs", "bot.cli.editions", "bot.cli.papers", "bot.cli.serve", *_USED_BY_ALMOST_ALL]
)


@dataclass(frozen=True)
class Ended:
    """The exit status and the output of the program."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one-line error message."""
        assert "Traceback" not in self.err
        [line] = [line for line in self.err.splitlines() if line.startswith("arxiv-daily:")]
        assert self.err.endswith(f"{line}\n")
        return line.removeprefix("arxiv-daily: ")

    @property
    def usage(self) -> str:
        """The usage error, without its frame and its line breaks."""
        return " ".join(re.sub(r"[╭╮╰╯─│]", " ", self.err).split())


class Program:
    """A program that runs, or has ended."""

    def __init__(self, process: ForkServerProcess, out: Path, err: Path) -> None:
        self._process = process
        self._out = out
        self._err = err

    @property
    def runs(self) -> bool:
        """True while the program is running."""
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        """Send a signal, as `kill` does."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    async def status(self) -> int:
        """Return the exit status if it has ended; if a signal ended it, the signal's number, negative."""
        await asyncio.to_thread(self._process.join, _FAR_TOO_LONG_SECONDS)
        assert self._process.exitcode is not None, "the program does not end"
        return self._process.exitcode

    async def ended(self) -> Ended:
        """Wait for its end."""
        return Ended(await self.status(), self._out.read_text("utf-8"), self._err.read_text("utf-8"))


async def start(
    folder: Path, *arguments: str, env: Mapping[str, str], attempts: int | None = None
) -> Program:
    """Start the program in `folder` with these variables alone; its output is kept beside that folder.

    `attempts` limits its retries of an unreachable service.
    """
    out, err = (_file(folder, kind) for kind in ("out", "err"))
    process = _forks.Process(target=_run, args=(folder, out, err, arguments, env, attempts))
    await asyncio.to_thread(process.start)
    return Program(process, out, err)


async def call(folder: Path, *arguments: str, **env: str) -> Ended:
    """Run the program to its end and return how it ended."""
    return await (await start(folder, *arguments, env=env)).ended()


def _file(folder: Path, kind: str) -> Path:
    with NamedTemporaryFile(
        dir=folder.parent, prefix=f"{folder.name}-", suffix=f".{kind}", delete=False
    ) as file:
        return Path(file.name)


def _run(
    folder: Path,
    out: Path,
    err: Path,
    arguments: tuple[str, ...],
    env: Mapping[str, str],
    attempts: int | None,
) -> None:
    from bot import setting_values  # noqa: PLC0415 - it is loaded already, and nothing else needs it
    from bot.cli import main  # noqa: PLC0415

    setting_values.INSTALLED_IN = None  # tests/conftest.py gives the reason
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    trusted = os.environ["SSL_CERT_FILE"]  # tests/conftest.py gives the reason
    os.environ.clear()
    os.environ.update({"SSL_CERT_FILE": trusted, **env})
    os.chdir(folder)
    sys.argv = ["arxiv-daily", *arguments]
    if attempts is not None:
        stamina.set_testing(True, attempts=attempts)
    main()
