"""Tests of searching papers of past editions by their words, page by page."""

from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.core.models import ClosedEdition, Origin, Translation, Window
from digest.db import editions, generated_texts, papers
from digest.db.engine import reading, writing
from tests.papers import MONDAY_MORNING, paper

PAPERS = [paper(number) for number in range(1, 8)]
MODELS = ("old", "new", "newest")


async def test_a_paper_with_several_translations_is_found_once_over_all_pages(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await fill(connection)
    async with reading(engine) as connection:
        pages = [await papers.search(connection, "", "zh", 3, offset) for offset in (0, 3, 6)]
    assert [hit.version for page in pages for hit in page] == [each.version for each in PAPERS]
    assert {hit.translated for page in pages for hit in page} == {"newest"}


async def test_of_two_translations_made_at_once_one_is_found(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await fill(connection, apart=timedelta(0))
    async with reading(engine) as connection:
        found = await papers.search(connection, "", "zh", 20)
    assert [hit.version for hit in found] == [each.version for each in PAPERS]


async def fill(connection: AsyncConnection, apart: timedelta = timedelta(hours=1)) -> None:
    """Store an edition whose papers were translated by each of the models, one after another."""
    await papers.save(connection, PAPERS, MONDAY_MORNING)
    for at, model in enumerate(MODELS):
        for each in PAPERS:
            made = Translation(each.version, "zh", model, "摘要", "一句话", Origin(model, "prompt"))
            await generated_texts.save_translation(connection, made, MONDAY_MORNING + at * apart)
    window = Window(MONDAY_MORNING, MONDAY_MORNING + timedelta(days=1))
    versions = tuple(each.version for each in PAPERS)
    edition = ClosedEdition(date(2026, 2, 10), window, "zh", ("cs.SD",), len(PAPERS), versions, window.end)
    await editions.close(connection, edition)
