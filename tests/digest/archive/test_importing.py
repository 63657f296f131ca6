from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.archive import importing, post
from digest.core.errors import StoreError
from digest.core.models import Gap
from digest.db import editions, generated_texts
from digest.db import engine as database
from digest.render import jekyll
from tests.databases import ONE_DATABASE
from tests.editions import edition, entry

pytestmark = ONE_DATABASE

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
PARSED = post.parse(jekyll.render(edition(entry(1), entry(2, reading=Gap.DUE)), SHANGHAI), SHANGHAI)
VERSIONS = [each.paper.version for each in PARSED.entries]


async def test_an_old_post_becomes_an_edition_with_all_it_holds(engine: AsyncEngine) -> None:
    assert await importing.take_over(engine, PARSED, NOW)
    async with database.reading(engine) as connection:
        closed = await editions.find(connection, PARSED.date)
        assert closed
        assert list(closed.versions) == VERSIONS
        assert set(await generated_texts.load_translations(connection, VERSIONS, "zh-CN", None)) == set(
            VERSIONS
        )
        assert set(await generated_texts.load_readings(connection, VERSIONS, "zh-CN", None)) == {VERSIONS[0]}


async def test_a_day_is_taken_over_once(engine: AsyncEngine) -> None:
    assert await importing.take_over(engine, PARSED, NOW)
    assert not await importing.take_over(engine, PARSED, NOW)


async def test_a_paper_of_another_edition_keeps_the_whole_post_out(engine: AsyncEngine) -> None:
    other = post.parse(
        jekyll.render(edition(entry(2)), SHANGHAI).replace("2026-02-10", "2026-02-17"), SHANGHAI
    )
    await importing.take_over(engine, other, NOW)
    with pytest.raises(StoreError, match=r"2602\.00002"):
        await importing.take_over(engine, PARSED, NOW)
    async with database.reading(engine) as connection:
        assert await editions.find(connection, PARSED.date) is None
        assert await generated_texts.load_translations(connection, VERSIONS[:1], "zh-CN", None) == {}
