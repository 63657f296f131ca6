"""The whole bot with a Telegram, an arXiv and a model on loopback."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.channel_setup import Intervals
from bot.serve import serve
from bot.settings import Settings
from tests.bot.world import QUICK, WEDNESDAY_NOON, World, world
from tests.fakes.model import FakeModel
from tests.fakes.telegram import TOKEN, FakeTelegram

OPERATOR = 42
# A busy machine answers late, and a send that is given up counts as unknown: nothing may be given up by chance.
RHYTHM = Intervals(tick_seconds=0.5, look_seconds=0.25, answer_seconds=300)
# For tests in which Telegram falls silent: the clock leaps by so much, and longer waits of the program go on.
IMPATIENT = replace(RHYTHM, answer_seconds=15)


@dataclass
class Clock:
    """The time of the program, which stands still unless it is set."""

    now: datetime = WEDNESDAY_NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class BotWorld:
    """A bot that runs, or is started and stopped, and its environment."""

    machine: World
    telegram: FakeTelegram
    clock: Clock
    overrides: dict[str, object]
    rhythm: Intervals = RHYTHM

    @asynccontextmanager
    async def running(self, *, listens_by: str = "getUpdates", **overrides: object) -> AsyncIterator[None]:
        """Run the bot while the block runs, and stop it cleanly at its end."""
        stop = asyncio.Event()
        chosen = self.settings(**overrides)
        task = asyncio.create_task(serve(chosen, self.clock, stop, QUICK, self.rhythm))
        try:
            await self._started(task, listens_by)
            yield
        finally:
            stop.set()
            await task

    def settings(self, **overrides: object) -> Settings:
        """Return the settings of the bot."""
        return self.machine.settings(
            **{
                "telegram_bot_token": TOKEN,
                "telegram_api_url": self.telegram.url,
                "telegram_admins": str(OPERATOR),
                **self.overrides,
                **overrides,
            }
        )

    async def _started(self, task: asyncio.Task[None], listens_by: str) -> None:
        """Wait until the bot listens; raises the error that kept it from that."""
        listens = asyncio.create_task(self._listens(listens_by))
        await asyncio.wait({task, listens}, return_when=asyncio.FIRST_COMPLETED)
        listens.cancel()
        if task.done():
            await task

    async def _listens(self, method: str) -> None:
        await self.telegram.is_asked(method, self.telegram.methods[method] + 1)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        with closing(sqlite3.connect(self.machine.folder / "arxiv-daily.db")) as database:
            return database.execute(query, values).fetchall()

    async def until(self, query: str, expected: list[tuple[Any, ...]], seconds: float = 300) -> None:
        """Wait until a query finds the expected rows."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (found := self.rows(query)) != expected:
            assert asyncio.get_running_loop().time() < deadline, f"{query}: {found}"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def bot_world(
    folder: Path,
    model: FakeModel | None = None,
    papers: int = 3,
    telegram: FakeTelegram | None = None,
    *,
    rhythm: Intervals = RHYTHM,
    **overrides: object,
) -> AsyncIterator[BotWorld]:
    """A world whose bot does not run yet; `overrides` are settings."""
    telegram = telegram or FakeTelegram()
    telegram.leap_seconds = rhythm.answer_seconds + 1
    async with world(folder, model, papers) as machine, telegram.serve():
        yield BotWorld(machine, telegram, Clock(), overrides, rhythm)
