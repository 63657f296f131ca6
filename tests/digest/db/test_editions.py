import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.errors import StoreError
from digest.core.models import ClosedEdition, Window
from digest.db import editions, papers
from digest.db.editions import PaperTakenError
from digest.db.engine import reading, writing
from tests.papers import MONDAY_MORNING, paper

DAY = date(2026, 2, 10)
NEXT = DAY + timedelta(days=1)


@pytest.fixture(autouse=True)
async def known_papers(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        records = [paper(number, version=version) for number in range(1, 6) for version in (1, 2)]
        await papers.save(connection, records, MONDAY_MORNING)


def edition(day: date, *numbers: int, version: int = 1) -> ClosedEdition:
    return ClosedEdition(
        date=day,
        window=Window(MONDAY_MORNING, MONDAY_MORNING + timedelta(days=1)),
        language="zh",
        categories=("cs.SD", "eess.AS"),
        fetched=40,
        versions=tuple(paper(number, version=version).version for number in numbers),
        closed_at=MONDAY_MORNING + timedelta(days=1, minutes=1),
    )


async def close(engine: AsyncEngine, closed: ClosedEdition) -> bool:
    async with writing(engine) as connection:
        return await editions.close(connection, closed)


async def find(engine: AsyncEngine, day: date) -> ClosedEdition | None:
    async with reading(engine) as connection:
        return await editions.find(connection, day)


async def test_an_edition_keeps_its_papers_in_their_order(engine: AsyncEngine) -> None:
    closed = edition(DAY, 3, 1, 2)
    assert await close(engine, closed)
    assert await find(engine, DAY) == closed


async def test_an_edition_without_papers_is_an_edition(engine: AsyncEngine) -> None:
    assert await close(engine, edition(DAY))
    assert await find(engine, DAY) == edition(DAY)


async def test_a_day_that_was_not_closed_has_no_edition(engine: AsyncEngine) -> None:
    await close(engine, edition(DAY, 1))
    assert await find(engine, NEXT) is None


async def test_the_first_closing_of_a_day_stands(engine: AsyncEngine) -> None:
    assert await close(engine, edition(DAY, 1))
    assert not await close(engine, edition(DAY, 2))
    assert await find(engine, DAY) == edition(DAY, 1)


async def test_of_many_processes_that_close_a_day_one_does(engine: AsyncEngine) -> None:
    outcomes = await asyncio.gather(*(close(engine, edition(DAY, number)) for number in (1, 2, 3, 4, 5)))
    assert sorted(outcomes) == [False, False, False, False, True]
    stored = await find(engine, DAY)
    assert stored is not None
    assert len(stored.versions) == 1


async def test_a_paper_is_in_one_edition_only_even_with_a_new_version(engine: AsyncEngine) -> None:
    await close(engine, edition(DAY, 1, 2))
    with pytest.raises(PaperTakenError, match=r"of 2026-02-11 .*: 2602\.00002 is in that of 2026-02-10\."):
        await close(engine, edition(NEXT, 2, 3, version=2))
    assert await find(engine, NEXT) is None


async def test_an_edition_that_cannot_be_closed_leaves_its_transaction_usable(engine: AsyncEngine) -> None:
    await close(engine, edition(DAY, 1))
    async with writing(engine) as connection:
        with pytest.raises(PaperTakenError):
            await editions.close(connection, edition(NEXT, 2, 1))
        assert await editions.close(connection, edition(NEXT, 2))
    assert await find(engine, NEXT) == edition(NEXT, 2)


async def test_of_two_days_that_claim_a_paper_at_once_one_gets_it(engine: AsyncEngine) -> None:
    claims = (close(engine, edition(DAY, 1, 2, 3)), close(engine, edition(NEXT, 3, 2, 4)))
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(PaperTakenError) == 1
    assert outcomes.count(True) == 1


async def test_an_edition_that_names_a_paper_twice_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(PaperTakenError, match="names a paper twice"):
        await close(engine, edition(DAY, 1, 1))


async def test_an_edition_with_an_unknown_paper_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        await close(engine, edition(DAY, 1, 99))
    assert await find(engine, DAY) is None


async def test_the_newest_edition_may_be_weeks_old(engine: AsyncEngine) -> None:
    long_ago = DAY - timedelta(weeks=5)
    async with reading(engine) as connection:
        assert await editions.last(connection) is None
    for day, number in ((long_ago, 2), (long_ago - timedelta(days=1), 1)):
        await close(engine, edition(day, number))
    async with reading(engine) as connection:
        assert await editions.last(connection) == edition(long_ago, 2)
        assert min(await editions.windows(connection)) == long_ago - timedelta(days=1)


async def test_archiving_is_noted(engine: AsyncEngine) -> None:
    await close(engine, edition(DAY, 1))
    at = MONDAY_MORNING + timedelta(days=1, minutes=5)
    async with writing(engine) as connection:
        await editions.mark_archived(connection, DAY, at)
    assert await find(engine, DAY) == replace(edition(DAY, 1), archived_at=at)


async def test_the_newest_that_show_something_and_have_a_post_are_listed(engine: AsyncEngine) -> None:
    days = [DAY + timedelta(days=number) for number in range(5)]
    shown = [
        edition(days[0], 1),
        edition(days[1]),
        edition(days[2], 2),
        edition(days[3], 3),
        edition(days[4], 4),
    ]
    replaced = replace(edition(days[4] + timedelta(days=1)), replacements=(paper(5).version,))
    for each in (*shown, replaced):
        await close(engine, each)
    moment = MONDAY_MORNING + timedelta(days=9)
    async with writing(engine) as connection:
        for each in (*shown[:4], replaced):
            await editions.mark_archived(connection, each.date, moment)
    async with reading(engine) as connection:
        found = await editions.archived(connection, 3)
    assert list(found.items()) == [(replaced.date, moment), (days[3], moment), (days[2], moment)]


async def test_an_edition_that_was_never_closed_cannot_be_archived(engine: AsyncEngine) -> None:
    with pytest.raises(StoreError, match="no closed edition of 2026-02-10"):
        async with writing(engine) as connection:
            await editions.mark_archived(connection, DAY, MONDAY_MORNING)


async def test_the_edition_of_each_paper_is_known(engine: AsyncEngine) -> None:
    await close(engine, edition(DAY, 1, 2))
    await close(engine, edition(NEXT, 3))
    async with reading(engine) as connection:
        held = await editions.assigned(connection, [paper(number).id for number in (1, 3, 4)])
    assert held == {paper(1).id: DAY, paper(3).id: NEXT}
