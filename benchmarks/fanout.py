"""The way of an edition of 200 papers from ready to the first message, with 50 variants of it among the subscribers.

    python benchmarks/fanout.py [--quick] [--subscribers 100000] [telegram|mail|sqlite|postgresql …]

telegram, mail       processor time to choose the papers of a variant and compose its messages, once the papers were
                     rendered, beside writing the same messages as JSON
sqlite, postgresql   while the worker sends at Telegram's rate: the time from an edition being ready to the first
                     message and to a delivery for everybody; the longest write transaction beside a plain insert
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# The folder of a script comes first there, in which `telegram` is a script and not the library.
sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog

from benchmarks.results import Result, run
from benchmarks.sending.first_message import first_message
from benchmarks.sending.variants import variants


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument(
        "--quick", action="store_true", help="within seconds: 60 papers, 3,000 subscribers, no limits"
    )
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    papers, subscribers = (60, 3_000) if asked.quick else (200, asked.subscribers)
    parts: dict[str, Callable[[], Result]] = {
        "telegram": lambda: variants("telegram", papers),
        "mail": lambda: variants("mail", papers),
        "sqlite": lambda: first_message("sqlite", papers, subscribers),
        "postgresql": lambda: first_message("postgresql", papers, subscribers),
    }
    if unknown := set(asked.parts) - parts.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    wanted = asked.parts or list(parts)
    if len(wanted) > 1 and not asked.quick:
        _each_in_a_process(wanted, asked.subscribers)
    else:
        run({part: parts[part] for part in wanted}, limits=not asked.quick)


def _each_in_a_process(parts: list[str], subscribers: int) -> None:
    """Run the parts one after another, each in a process of its own; exit with 1 if any failed."""
    count = f"--subscribers={subscribers}"
    ended = [
        subprocess.run([sys.executable, __file__, part, count], check=False).returncode for part in parts
    ]
    if any(ended):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
