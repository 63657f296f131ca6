"""Tests of the announcements in the feeds, and their batches, on both databases."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from digest.arxiv.announcements import AnnounceType
from digest.core import ids
from digest.core.models import Window
from digest.db import announcements, listings, papers
from digest.db.announcements import Announced
from digest.db.engine import reading, writing
from tests.papers import MONDAY_MORNING, paper

HOUR = timedelta(hours=1)
BATCH = MONDAY_MORNING + 16 * HOUR
EVER = datetime.min.replace(tzinfo=BATCH.tzinfo)


def announced(version: str, kind: str) -> Announced:
    return Announced(ids.version(version), AnnounceType(kind), BATCH)


NEW, NEWER = announced("2602.00001v1", "new"), announced("2602.00002v2", "replace")


async def test_newer_versions_are_awaited_until_they_arrive(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await announcements.note(connection, [NEW, NEWER], BATCH, replacements=True)
    async with writing(engine) as connection:
        assert await announcements.awaited(connection, EVER) == [NEWER]
        assert await announcements.awaited(connection, BATCH) == []
        await announcements.mark_arrived(connection, [NEWER])
        assert await announcements.awaited(connection, EVER) == []


async def test_nothing_is_awaited_where_newer_versions_are_not_wanted(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await announcements.note(connection, [NEW, NEWER], BATCH)
        assert await announcements.awaited(connection, EVER) == []


async def test_what_was_announced_is_unlisted_until_a_listing_shows_it(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await announcements.note(connection, [NEW, NEWER], BATCH)
        assert await announcements.unlisted(connection, EVER) == [NEW]
        await listings.note(connection, {NEW.version.paper: None}, BATCH)
        assert await announcements.unlisted(connection, EVER) == []


async def test_empty_batches_are_remembered(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        for _ in range(2):
            await announcements.mark_empty(connection, [BATCH], BATCH + HOUR)
    async with reading(engine) as connection:
        assert await announcements.empty(connection, EVER) == {BATCH}
        assert await announcements.empty(connection, BATCH) == set()


async def test_a_decided_paper_keeps_the_batch_that_it_was_taken_for(engine: AsyncEngine) -> None:
    name = paper(1).id
    async with writing(engine) as connection:
        await papers.save(connection, [paper(1)], BATCH)
        await listings.note(connection, {name: None}, BATCH)
        assert await listings.batches_of(connection, [name]) == {}
        assert await listings.ever_listed(connection) == {"cs.SD", "eess.AS"}
        await listings.place(connection, {name: BATCH})
    async with reading(engine) as connection:
        assert await listings.batches_of(connection, [name]) == {name: BATCH}
        assert await listings.placed_in(connection, Window(BATCH - HOUR, BATCH)) == {name}
        assert await listings.placed_in(connection, Window(BATCH, BATCH + HOUR)) == set()
