"""Run every benchmark at its full size, one after another, each with a time limit: `python -m benchmarks`.

Exits with status 1 if any benchmark fails. `--quick` runs each one at a small size, which tests that it works and
measures nothing.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_FOLDER = Path(__file__).parent
_MOST_SECONDS = 1_200
QUICK = {
    "coverage": ["--days", "14"],
    "database": ["--quick"],
    "edition": ["--papers", "4", "--concurrency=4", "--translation-seconds=0.2", "--reading-seconds=0.5"],
    "fanout": ["--quick"],
    "faults": ["--quick"],
    "fidelity": ["--abstracts", "60"],
    "fulltext": ["--quick"],
    "judge": ["--pairs", "40"],
    "mail": ["--quick"],
    "queries": ["--quick"],
    "telegram": ["--quick"],
}
"""The programs, each with the arguments of its small size."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    failed = [name for name, small in QUICK.items() if not _succeeds(name, small if quick else [])]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _succeeds(name: str, arguments: list[str]) -> bool:
    """Run one benchmark; kill it with all that it started if it takes too long."""
    print(f"== {name} {' '.join(arguments)}", flush=True)
    began = time.monotonic()
    command = [sys.executable, str(_FOLDER / f"{name}.py"), *arguments]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            status = process.wait(_MOST_SECONDS)
        except subprocess.TimeoutExpired:
            status = -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    print(f"== {name}: {'done' if status == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    return status == 0


if __name__ == "__main__":
    main()
