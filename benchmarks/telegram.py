"""The speed and reliability of a digest's delivery in Telegram, and the time until a person is answered.

    python benchmarks/telegram.py [--quick] [pace|speed|kill|answers|during …]

pace     20,000 chats at 30 messages a second, in simulated time: the share of the permitted rate, refusals, memory
speed    2,000 chats without a limit: messages a second beside a bare httpx client that sends the same requests
kill     2,000 chats, SIGKILL on the way, and what the ledger says after the restart
answers  /paper of a stored paper, asked by 100 chats one after another and at once: the program's own time
during   a command while a digest goes out to 20,000 chats at 30 messages a second: the time to its answer

Telegram is the strict fake server of the tests: on loopback in a separate process, for `pace` and `during` in the
same one. The ledger is a SQLite file with durable commits.
"""

import argparse
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# The folder of a script comes first there, in which `telegram` is this script and not the library.
sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog

from benchmarks.results import Result, run
from benchmarks.sending.answers import answers, during
from benchmarks.sending.kill import kill
from benchmarks.sending.pace import pace
from benchmarks.sending.speed import speed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="all of it within a minute: small numbers, in which starting weighs",
    )
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # as the program does
    parts = _QUICK if asked.quick else _PARTS
    if unknown := set(asked.parts) - parts.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    wanted = asked.parts or list(parts)
    if len(wanted) > 1 and not asked.quick:
        _each_in_a_process(wanted)
    else:
        run({part: parts[part] for part in wanted}, limits=not asked.quick)


_PARTS: dict[str, Callable[[], Result]] = {
    "pace": lambda: pace(20_000),
    "speed": lambda: speed(2_000, rounds=4),
    "kill": lambda: kill(2_000),
    "answers": lambda: answers(100),
    "during": lambda: during(20_000),
}
_QUICK: dict[str, Callable[[], Result]] = {
    "pace": lambda: pace(100),
    "speed": lambda: speed(100, rounds=1),
    "kill": lambda: kill(150),
    "answers": lambda: answers(5),
    "during": lambda: during(500),
}


def _each_in_a_process(parts: list[str]) -> None:
    """Run the parts one after another, each in a process of its own; exit with 1 if any failed."""
    ended = [subprocess.run([sys.executable, __file__, part], check=False).returncode for part in parts]
    if any(ended):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
