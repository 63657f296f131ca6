from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.db import model_calls
from digest.db.engine import reading, writing
from digest.db.model_calls import Endpoint

NOON = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
HERE = Endpoint("https://api.example.org/v1", "a")


async def _keep(engine: AsyncEngine, endpoint: Endpoint, model: str, profile: dict[str, object]) -> None:
    async with writing(engine) as connection:
        await model_calls.save_profile(connection, endpoint, model, profile, NOON)


async def _known(engine: AsyncEngine, endpoint: Endpoint, since: datetime = NOON) -> dict[str, object]:
    async with reading(engine) as connection:
        return await model_calls.load_profile(connection, endpoint, since)


async def test_what_was_learned_of_each_model_is_known_again(engine: AsyncEngine) -> None:
    await _keep(engine, HERE, "small", {"streaming": "possible"})
    await _keep(engine, HERE, "small", {"streaming": "required", "refused_fields": ["a"]})
    await _keep(engine, HERE, "large", {"window_tokens": 4096})
    assert await _known(engine, HERE) == {
        "small": {"streaming": "required", "refused_fields": ["a"]},
        "large": {"window_tokens": 4096},
    }


async def test_it_is_forgotten_when_the_settings_change(engine: AsyncEngine) -> None:
    await _keep(engine, HERE, "small", {"streaming": "required"})
    changed = Endpoint(HERE.base_url, "b")
    assert await _known(engine, changed) == {}
    await _keep(engine, changed, "large", {})
    assert await _known(engine, HERE) == {}
    await _keep(engine, Endpoint("https://other.example.org/v1", "b"), "small", {})
    assert await _known(engine, changed) == {}


async def test_what_is_old_is_learned_anew(engine: AsyncEngine) -> None:
    await _keep(engine, HERE, "small", {})
    assert await _known(engine, HERE, NOON + timedelta(seconds=1)) == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the other takes no such row
async def test_a_row_that_is_no_json_costs_what_it_held_and_no_more(engine: AsyncEngine) -> None:
    await _keep(engine, HERE, "small", {"streaming": "required"})
    await _keep(engine, HERE, "large", {"streaming": "required"})
    async with writing(engine) as connection:
        await connection.execute(
            text("UPDATE endpoint_profiles SET profile = '{broken' WHERE model = 'small'")
        )
    assert await _known(engine, HERE) == {"large": {"streaming": "required"}}
