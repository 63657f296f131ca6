"""The whole bot before a Telegram, an arXiv and a model on loopback."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.serve import serve
from tests.bot.world import QUICK, WEDNESDAY_NOON, World, world
from tests.fakes.model import FakeModel
from tests.fakes.telegram import FakeTelegram

TOKEN = "123456789:AAFakeTokenForTestsOnly-0123456789abcd"
OPERATOR = 42


@dataclass
class Clock:
    """The time of the program: it stands still unless it is set."""

    now: datetime = WEDNESDAY_NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class BotWorld:
    """A bot that runs, or is started and stopped, and those around it."""

    machine: World
    telegram: FakeTelegram
    clock: Clock
    overrides: dict[str, object]
    _task: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self, **overrides: object) -> AsyncIterator[None]:
        """The bot at work while the block runs, and a clean stop at its end."""
        stop = asyncio.Event()
        chosen = self.machine.settings(
            **{
                "telegram_bot_token": TOKEN,
                "telegram_api_url": self.telegram.url,
                "telegram_admins": str(OPERATOR),
                **self.overrides,
                **overrides,
            }
        )
        task = asyncio.create_task(serve(chosen, self.clock, stop, QUICK))
        try:
            await self._started(task)
            yield
        finally:
            stop.set()
            await task

    async def _started(self, task: asyncio.Task[None]) -> None:
        while not any(method == "getUpdates" for method in self.telegram.methods):
            if task.done():
                await task
            await asyncio.sleep(0.01)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with closing(sqlite3.connect(self.machine.folder / "arxiv-daily.db")) as database:
            return database.execute(query, values).fetchall()

    async def until(self, query: str, expected: list[tuple[Any, ...]], seconds: float = 10) -> None:
        """Returns once the database holds what is expected."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (found := self.rows(query)) != expected:
            assert asyncio.get_running_loop().time() < deadline, f"{query}: {found}"
            await asyncio.sleep(0.02)


@asynccontextmanager
async def bot_world(
    folder: Path, model: FakeModel | None = None, papers: int = 3, **overrides: object
) -> AsyncIterator[BotWorld]:
    """A world whose bot does not run yet; `overrides` are settings."""
    telegram = FakeTelegram(token=TOKEN)
    async with world(folder, model, papers) as machine, telegram.serve():
        yield BotWorld(machine, telegram, Clock(), overrides)
