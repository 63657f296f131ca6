"""The speed and reliability of the newsletter's delivery by mail.

    python benchmarks/mail.py [--quick] [speed|kill|flat …]

speed    10,000 mailboxes: mails a second beside bare aiosmtplib that sends prebuilt bytes over as many connections,
         and beside Postfix's smtp-source; the memory that it takes
kill     10,000 mailboxes, SIGKILL on the way, and what each holds after the restart
flat     the cost of one mail to 1,000 and to 100,000

Mail goes to Postfix's smtp-sink on loopback; for `kill` to a sink that records who got what. The ledger is a SQLite
file with durable commits.
"""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

# The folder of a script comes first there, in which `telegram` is a script and not the library.
sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog

from benchmarks.results import Result, run
from benchmarks.sending.mail_kill import mail_kill
from benchmarks.sending.mail_speed import flat, speed

_PARTS: dict[str, Callable[[], Result]] = {
    "speed": lambda: speed(10_000, rounds=3),
    "kill": lambda: mail_kill(10_000),
    "flat": lambda: flat(1_000, 100_000),
}
_QUICK: dict[str, Callable[[], Result]] = {
    "speed": lambda: speed(200, rounds=1),
    "kill": lambda: mail_kill(300),
    "flat": lambda: flat(100, 300),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--quick", action="store_true", help="all of it within a minute: small numbers")
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # as the program does
    parts = _QUICK if asked.quick else _PARTS
    if unknown := set(asked.parts) - parts.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    run({part: parts[part] for part in asked.parts or list(parts)}, limits=not asked.quick)


if __name__ == "__main__":
    main()
