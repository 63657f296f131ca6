"""How long an edition of 200 papers takes, and how much memory, beside the bound that concurrency allows.

    python benchmarks/edition.py [--papers 200] [--concurrency 32]

arXiv and the model are stood in for on loopback, in processes of their own: the model answers a translation in
2 s and a reading in 8 s, arXiv is asked without pauses. The bound is the time that the calls alone would take with
every one of the places always busy. A second edition is ended by SIGKILL halfway and run again.
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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TRANSLATION_SECONDS, _READING_SECONDS = 2, 8
_ROOT = Path(__file__).resolve().parents[1]
_KEY = "benchmark"
_AT = "2026-02-10T12:00:00+08:00"


@dataclass(frozen=True)
class Run:
    """A finished run: its length, and the largest resident set of its main process and of any child."""

    seconds: float
    megabytes: float
    status: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=32)
    asked = parser.parse_args()
    bound = asked.papers * (_TRANSLATION_SECONDS + _READING_SECONDS) / asked.concurrency
    with far_ends(asked.papers) as environment, tempfile.TemporaryDirectory() as folder:
        environment |= {"LLM_CONCURRENCY": str(asked.concurrency)}
        whole = finished(start(environment, Path(folder, "whole")))
        print(Path(folder, "whole", "told").read_text("utf-8"))
        print(f"papers {asked.papers}, places {asked.concurrency}, exit status {whole.status}")
        ratio = whole.seconds / bound
        print(f"wall time   {whole.seconds:6.1f} s   bound {bound:6.1f} s   ratio {ratio:.3f} (at most 1.15)")
        print(f"peak memory {whole.megabytes:6.0f} MB  (at most 300 MB)")
        print(
            f"repeated after SIGKILL halfway: {repeated_calls(environment, Path(folder, 'killed'), bound)} (at most 0)"
        )


def repeated_calls(environment: dict[str, str], folder: Path, bound: float) -> int:
    """How many calls whose result was stored before the kill were made again after it."""
    process = start(environment, folder)
    time.sleep(bound / 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = stored(folder)
    finished(start(environment, folder))
    after = stored(folder)
    print(f"calls stored at the kill: {len(before)}, at the end: {len(after)}")
    return sum(after[key] != made for key, made in before.items())


def stored(folder: Path) -> dict[tuple[str, str], int]:
    """Calls that ended well, by purpose and paper: how many of each."""
    with sqlite3.connect(folder / "data" / "arxiv-daily.db") as database:
        rows = database.execute(
            "SELECT purpose, paper_id, count(*) FROM calls WHERE outcome = 'ok' GROUP BY purpose, paper_id"
        )
        return {(purpose, paper): count for purpose, paper, count in rows}


def start(environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [Path(sys.executable).with_name("arxiv-daily"), "run", "--at", _AT],
        cwd=folder,
        env=environment,
        stdout=(folder / "told").open("wb"),
        stderr=(folder / "log").open("ab"),
    )


def finished(process: subprocess.Popen[bytes]) -> Run:
    began = time.monotonic()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.monotonic() - began, usage.ru_maxrss / 1024, process.returncode)


@contextmanager
def far_ends(papers: int) -> Iterator[dict[str, str]]:
    """The environment of a program that finds arXiv and the model on loopback, while they are there."""
    arxiv, model = free_port(), free_port()
    servers = [
        serve("tests.fakes.arxiv", "--port", str(arxiv), "--papers", str(papers)),
        serve(
            "tests.fakes.model",
            *("--port", str(model), "--key", _KEY),
            *("--translation-seconds", str(_TRANSLATION_SECONDS)),
            *("--reading-seconds", str(_READING_SECONDS)),
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
            "OPENAI_API_KEY": _KEY,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{model}/v1",
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
