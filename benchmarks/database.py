"""The time for which one write transaction blocks other writers on SQLite: in a fan-out, and in pruning.

    python benchmarks/database.py [--subscribers 100000]

An edition is queued for that many subscribers, and ten editions of last year for as many subscribers are pruned with
their messages. For each: the longest transaction, and how many times longer it takes than a plain insert of as many
rows as one of them changes.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.results import Result, run, unmet
from benchmarks.sending.crowd import ANCHOR, subscribe, telegram_settings
from bot import scheduler
from bot.container import open_database
from bot.delivery import fanout
from digest.db.bulk import BATCH

_EDITIONS = 10
_LONGEST_SECONDS = 1.0
_LONG_AGO = ANCHOR - timedelta(days=400)


@dataclass(frozen=True)
class Transactions(Result):
    """The write transactions of one kind of work, and a plain insert of as many rows for comparison."""

    work: str
    rows: int
    wanted: int
    seconds: tuple[float, ...]
    plain_seconds: float

    @property
    def undone(self) -> list[str]:
        return unmet((self.rows == self.wanted, f"{self.rows} rows of {self.wanted}"))

    @property
    def missed(self) -> list[str]:
        return unmet((max(self.seconds) <= _LONGEST_SECONDS, f"longest {max(self.seconds):.3f} s"))

    def __str__(self) -> str:
        longest = max(self.seconds)
        return (
            f"{self.work}: {self.rows:,} rows in {len(self.seconds)} transactions; the longest {longest:.3f} s"
            f" (at most {_LONGEST_SECONDS} s), ratio {longest / self.plain_seconds:.1f} to a plain insert of"
            f" {BATCH:,} rows in {self.plain_seconds:.3f} s"
        )


@contextmanager
def timed(engine: AsyncEngine) -> Iterator[list[float]]:
    """Measure the seconds of each write transaction in the block, from acquiring the lock to the commit."""
    seconds: list[float] = []
    begun: dict[int, float] = {}

    def locked(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            begun[id(connection.connection.dbapi_connection)] = time.perf_counter()

    def free(connection: Any, _record: Any) -> None:
        if (began := begun.pop(id(connection), None)) is not None:
            seconds.append(time.perf_counter() - began)

    event.listen(engine.sync_engine, "after_cursor_execute", locked)
    event.listen(engine.sync_engine, "checkin", free)
    try:
        yield seconds
    finally:
        event.remove(engine.sync_engine, "after_cursor_execute", locked)
        event.remove(engine.sync_engine, "checkin", free)


async def measured(subscribers: int) -> list[Transactions]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(telegram_settings(Path(folder))) as engine:
            subscribe(Path(folder), subscribers)
            file = Path(folder) / "arxiv-daily.db"
            plain = plain_insert(file)
            checkpoint(file)
            with timed(engine) as giving:
                await fanout.open_edition(engine, ANCHOR.date(), ANCHOR, ANCHOR)
            given = count(file)
            make_old(file)
            checkpoint(file)
            old = count(file) - given
            with timed(engine) as pruned:
                while not await scheduler.prune(engine, ANCHOR):
                    pass
            left = count(file)
    return [
        Transactions("fan-out", given, subscribers, tuple(giving), plain),
        Transactions("pruning", given + old - left, _EDITIONS * subscribers, tuple(pruned), plain),
    ]


def plain_insert(file: Path) -> float:
    """Return the seconds of a transaction that inserts as many rows as one of ours changes."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA synchronous = FULL")
        other.execute("CREATE TEMP TABLE numbers (number INTEGER)")
        other.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(BATCH)])
        other.execute("CREATE TABLE plain (number INTEGER PRIMARY KEY, words TEXT, at TEXT)")
        other.commit()
        began = time.perf_counter()
        other.execute("INSERT INTO plain SELECT number, 'due', '2026-02-10 00:50:00' FROM numbers")
        other.commit()
        seconds = time.perf_counter() - began
        other.execute("DROP TABLE plain")
        other.commit()
    return seconds


def make_old(file: Path) -> None:
    """Insert `editions` of last year, all sent, each with one rendering that all deliveries share."""
    with closing(sqlite3.connect(file)) as other, other:
        for number in range(_EDITIONS):
            at = _LONG_AGO - timedelta(days=number)
            moment = at.strftime("%Y-%m-%d %H:%M:%S.%f")
            campaign = other.execute(
                "INSERT INTO dispatches (subject, edition_date, due_at, made_at, given_at)"
                " VALUES ('edition', ?, ?, ?, ?)",
                (at.date().isoformat(), moment, moment, moment),
            ).lastrowid
            rendering = other.execute(
                "INSERT INTO renderings (dispatch_id, choices, parts, made_at) VALUES (?, 'key', '[{}]', ?)",
                (campaign, moment),
            ).lastrowid
            other.execute(
                "INSERT INTO deliveries (dispatch_id, subscriber_id, channel, state, due_at, next_at, rendering_id,"
                " part, tries, changed_at) SELECT ?, id, channel, 'sent', ?, ?, ?, 1, 0, ? FROM subscribers",
                (campaign, moment, moment, rendering, moment),
            )


def checkpoint(file: Path) -> None:
    """Checkpoint the write-ahead log, so that no measured transaction has to."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def count(file: Path) -> int:
    with closing(sqlite3.connect(file)) as other:
        return int(other.execute("SELECT count(*) FROM deliveries").fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="within seconds: 3,000 subscribers, no limit")
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    giving, pruned = asyncio.run(measured(3_000 if asked.quick else asked.subscribers))
    run({"fan-out": lambda: giving, "pruning": lambda: pruned}, limits=not asked.quick)


if __name__ == "__main__":
    main()
