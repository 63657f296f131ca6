"""Tests of the rate slots for requests to arXiv, over all processes on one database."""

import asyncio
import itertools
import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.db.engine import open_engine, writing
from digest.db.locks import RateSlots
from digest.db.tables import turns
from tests.fakes.arxiv import FakeArxiv

QUICK = FetchPolicy(attempts=1, retry_after=2)


def no_rest() -> float:
    return 0


async def taken(engine: AsyncEngine, interval: float = 0.3) -> float:
    """Take a rate slot, and return when it began."""
    async with RateSlots(engine, "arxiv", interval).turn(no_rest):
        return time.monotonic()


async def test_turns_of_two_programs_come_one_after_another_with_a_pause(database_url: str) -> None:
    engines = [open_engine(database_url) for _ in range(2)]
    began = sorted(await asyncio.gather(*(taken(engine) for engine in engines * 2)))
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert min(gaps) >= 0.29  # the databases have a resolution of milliseconds
    for engine in engines:
        await engine.dispose()


async def test_nobody_begins_while_another_is_in_its_turn(database_url: str) -> None:
    one, other = open_engine(database_url), open_engine(database_url)
    async with RateSlots(one, "arxiv", 0.01).turn(no_rest):
        waiting = asyncio.create_task(taken(other, 0.01))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        ended = time.monotonic()
    assert await waiting >= ended
    await one.dispose()
    await other.dispose()


async def test_the_rest_that_arxiv_asks_for_holds_for_all(database_url: str) -> None:
    one, other = open_engine(database_url), open_engine(database_url)
    arxiv = FakeArxiv(html={"a": b"A", "b": b"B"})
    arxiv.faults.append("429:1")
    async with arxiv.serve() as url, open_client(None, QUICK) as client, open_client(None, QUICK) as second:
        gates = [
            ArxivClient(client, interval=0.1, patience=QUICK, shared=RateSlots(one, "arxiv", 0.1).turn),
            ArxivClient(second, interval=0.1, patience=QUICK, shared=RateSlots(other, "arxiv", 0.1).turn),
        ]
        for arxiv_client, page in zip(gates, "ab", strict=True):
            await asyncio.gather(
                arxiv_client.fetch(f"{url}/html/{page}", accept="*/*", limit_bytes=9), return_exceptions=True
            )
    assert arxiv.starts[1] - arxiv.starts[0] >= 0.99
    await one.dispose()
    await other.dispose()


async def test_a_turn_whose_holder_failed_or_was_cancelled_is_free(engine: AsyncEngine) -> None:
    with pytest.raises(KeyError):
        async with RateSlots(engine, "arxiv", 0.01).turn(no_rest):
            raise KeyError
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), RateSlots(engine, "arxiv", 0.01).turn(no_rest):
            await asyncio.sleep(5)
    async with asyncio.timeout(300):
        await taken(engine, 0.01)


async def test_a_clock_that_was_set_back_keeps_nobody_waiting(engine: AsyncEngine) -> None:
    await taken(engine, 0.01)
    async with writing(engine) as connection:
        await connection.execute(update(turns).values(free_at=turns.c.free_at + 86_400))
    async with asyncio.timeout(300):
        await taken(engine, 0.01)


async def test_the_lock_lies_beside_the_database(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "here.db")
    engine = open_engine(f"sqlite:///{tmp_path}/here.db")
    await taken(engine, 0.01)
    await engine.dispose()
    assert (tmp_path / "here.db.arxiv.lock").exists()
