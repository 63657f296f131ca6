"""What readers lose through kills, refusals and outages: nothing but what was in flight.

    python benchmarks/faults.py [--quick] [--seed 7] [sqlite|postgresql|refused|outage …]

sqlite      60 kills by SIGKILL while the program makes, publishes and delivers editions by both channels, beside a
postgresql  machine that nothing disturbs: what is lost, repeated and unknown, and whether the posts are alike
refused     a relay that refuses everybody for each of thirty reasons that are about us, a day each: to readers in
            four domains, and to a single one
outage      two days without the Git remote: who is served, and whether the posts are pushed afterwards

The program is the real one, in processes of its own; arXiv, the model, Telegram and the relay are stood in for by the
strict servers of the tests. This is a benchmark and no test because its figures are counted over many kills; the tests
play it at its small size.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
from benchmarks.disturbed.kills import Kills, Plan, kills
from benchmarks.disturbed.machine import Size
from benchmarks.disturbed.outage import outage
from benchmarks.disturbed.refused import refused
from benchmarks.results import Result, run
from tests.databases import postgresql
from tests.fakes.smtp_refusals import REFUSALS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("sqlite", "postgresql", "refused", "outage")
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--quick", action="store_true", help="few kills, and every fifth refusal")
    parser.add_argument("--seed", type=int, default=7, help="of the points at which the program is killed")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    chosen = _quick(asked.seed) if asked.quick else _full(asked.seed)
    wanted = asked.parts or parts
    try:
        run(
            {name: part for name, part in chosen.items() if name.split()[0] in wanted}, limits=not asked.quick
        )
    except pytest.skip.Exception as missing:
        parser.exit(1, f"{missing}\n")


def _full(seed: int) -> dict[str, Callable[[], Result]]:
    plan, size = Plan(kills=60, seed=seed), Size(chats=40, mailboxes=40, papers=7)
    return {
        "sqlite": lambda: kills(plan, size, "SQLite"),
        "postgresql": lambda: _on_postgresql(plan, size),
        "refused": lambda: refused(Size(chats=4, mailboxes=12, papers=1)),
        "refused alone": lambda: refused(Size(chats=4, mailboxes=1, papers=1)),
        "outage": lambda: outage(Size(chats=20, mailboxes=20, papers=2)),
    }


def _quick(seed: int) -> dict[str, Callable[[], Result]]:
    plan, size = Plan(kills=4, seed=seed, an_edition=4), Size(chats=8, mailboxes=8, papers=7)
    return {
        "sqlite": lambda: kills(plan, size, "SQLite"),
        "postgresql": lambda: _on_postgresql(plan, size),
        "refused": lambda: refused(Size(chats=2, mailboxes=6, papers=1), REFUSALS[::5]),
        "refused alone": lambda: refused(Size(chats=2, mailboxes=1, papers=1), REFUSALS[::5]),
        "outage": lambda: outage(Size(chats=4, mailboxes=4, papers=1)),
    }


def _on_postgresql(plan: Plan, size: Size) -> Kills:
    with postgresql() as cluster:
        return kills(plan, size, "PostgreSQL", next(cluster.database("template0")))


if __name__ == "__main__":
    main()
