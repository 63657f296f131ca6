"""Tests of the learned rate, over a restart."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from telegram.error import RetryAfter

from bot.telegram.http import FloodError
from bot.telegram.learned_rate import keep_rate
from bot.telegram.pacing import AdaptiveRate
from bot.telegram.rate_limiter import RateLimiter
from digest.db import engine as database
from digest.db.engine import open_engine

TOKEN, ANOTHER = SecretStr("123:a-token"), SecretStr("123:another-token")
SECONDS = 20


def now() -> datetime:
    return datetime(2026, 2, 11, 4, 0, tzinfo=UTC)


async def refused(limiter: RateLimiter) -> None:
    """Send one message that Telegram refuses with a limit for all chats."""

    async def refuse() -> bool:
        raise FloodError(SECONDS)

    with pytest.raises(RetryAfter):
        await limiter.process_request(refuse, (), {}, "sendMessage", {"chat_id": 1}, None)


async def run(
    engine: AsyncEngine, token: SecretStr = TOKEN, *, refuse: bool = False, rate: float = 30
) -> float:
    """Return the rate with which a new process of the bot begins."""
    limiter = RateLimiter(rate)
    async with keep_rate(engine, token, limiter, now):
        begun = limiter.per_second
        if refuse:
            await refused(limiter)
    assert begun is not None
    return begun


async def test_a_restart_goes_on_at_the_learned_rate_until_the_token_is_another(engine: AsyncEngine) -> None:
    assert await run(engine, refuse=True) == 25
    assert await run(engine, refuse=True) == pytest.approx(22.5)
    assert await run(engine) == pytest.approx(20.25)
    assert await run(engine, rate=12) == 12
    assert await run(engine, ANOTHER) == 25
    assert await run(engine, ANOTHER, refuse=True) == 25
    async with database.reading(engine) as connection:
        rows = (await connection.execute(text("SELECT * FROM learned_rates"))).all()
    assert len(rows) == 1
    assert "token" not in str(rows)
    assert await run(engine) == 25


async def test_without_the_database_the_rate_is_learned_anew() -> None:
    engine = open_engine("sqlite:////nowhere/to/be/found.db")
    assert await run(engine, refuse=True) == 25
    await engine.dispose()


@pytest.mark.parametrize(("learned", "begun"), [(0.0, 10), (14.0, 14), (1e9, 30)])
def test_what_was_learned_stays_within_the_bounds(learned: float, begun: float) -> None:
    pace = AdaptiveRate(30)
    pace.begin_at(learned)
    assert pace.per_second == begun
