"""An edition becomes ready for very many subscribers: the time to the first message, and the write transactions."""
# ruff: noqa: ARG002 - the channel sends nothing

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from datetime import time as hour_of
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import ANCHOR
from benchmarks.sending.variants import LANGUAGES, VARIANTS, edition_of, preferences
from bot import settings
from bot.container import open_database
from bot.core.models import (
    Campaign,
    ChatKind,
    Delivery,
    Part,
    Preferences,
    Subscriber,
    SubscriberStatus,
)
from bot.db.subscribers import row_of
from bot.db.tables import deliveries, subscribers
from bot.delivery import fanout
from bot.delivery.renderings import Renderings
from bot.delivery.worker import DeliveryWorker
from bot.telegram import messages
from digest.core.models import Edition
from digest.db.bulk import BATCH
from digest.db.engine import reading, writing
from tests.databases import postgresql
from tests.fakes.telegram import TOKEN

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 0.2
_A_SECOND = 30  # messages, as Telegram permits
_ZONES = ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "UTC")


@dataclass(frozen=True)
class FirstMessage(Result):
    """The seconds from an edition being ready; `transactions` are those of the fan-out's write transactions."""

    database: str
    papers: int
    subscribers: int
    created: int
    first_seconds: float | None
    first_cpu_seconds: float
    variants_seconds: float | None
    fanout_seconds: float
    transactions: tuple[float, ...]
    plain_seconds: float

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.created == self.subscribers, f"{self.created} deliveries of {self.subscribers}"),
            (self.first_seconds is not None, "no message was sent"),
            (self.variants_seconds is not None, f"not each of the {VARIANTS} variants was sent"),
            (bool(self.transactions), "no transaction was seen"),
        )

    @property
    def missed(self) -> list[str]:
        first, longest = self.first_seconds or 0, max(self.transactions)
        return unmet(
            (first <= _FIRST_SECONDS, f"the first message after {first:.2f} s"),
            (longest <= _LONGEST_SECONDS, f"a transaction of {longest:.3f} s"),
        )

    def __str__(self) -> str:
        longest = max(self.transactions)
        return (
            f"{self.database}: {self.papers} papers to {self.subscribers:,} subscribers: the first message after"
            f" {self.first_seconds:.2f} s (at most {_FIRST_SECONDS:.0f} s), {self.first_cpu_seconds:.2f} s of it on"
            f" a processor, one of each of {VARIANTS} variants after"
            f" {self.variants_seconds:.1f} s, a delivery for everybody after {self.fanout_seconds:.1f} s;"
            f" {len(self.transactions)} transactions, the longest {longest:.3f} s (at most {_LONGEST_SECONDS} s), ratio"
            f" {longest / self.plain_seconds:.1f} to a plain insert of {BATCH:,} rows in {self.plain_seconds:.3f} s"
        )


def first_message(database: str, papers: int, count: int) -> FirstMessage:
    """Fan out an edition to `count` subscribers while the worker sends it at Telegram's rate."""
    servers = postgresql() if database == "postgresql" else nullcontext()
    with tempfile.TemporaryDirectory() as folder, servers as cluster:
        given = {"database_url": next(cluster.database("template0"))} if cluster else {}
        chosen = settings.given(data_dir=Path(folder), telegram_bot_token=TOKEN, **given)
        return asyncio.run(_measured(chosen, database, papers, count))


async def _measured(chosen: settings.Settings, name: str, papers: int, count: int) -> FirstMessage:
    editions = {language: edition_of(papers, language) for language in LANGUAGES}

    async def contents(_day: date, language: str) -> Edition:
        return editions[language]

    async with open_database(chosen) as engine:
        await _subscribe(engine, papers, count)
        plain = await _plain_insert(engine)
        channel = _Paced()
        renderings = Renderings(engine, channel, contents, lambda: ANCHOR)
        worker = DeliveryWorker(engine, channel, renderings, lambda: ANCHOR)
        running = asyncio.create_task(worker.run())
        with _timed(engine) as transactions:
            began, cpu = time.perf_counter(), time.process_time()
            await fanout.open_edition(engine, ANCHOR.date(), ANCHOR, ANCHOR, wake=worker.wake)
            given_out = time.perf_counter() - began
        await channel.all_sent(60)
        worker.close()
        await running
        async with reading(engine) as connection:
            created = await connection.scalar(select(func.count()).select_from(deliveries)) or 0
    seen = sorted(at - began for at in channel.first.values())
    return FirstMessage(
        name,
        papers,
        count,
        created,
        seen[0] if seen else None,
        (channel.first_cpu or cpu) - cpu,
        seen[-1] if len(seen) == VARIANTS else None,
        given_out,
        tuple(transactions),
        plain,
    )


class _Paced:
    """Telegram's messages, which go nowhere at its rate; `first` is when one of each variant was sent."""

    name = "telegram"
    repeats_unknown = False

    def __init__(self) -> None:
        self.first: dict[Preferences, float] = {}
        self.first_cpu: float | None = None
        self._turn = asyncio.Lock()
        self._all = asyncio.Event()

    def compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences
    ) -> tuple[Part, ...]:
        return tuple(each.part() for each in messages.campaign_messages(campaign, edition, preferences))

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        if not part:
            raise AssertionError("there is something to send")
        await before()
        self.first_cpu = self.first_cpu or time.process_time()
        self.first.setdefault(delivery.subscriber.preferences, time.perf_counter())
        if len(self.first) == VARIANTS:
            self._all.set()
        async with self._turn:
            await asyncio.sleep(1 / _A_SECOND)

    async def all_sent(self, seconds: float) -> None:
        """Wait until one of each variant was sent, but not longer than that."""
        await asyncio.wait([asyncio.create_task(self._all.wait())], timeout=seconds)


async def _subscribe(engine: AsyncEngine, papers: int, count: int) -> None:
    """Store subscribers of all variants; every fifth reads it at once, the others at an hour in a zone."""
    nobody = Subscriber(
        0, "telegram", "", ChatKind.PRIVATE, Preferences(""), ZoneInfo("UTC"), SubscriberStatus.ACTIVE
    )
    common = {"channel": "telegram", "made_at": ANCHOR, "changed_at": ANCHOR, "joined": 1}
    variants = [preferences(number, papers) for number in range(VARIANTS)]
    rows = []
    for number in range(count):
        hour = hour_of(number // 5 % 24, number % 4 * 15) if number // VARIANTS % 5 else None
        zone = ZoneInfo(_ZONES[number % len(_ZONES)])
        chosen = replace(nobody, preferences=variants[number % VARIANTS], hour=hour, zone=zone)
        rows.append(row_of(chosen) | {"address": str(number)} | common)
    for start in range(0, count, 5_000):
        async with writing(engine) as connection:
            await connection.execute(insert(subscribers), rows[start : start + 5_000])


async def _plain_insert(engine: AsyncEngine) -> float:
    """Return the seconds of a transaction that inserts as many rows as one of ours."""
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE plain (number INTEGER PRIMARY KEY, words TEXT)"))
    numbers = (
        "WITH RECURSIVE numbers (number) AS"
        f" (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {BATCH})"
    )
    with _timed(engine, "INTO plain") as seconds:
        async with writing(engine) as connection:
            await connection.execute(
                text(f"{numbers} INSERT INTO plain SELECT number, '2026-02-10 00:50:00' FROM numbers")
            )
    return seconds[0]


@contextmanager
def _timed(engine: AsyncEngine, insertion: str = "INTO deliveries") -> Iterator[list[float]]:
    """Measure the seconds of each transaction with such a statement: on SQLite from its lock, to the commit."""
    seconds: list[float] = []
    begun: dict[Any, float] = {}
    inserted: set[Any] = set()

    def begin(connection: Any) -> None:
        begun[connection.connection.dbapi_connection] = time.perf_counter()

    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if insertion in statement:
            inserted.add(connection.connection.dbapi_connection)

    def free(connection: Any, _record: Any) -> None:
        began = begun.pop(connection, None)
        if began is not None and connection in inserted:
            inserted.remove(connection)
            seconds.append(time.perf_counter() - began)

    listeners = (("begin", begin), ("after_cursor_execute", note), ("checkin", free))
    for each in listeners:
        event.listen(engine.sync_engine, *each)
    try:
        yield seconds
    finally:
        for each in listeners:
            event.remove(engine.sync_engine, *each)
