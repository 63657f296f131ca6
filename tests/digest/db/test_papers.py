from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.models import Paper, PaperId, VersionId
from digest.db import listings, papers
from digest.db.engine import reading, writing
from tests.papers import MONDAY_MORNING, paper

LATER = MONDAY_MORNING + timedelta(days=1)


async def saved(engine: AsyncEngine, *records: Paper, at: datetime = MONDAY_MORNING) -> None:
    async with writing(engine) as connection:
        await papers.save(connection, records, at)


async def found(engine: AsyncEngine, version: VersionId) -> Paper | None:
    async with reading(engine) as connection:
        return await papers.find(connection, version)


def from_old_post(record: Paper) -> Paper:
    return replace(record, primary_category=None, abstract=None, published=None, updated=None)


async def test_a_paper_comes_out_as_it_went_in(engine: AsyncEngine) -> None:
    record = replace(paper(1, title="“Größe” 语音 $\\alpha$ 🎧"), comment="5 pages")
    await saved(engine, record)
    assert await found(engine, record.version) == record


async def test_a_version_that_is_not_stored_is_not_found(engine: AsyncEngine) -> None:
    await saved(engine, paper(1))
    assert await found(engine, paper(1, version=2).version) is None


async def test_times_come_out_in_utc_whatever_zone_they_came_in(engine: AsyncEngine) -> None:
    beijing = timezone(timedelta(hours=8))
    record = paper(1, submitted=datetime(2026, 2, 9, 8, 50, 1, 250, tzinfo=beijing))
    await saved(engine, record)
    stored = await found(engine, record.version)
    assert stored is not None
    assert str(stored.published) == "2026-02-09 00:50:01.000250+00:00"
    assert stored.published is not None
    assert stored.published.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        await saved(engine, paper(1, submitted=datetime(2026, 2, 9)))  # noqa: DTZ001 - the fault itself


async def test_a_full_record_fills_one_from_an_old_post(engine: AsyncEngine) -> None:
    await saved(engine, from_old_post(paper(1)))
    await saved(engine, paper(1))
    assert await found(engine, paper(1).version) == paper(1)


async def test_a_record_from_an_old_post_takes_nothing_away(engine: AsyncEngine) -> None:
    await saved(engine, paper(1))
    await saved(engine, replace(from_old_post(paper(1)), title="As the post had it"))
    assert await found(engine, paper(1).version) == paper(1)


async def test_a_record_that_says_less_keeps_what_was_known(engine: AsyncEngine) -> None:
    await saved(engine, paper(1))
    await saved(engine, replace(paper(1, title="Mended"), published=None, updated=None))
    assert await found(engine, paper(1).version) == paper(1, title="Mended")


async def test_the_latest_version_is_the_highest_number(engine: AsyncEngine) -> None:
    await saved(engine, *(paper(1, version=number) for number in (2, 10, 9)))
    async with reading(engine) as connection:
        assert await papers.latest(connection, paper(1).id) == paper(1, version=10)
        assert await papers.latest(connection, PaperId("hep-ex/0406020")) is None


async def test_the_last_of_two_records_of_one_version_counts(engine: AsyncEngine) -> None:
    await saved(engine, paper(1), paper(1, title="Second"))
    assert await found(engine, paper(1).version) == paper(1, title="Second")


async def test_thousands_of_papers_are_saved_and_loaded_in_their_order(engine: AsyncEngine) -> None:
    records = [paper(number) for number in range(2500, 0, -1)]
    await saved(engine, *records)
    async with reading(engine) as connection:
        loaded = await papers.load(connection, [*(each.version for each in records), paper(3000).version])
    assert list(loaded.values()) == records


async def test_what_no_database_takes_is_left_out_of_a_text(engine: AsyncEngine) -> None:
    await saved(engine, replace(paper(1, title="a\0b\ud83dc"), authors=("x\ud83d",)))
    stored = await found(engine, paper(1).version)
    assert stored is not None
    assert (stored.title, stored.authors) == ("ab?c", ("x?",))


async def test_nothing_was_listed_at_first(engine: AsyncEngine) -> None:
    async with reading(engine) as connection:
        assert await listings.checks(connection) == {}
        assert await listings.unlisted(connection, [paper(1).id]) == {paper(1).id}


async def test_of_each_category_the_last_check_is_known(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await listings.check(connection, ["cs.SD", "eess.AS"], MONDAY_MORNING)
        await listings.check(connection, ["cs.SD"], LATER)
    async with reading(engine) as connection:
        assert await listings.checks(connection) == {"cs.SD": LATER, "eess.AS": MONDAY_MORNING}


async def test_a_paper_that_was_ever_listed_is_not_new_again(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await listings.note(
            connection, dict.fromkeys(paper(number).id for number in range(1, 1500)), MONDAY_MORNING
        )
        await listings.note(connection, dict.fromkeys([paper(1).id, paper(1500).id]), LATER)
    async with reading(engine) as connection:
        asked = [paper(number).id for number in range(1, 1502)]
        assert await listings.unlisted(connection, asked) == {paper(1501).id}
        assert await listings.unlisted(connection, []) == set()
