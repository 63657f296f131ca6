"""Tests of searching papers of past editions by their words, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.core.models import BY_HAND, Claim, ClosedEdition, Origin, Reading, Translation, VersionId, Window
from digest.db import editions, generated_texts, papers, search
from digest.db.engine import reading, writing
from digest.db.tables import search_texts
from tests.bot.db.test_indexes import plan, recorded
from tests.papers import MONDAY_MORNING, paper

PAPERS = [paper(number) for number in range(1, 8)]
MODELS = ("old", "new", "newest")


async def test_a_paper_with_several_translations_is_found_once_over_all_pages(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await fill(connection)
    async with reading(engine) as connection:
        pages = [await search.search(connection, "", "zh", 3, offset) for offset in (0, 3, 6)]
    assert [hit.version for page in pages for hit in page] == [each.version for each in PAPERS]
    assert {hit.translated for page in pages for hit in page} == {"newest"}


async def test_of_two_translations_made_at_once_one_is_found(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await fill(connection, apart=timedelta(0))
    async with reading(engine) as connection:
        found = await search.search(connection, "", "zh", 20)
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


@pytest.fixture(params=[500, 1], ids=["newest", "indexed"])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find words among the newest papers, or by the index, because there is only the newest one to look through."""
    monkeypatch.setattr(search, "_WINDOW", request.param)
    monkeypatch.setattr(search, "_WINDOW_PER_HIT", min(request.param, 20) // 20)


@pytest_asyncio.fixture
async def filled(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    async with writing(engine) as connection:
        await fill(connection)
    yield engine


ODD = replace(
    PAPERS[2],
    title='Q\u0301uoted "NEAR(x)" 100%_done it\'s \\ [AND] -OR* {3D} ＦＵＬＬ ÉCOLE',
    authors=("O'Brien",),
)
HIT = [ODD.version]


PLAIN = (
    "near(x)", '"near(x)"', '"', "100%_", "%_d", "'",
    "it's", "\\", "[and]", "-or*", "*", "{3d}", "3d", "full école",
    "école FULL o'brien",
    "摘录 铃声", "铃", "铃声", "声在水", "ＦＵＬＬ", "水下\u3000铃声", "q\u0301uoted", "3D 铃", "下\0铃",
)  # fmt: skip


@pytest.mark.usefixtures("window")
async def test_words_are_plain_text_of_any_length(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await fill(connection)
        await papers.save(connection, [ODD], MONDAY_MORNING)
        claims = (Claim("铃声", (Claim("听见铃声在水下铃响的摘录"),), ("a quote",)),)
        made = Reading(ODD.version, "zh", claims, (), (), Origin("model", "prompt"))
        await generated_texts.save_reading(connection, made, MONDAY_MORNING)
    assert {words: await found(engine, words) for words in PLAIN} == dict.fromkeys(PLAIN, HIT)


@pytest.mark.usefixtures("window")
async def test_what_no_paper_contains_finds_nothing(filled: AsyncEngine) -> None:
    for words in ("NEAR(", "100_", "a%b", "铃", "铃声", "quote OR echonet", "_", "x" * 99):
        assert await found(filled, words) == [], words
    assert len(await found(filled, "%")) == len(PAPERS)  # of 12.5%


@pytest.mark.usefixtures("window")
async def test_all_words_must_occur_in_the_original_or_any_language(filled: AsyncEngine) -> None:
    for words in ("ECHONET newest 摘要", "Černocký 一句话", "černocký ROOM"):
        assert await found(filled, words) == [each.version for each in PAPERS]
    assert await found(filled, "echonet-3 摘要") == HIT
    assert await found(filled, "echonet-3 echonet-4") == []


@pytest.mark.usefixtures("window")
async def test_what_replaced_a_text_is_found_and_the_text_no_longer(filled: AsyncEngine) -> None:
    """The operator's translation also counts when a model makes another one later."""
    assert await found(filled, "水下") == []
    made = Translation(ODD.version, "zh", "水下", "铃声响起", "一句话", BY_HAND)
    async with writing(filled) as connection:
        await generated_texts.save_translation(connection, made, MONDAY_MORNING)
        other = replace(made, title="later", origin=Origin("model", "x"))
        await generated_texts.save_translation(connection, other, MONDAY_MORNING + timedelta(days=9))
    assert await found(filled, "水下") == await found(filled, "铃声响") == HIT
    assert await found(filled, "later") == []
    assert len(await found(filled, "newest")) == len(PAPERS) - 1
    async with writing(filled) as connection:
        await connection.execute(delete(search_texts).where(search_texts.c.paper_id == str(ODD.id)))
    assert await found(filled, "铃声响") == await found(filled, "水下") == []


async def test_two_texts_of_a_paper_that_are_stored_at_once_are_both_found(filled: AsyncEngine) -> None:
    async def read() -> None:
        made = Reading(ODD.version, "zh", (Claim("铃声"),), (), (), BY_HAND)
        async with writing(filled) as connection:
            await generated_texts.save_reading(connection, made, MONDAY_MORNING)

    made = Translation(ODD.version, "zh", "水下", "摘要", None, BY_HAND)
    async with asyncio.TaskGroup() as group, writing(filled) as connection:
        await generated_texts.save_translation(connection, made, MONDAY_MORNING)
        group.create_task(read())
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while filled.dialect.name == "postgresql" and not await connection.scalar(waiting):
            pass
    assert await found(filled, "水下 铃声") == HIT


async def test_a_search_of_a_rare_word_uses_the_index(filled: AsyncEngine) -> None:
    """Each word that is too rare among the newest papers is looked up in one index or the other."""
    for words, sqlite, postgresql in (
        ("echonet-3", "SCAN search_grams VIRTUAL TABLE", "ix_search_texts_text"),
        ("水下", "SCAN search_entries VIRTUAL TABLE", "ix_search_texts_pairs"),
        ("铃", "SCAN search_entries VIRTUAL TABLE", "ix_search_texts_pairs"),
        ("听水下铃", "SCAN search_grams VIRTUAL TABLE", "ix_search_texts_pairs"),
    ):
        with recorded(filled) as statements:
            await found(filled, words)
        async with writing(filled) as connection:
            if filled.dialect.name == "postgresql":
                await connection.execute(text("SET LOCAL enable_seqscan = off"))
            (looked_up,) = (each for each in statements if "MATERIALIZED" in each[0])
            steps = "\n".join(await plan(connection, *looked_up))
        assert (sqlite if filled.dialect.name == "sqlite" else postgresql) in steps, words
        assert "SCAN search_texts" not in steps


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_papers_found_are_loaded_by_their_keys(filled: AsyncEngine) -> None:
    """SQLite goes through the whole table for several pairs of values."""
    with recorded(filled) as statements:
        assert len(await found(filled, "echonet")) == len(PAPERS)
    async with reading(filled) as connection:
        steps = [step for each in statements for step in await plan(connection, *each)]
    assert not {"SCAN search_texts", "SCAN versions", "SCAN translations"} & {*steps}


async def found(engine: AsyncEngine, words: str) -> list[VersionId]:
    async with reading(engine) as connection:
        return [hit.version for hit in await search.search(connection, words, "zh", 20)]
