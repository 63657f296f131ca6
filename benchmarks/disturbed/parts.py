"""The parts of benchmarks/faults.py at full size and at a small one."""

from collections.abc import Callable

from benchmarks.disturbed.kills import Kills, Plan, kills
from benchmarks.disturbed.machine import Size
from benchmarks.disturbed.outage import outage
from benchmarks.disturbed.refused import refused
from benchmarks.results import Result
from tests.databases import postgresql
from tests.fakes.smtp_refusals import REFUSALS

Parts = dict[str, Callable[[], Result]]


def full(seed: int) -> Parts:
    plan, size = Plan(kills=60, seed=seed), Size(chats=40, mailboxes=40, papers=7)
    return {
        "sqlite": lambda: kills(plan, size, "SQLite"),
        "postgresql": lambda: _on_postgresql(plan, size),
        "refused": lambda: refused(Size(chats=4, mailboxes=12, papers=1)),
        "refused alone": lambda: refused(Size(chats=4, mailboxes=1, papers=1)),
        "outage": lambda: outage(Size(chats=20, mailboxes=20, papers=2)),
    }


def quick(seed: int) -> Parts:
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
