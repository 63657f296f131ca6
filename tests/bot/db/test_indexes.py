"""Statements that run for each delivery, or over all of them, use their indexes: on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot import scheduler
from bot.core.models import Mark, Sending
from bot.db import deliveries, subscribers, totals
from bot.delivery import fanout
from digest.db.engine import reading, writing
from tests.bot.delivery.test_fanout import ANCHOR, DAY, LI, NOW

LARGE = ("deliveries", "subscribers")
Statement = tuple[str, Any]


@contextmanager
def recorded(engine: AsyncEngine) -> Iterator[list[Statement]]:
    """Record the statements that run in the block, with their parameters."""
    statements: list[Statement] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.split(maxsplit=1)[0] in ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT"):
            statements.append((statement, parameters[0] if many else parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def scans(engine: AsyncEngine, statements: list[Statement]) -> list[str]:
    """Return the statements that scan all rows of a large table, with the step of the plan that does."""
    found = []
    async with writing(engine) as connection:
        if engine.dialect.name == "postgresql":  # which else prefers scans for tables as small as these
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, parameters in statements:
            found += [f"{step}: {statement}" for step in await plan(connection, statement, parameters)]
    return [each for each in found if is_scan(each.partition(":")[0])]


async def plan(connection: AsyncConnection, statement: str, parameters: Any) -> list[str]:
    words = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = await connection.exec_driver_sql(f"{words} {statement}", parameters)
    return [str(row[-1]).strip() for row in rows]


def is_scan(step: str) -> bool:
    """Return whether a step of the plan is a scan; an index that covers the whole query does not count."""
    return any(step.startswith(f"SCAN {table}") and "COVERING" not in step for table in LARGE) or any(
        f"Seq Scan on {table}" in step for table in LARGE
    )


@pytest_asyncio.fixture
async def given(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Forty subscribers, and last year's edition, which all of them got."""
    async with writing(engine) as connection:
        for number in range(40):
            await subscribers.add(connection, replace(LI, address=str(number)), NOW)
    long_ago = NOW - timedelta(days=400)
    await fanout.open_edition(engine, date(2025, 1, 7), long_ago, long_ago)
    async with writing(engine) as connection:
        sent = {each.id for each in await deliveries.due(connection, "telegram", NOW, 100)}
        await deliveries.mark(connection, sent, Mark(Sending.SENT), NOW)
    yield engine


async def test_a_fan_out_uses_its_indexes(given: AsyncEngine) -> None:
    with recorded(given) as statements:
        await fanout.open_edition(given, DAY, ANCHOR, NOW, ["en"])
        await fanout.open_edition(given, DAY, ANCHOR, NOW)
    assert any("INSERT INTO deliveries" in statement for statement, _ in statements)
    assert await scans(given, statements) == []


async def test_each_transaction_of_a_fan_out_reads_only_its_own_subscribers(given: AsyncEngine) -> None:
    """Through the index of active subscribers it would read all of them each time."""
    with recorded(given) as statements:
        await fanout.open_edition(given, DAY, ANCHOR, NOW)
    steps = []
    async with reading(given) as connection:
        for statement, parameters in statements:
            steps += await plan(connection, statement, parameters)
    assert any("subscribers" in step for step in steps)
    assert not [step for step in steps if "ix_subscribers_standing" in step]


async def test_readers_of_as_many_hours_are_given_it_in_as_few_statements(engine: AsyncEngine) -> None:
    """A transaction stays short whichever times the subscribers chose."""
    counts = []
    for day, hours_named in ((DAY, 1), (DAY + timedelta(days=1), 30)):
        async with writing(engine) as connection:
            for number in range(30):
                named = replace(LI, address=f"{day} {number}", hour=time(9, number % hours_named))
                await subscribers.add(connection, named, NOW)
        with recorded(engine) as statements:
            await fanout.open_edition(engine, day, ANCHOR, NOW)
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_picking_and_marking_what_is_due_use_their_indexes(given: AsyncEngine) -> None:
    await fanout.open_edition(given, DAY, ANCHOR, NOW)
    with recorded(given) as statements:
        async with writing(given) as connection:
            due = await deliveries.due(connection, "telegram", NOW, 10)
            numbers = {each.id for each in due}
            await deliveries.mark(connection, numbers, Mark(Sending.SENDING, in_flight=0), NOW)
            await deliveries.mark(connection, numbers, Mark(Sending.SENT, part=1), NOW)
            await deliveries.abandon(connection, "telegram", NOW, repeats=True)
            await deliveries.next_at(connection)
            await deliveries.is_under_way(connection, due[0].campaign.id, NOW)
    assert len(due) == 10
    assert await scans(given, statements) == []


async def test_pruning_uses_its_indexes(given: AsyncEngine) -> None:
    with recorded(given) as statements:
        assert await scheduler.prune(given, NOW)
    assert any("DELETE FROM deliveries" in statement for statement, _ in statements)
    assert await scans(given, statements) == []


async def test_counting_the_queues_uses_its_indexes(given: AsyncEngine) -> None:
    with recorded(given) as statements:
        async with reading(given) as connection:
            assert (await totals.queues(connection))["deliveries",] == 0
    assert await scans(given, statements) == []


async def test_going_through_all_deliveries_would_be_noticed(given: AsyncEngine) -> None:
    with recorded(given) as statements:
        async with reading(given) as connection:
            await connection.execute(text("SELECT id FROM deliveries WHERE reason = 'none'"))
    assert len(await scans(given, statements)) == 1
