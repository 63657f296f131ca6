"""The learned sending rate, stored so that a restart need not learn it again from refusals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db import telegram_state
from bot.telegram.rate_limiter import RateLimiter
from digest.core.errors import StoreError
from digest.db import engine as database

_log = structlog.get_logger()
_LOOK_SECONDS = 60.0  # seconds between two checks; a kill loses what was learned since the last one
_LEAST_CHANGE = 0.5  # messages a second: the least change that is stored


@asynccontextmanager
async def keep_rate(
    engine: AsyncEngine, token: SecretStr, limiter: RateLimiter, clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Start `limiter` at the rate learned with `token`, and store what it learns while the block runs.

    Only a hash of the token is stored. Without the database, the rate is learned again.
    """
    bot = sha256(f"rate:{token.get_secret_value()}".encode()).hexdigest()[:32]
    keeper = _Keeper(engine, bot, limiter, clock)
    await keeper.recall()
    keeping = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await keeper.note()


class _Keeper:
    """Loads the rate of `limiter` for a `bot`, and stores it when it has changed. Only logs faults of the database."""

    def __init__(
        self, engine: AsyncEngine, bot: str, limiter: RateLimiter, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bot = bot
        self._limiter = limiter
        self._clock = clock
        self._kept = limiter.per_second

    async def recall(self) -> None:
        """Start the limiter at the stored rate, if there is one."""
        try:
            async with database.reading(self._engine) as connection:
                found = await telegram_state.learned_rate(connection, self._bot)
        except StoreError as error:
            _log.warning("rate_not_loaded", error=str(error))
            return
        if found is not None:
            self._limiter.begin_at(found)
            self._kept = self._limiter.per_second

    async def run(self) -> None:
        """Store the rate each minute, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.note()

    async def note(self) -> None:
        """Store the rate if it has changed."""
        found = self._limiter.per_second
        if found is None or self._kept is None or abs(found - self._kept) < _LEAST_CHANGE:
            return
        try:
            async with database.writing(self._engine) as connection:
                await telegram_state.note_learned_rate(connection, self._bot, found, self._clock())
        except StoreError as error:
            _log.warning("rate_not_stored", error=str(error))
        else:
            self._kept = found
