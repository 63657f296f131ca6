"""Keeps the rate that Telegram was found to take, so that a restart does not have to learn it anew by refusals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.chat.limits import Limiter
from bot.store import learned_rates
from digest.errors import StoreError
from digest.store import engine as database

_log = structlog.get_logger()
_LOOK_SECONDS = 60.0  # a kill costs what was learned since
_LEAST_CHANGE = 0.5  # messages a second: what is worth a write


@asynccontextmanager
async def kept(
    engine: AsyncEngine, token: SecretStr, limiter: Limiter, clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Has `limiter` begin at the rate that was learned with `token`, and keeps what it learns in the block.

    Of the token, only a digest is kept. Without the database, the rate is learned anew.
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
    def __init__(
        self, engine: AsyncEngine, bot: str, limiter: Limiter, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bot = bot
        self._limiter = limiter
        self._clock = clock
        self._kept = limiter.per_second

    async def recall(self) -> None:
        try:
            async with database.reading(self._engine) as connection:
                found = await learned_rates.get(connection, self._bot)
        except StoreError as error:
            _log.warning("rate_not_recalled", error=str(error))
            return
        if found is not None:
            self._limiter.begin_at(found)
            self._kept = self._limiter.per_second

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.note()

    async def note(self) -> None:
        """Keeps the rate where it has changed."""
        found = self._limiter.per_second
        if found is None or self._kept is None or abs(found - self._kept) < _LEAST_CHANGE:
            return
        try:
            async with database.writing(self._engine) as connection:
                await learned_rates.note(connection, self._bot, found, self._clock())
        except StoreError as error:
            _log.warning("rate_not_kept", error=str(error))
        else:
            self._kept = found
