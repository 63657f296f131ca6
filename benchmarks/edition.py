"""The time and memory for an edition of 200 papers, compared with the bound that concurrency allows.

    python benchmarks/edition.py [--papers 200] [--concurrency 32] [--translation-seconds 2] [--reading-seconds 8]

Fake arXiv and model servers run on loopback in separate processes: the model answers a translation in 2 s and a
reading in 8 s, and arXiv is queried without pauses. The bound is the time that the calls alone would take with all
slots always busy, plus that of a second run, which makes no call: the start of the program costs what the machine makes
of it, from 2 s to 5 s. The one call for the terms of the edition, for which the translations wait, is not in the bound.
The ratio to the calls alone is printed too. Another edition is killed by SIGKILL halfway and run again.

The limits hold for 200 papers and the delays above: in a small edition the start of the program dominates.
"""

import argparse
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
from benchmarks.results import Result, run, unmet

_PAPERS, _CONCURRENCY, _TRANSLATION_SECONDS, _READING_SECONDS = 200, 32, 2.0, 8.0
_HIGHEST_RATIO, _MOST_MEGABYTES = 1.08, 300
_ROOT = Path(__file__).resolve().parents[1]
_KEY = "benchmark"
_PROGRAM = Path(sys.executable).with_name("arxiv-daily")
# The fake's papers are submitted on Monday 9 February, 04:00 in New York, and announced at 20:00 there: Tuesday,
# 09:00 in Shanghai. With a fixed hour before that they belong to Wednesday's edition.
_DIGEST_TIME, _DAY, _AT = "08:50", "2026-02-11", "2026-02-11T12:00:00+08:00"


@dataclass(frozen=True)
class Size:
    """The number of papers, of concurrent calls, and the seconds that each call takes."""

    papers: int
    concurrency: int
    translation_seconds: float
    reading_seconds: float

    @property
    def bound_seconds(self) -> float:
        """Return the seconds that the calls alone take with all slots always busy."""
        return self.papers * (self.translation_seconds + self.reading_seconds) / self.concurrency


@dataclass(frozen=True)
class Post:
    """The number of papers and of readings in a post."""

    papers: int
    readings: int


@dataclass(frozen=True)
class Run:
    """A finished run: its duration, its processor time, the peak resident set of its process, and its post."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    status: int
    said: str
    post: Post


@dataclass(frozen=True)
class Whole(Result):
    """An edition that is made without disturbance, and a run after it, which has no call to make."""

    size: Size
    run: Run
    idle: Run
    decisions: int
    """The number of calls for the terms of the edition."""

    @property
    def undone(self) -> list[str]:
        decided = (self.decisions == 1, f"{self.decisions} calls for the terms of the edition, not one")
        return [*_unfinished(self.run, self.size), *_unfinished(self.idle, self.size), *unmet(decided)]

    @property
    def missed(self) -> list[str]:
        return unmet(
            (self.ratio <= _HIGHEST_RATIO, f"ratio {self.ratio:.3f}"),
            (self.run.megabytes <= _MOST_MEGABYTES, f"peak memory {self.run.megabytes:.0f} MB"),
        )

    @property
    def ratio(self) -> float:
        return self.run.seconds / (self.size.bound_seconds + self.idle.seconds)

    def __str__(self) -> str:
        alone = self.run.seconds / self.size.bound_seconds
        return (
            f"whole   {self.size.papers} papers, {self.size.concurrency} places: {self.run.seconds:.1f} s,"
            f" bound {self.size.bound_seconds:.1f} s of calls and {self.idle.seconds:.1f} s without calls,"
            f" ratio {self.ratio:.3f} (at most {_HIGHEST_RATIO:.2f}), to the calls alone {alone:.3f}\n"
            f"        processor time {self.run.cpu_seconds:.1f} s,"
            f" peak memory {self.run.megabytes:.0f} MB (at most {_MOST_MEGABYTES} MB)"
        )


@dataclass(frozen=True)
class Killed(Result):
    """An edition whose first run is killed; the calls stored well before it and at the end, by purpose and paper."""

    size: Size
    before: dict[tuple[str, str], int]
    after: dict[tuple[str, str], int]
    run: Run

    @property
    def undone(self) -> list[str]:
        cut_off = 0 < len(self.before) < 2 * self.size.papers
        sentence = f"the kill did not come halfway: {len(self.before)} calls were stored"
        return [*unmet((cut_off, sentence)), *_unfinished(self.run, self.size)]

    @property
    def broken(self) -> list[str]:
        return unmet((self.repeated == 0, f"{self.repeated} calls were paid for twice"))

    @property
    def repeated(self) -> int:
        """The number of calls whose result was stored before the kill and that were made again after it."""
        return sum(self.after[key] != made for key, made in self.before.items())

    def __str__(self) -> str:
        return (
            f"killed  {len(self.before)} calls stored at the kill, {len(self.after)} at the end,"
            f" repeated {self.repeated} (none)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=int, default=_PAPERS)
    parser.add_argument("--concurrency", type=int, default=_CONCURRENCY)
    parser.add_argument("--translation-seconds", type=float, default=_TRANSLATION_SECONDS)
    parser.add_argument("--reading-seconds", type=float, default=_READING_SECONDS)
    size = Size(**vars(parser.parse_args()))
    full = Size(_PAPERS, _CONCURRENCY, _TRANSLATION_SECONDS, _READING_SECONDS)
    with far_ends(size) as environment, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {
            "whole": lambda: whole(size, environment, folder / "whole"),
            "killed": lambda: killed(size, environment, folder / "killed"),
        }
        run(parts, limits=size == full)


def whole(size: Size, environment: dict[str, str], folder: Path) -> Whole:
    """Make an edition, and run the program once more when it is made."""
    made, idle = (finished(start(environment, folder), folder) for _ in range(2))
    return Whole(size, made, idle, sum(purpose == "term-list" for purpose, _ in stored(folder)))


def killed(size: Size, environment: dict[str, str], folder: Path) -> Killed:
    """Kill a run when half of its calls are stored, and run it again."""
    process = start(environment, folder)
    while process.poll() is None and len(stored(folder)) < size.papers:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = stored(folder)
    again = finished(start(environment, folder), folder)
    return Killed(size, before, stored(folder), again)


def stored(folder: Path) -> dict[tuple[str, str], int]:
    """Return the number of successful calls, by purpose and paper."""
    path = folder / "data" / "arxiv-daily.db"
    if not path.exists():
        return {}
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database,
        suppress(sqlite3.OperationalError),
    ):
        rows = database.execute(
            "SELECT purpose, paper_id, count(*) FROM calls WHERE outcome = 'ok' GROUP BY purpose, paper_id"
        )
        return {(purpose, paper): count for purpose, paper, count in rows}
    return {}  # the tables are not there yet


def start(environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    (folder / "posts").mkdir(parents=True, exist_ok=True)
    (folder / ".env").touch()  # else that of this checkout would count
    with (folder / "said").open("wb") as out, (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [_PROGRAM, "run", "--at", _AT], cwd=folder, env=environment, stdout=out, stderr=log
        )


def finished(process: subprocess.Popen[bytes], folder: Path) -> Run:
    """Wait for a process that was just started, and return its run."""
    began = time.monotonic()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    said = f"{(folder / 'said').read_text('utf-8')}{_last_line(folder / 'log')}"
    cpu = usage.ru_utime + usage.ru_stime
    return Run(seconds, cpu, usage.ru_maxrss / 1024, process.returncode, said, posted(folder))


def _last_line(log: Path) -> str:
    """Return the last line of output, which is the error message of a failed run."""
    return "".join(log.read_text("utf-8").splitlines()[-1:])


def posted(folder: Path) -> Post:
    path = folder / "posts" / f"{_DAY}-arxiv.md"
    text = path.read_text("utf-8") if path.exists() else ""
    return Post(text.count("\n## "), text.count("<details>"))


def _unfinished(run: Run, size: Size) -> list[str]:
    """Return a sentence for each thing that a run left undone."""
    return unmet(
        (run.status == 0, f"the program ended with {run.status} and said: {run.said.strip()}"),
        (
            run.post == Post(size.papers, size.papers),
            f"the post has {run.post.papers} papers and {run.post.readings} readings, not {size.papers} of each",
        ),
    )


@contextmanager
def far_ends(size: Size) -> Iterator[dict[str, str]]:
    """The environment of a program that uses the fake arXiv and model on loopback, while they run."""
    arxiv, model = free_port(), free_port()
    servers = [
        serve("tests.fakes.arxiv", "--port", str(arxiv), "--papers", str(size.papers)),
        serve(
            "tests.fakes.model",
            *("--port", str(model), "--key", _KEY),
            *("--translation-seconds", str(size.translation_seconds)),
            *("--reading-seconds", str(size.reading_seconds)),
        ),
    ]
    try:
        for port in (arxiv, model):
            wait_for(port)
        yield {
            "PATH": os.environ["PATH"],
            "ARXIV_API_URL": f"http://127.0.0.1:{arxiv}/api/query",
            "ARXIV_RSS_URL": f"http://127.0.0.1:{arxiv}/rss",
            "ARXIV_SITE_URL": f"http://127.0.0.1:{arxiv}",
            "ARXIV_REQUEST_INTERVAL": "0",
            "ARCHIVE_DIR": "posts",
            "DIGEST_TIME": _DIGEST_TIME,
            "LLM_CONCURRENCY": str(size.concurrency),
            "OPENAI_API_KEY": _KEY,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{model}/v1",
            "JUDGE_MODEL": "none",  # two calls a paper, as the bound has it
        }
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def serve(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=_ROOT)


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
