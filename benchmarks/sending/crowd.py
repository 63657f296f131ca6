"""Shared by the parts: subscribers with an edition that is due to them, and its sender."""

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from telegram.ext import ExtBot

from benchmarks.results import unmet
from bot import settings
from bot.container import open_database
from bot.delivery import fanout
from bot.delivery.renderings import Renderings
from bot.delivery.worker import DeliveryWorker
from bot.settings import Settings
from bot.telegram.channel import TelegramChannel
from bot.telegram.http import Request
from bot.telegram.rate_limiter import LimitArgs, RateLimiter
from digest.core.models import Edition
from tests.editions import edition, entry
from tests.fakes.telegram import TOKEN

ROOT = Path(__file__).resolve().parents[2]
ANCHOR = datetime(2026, 2, 10, 0, 50, tzinfo=UTC)
FIRST_CHAT = 1_000_000
CONNECTIONS = 32

SUBSCRIBER = {
    "channel": "telegram",
    "kind": "private",
    "standing": "active",
    "language": "zh-CN",
    "detail": "abstracts",
    **dict.fromkeys(("categories", "include", "exclude"), "[]"),
    **dict.fromkeys(("rich", "silent", "quiet_line"), 0),
    "zone": "Asia/Shanghai",
    **dict.fromkeys(("made_at", "changed_at"), "2026-02-01 00:00:00"),
}


def telegram_settings(folder: Path, url: str | None = None) -> Settings:
    """Return the settings of a bot without a rate limit of its own, whose data are in `folder`."""
    given = {"data_dir": folder, "telegram_bot_token": TOKEN, "telegram_rate": 0}
    return settings.given(**given, **({"telegram_api_url": url} if url else {}))


@asynccontextmanager
async def prepared(folder: Path, chats: int) -> AsyncIterator[AsyncEngine]:
    """A database with so many subscribers, and an edition that is due to all of them."""
    async with open_database(telegram_settings(folder)) as engine:
        subscribe(folder, chats)
        await fanout.open_edition(engine, ANCHOR.date(), ANCHOR, ANCHOR)
        yield engine


async def prepare(folder: Path, chats: int) -> None:
    """Prepare the same database and close it."""
    async with prepared(folder, chats):
        pass


def subscribe(folder: Path, chats: int) -> None:
    """Store `chats` subscribers with the same preferences in the existing database in `folder`."""
    names = ("address", *SUBSCRIBER)
    rows = [(str(FIRST_CHAT + number), *SUBSCRIBER.values()) for number in range(chats)]
    with closing(sqlite3.connect(folder / "arxiv-daily.db")) as database, database:
        database.executemany(
            f"INSERT INTO subscribers ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows
        )


async def drain(folder: Path, url: str) -> None:
    """Send all that is due by the whole path: ledger, limiter (without limits), python-telegram-bot."""
    async with open_database(telegram_settings(folder)) as engine:
        bot = ExtBot(
            TOKEN,
            base_url=f"{url}/bot",
            request=Request(CONNECTIONS),
            get_updates_request=Request(1),
            rate_limiter=RateLimiter(None, width=CONNECTIONS),
        )
        async with bot:
            await outbox(engine, bot, lambda: ANCHOR).drain()


def outbox(engine: AsyncEngine, bot: ExtBot[LimitArgs], clock: Callable[[], datetime]) -> DeliveryWorker:
    """Return the outbox that sends the edition."""
    outgoing = TelegramChannel(bot)

    async def contents(*_: object) -> Edition:
        return due_edition()

    return DeliveryWorker(engine, outgoing, Renderings(engine, outgoing, contents, clock), clock)


def due_edition() -> Edition:
    """Return an edition of eight papers with abstracts: one message of nearly the maximum length."""
    abstract = "我们提出一种方法，在五个公开数据集上把词错误率最多降低 12.5%，代码已经公开。" * 4
    return edition(*(entry(number, abstract=abstract) for number in range(1, 9)))


def states(folder: Path) -> dict[str, int]:
    """Return the number of deliveries in each state."""
    with closing(sqlite3.connect(folder / "arxiv-daily.db")) as database:
        return dict(database.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())


def once_each(chats: int, states: dict[str, int], received: dict[int, int]) -> list[str]:
    """Return a sentence for each violation of exactly one message to each of `chats` chats."""
    wanted = dict.fromkeys(range(FIRST_CHAT, FIRST_CHAT + chats), 1)
    return unmet(
        (states == {"sent": chats}, f"of {chats} deliveries the ledger says {states}"),
        (received == wanted, f"{sum(received.values())} messages came to {len(received)} chats"),
    )


@contextmanager
def telegram() -> Iterator[str]:
    """Telegram without rates, in a separate process; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.fakes.telegram", "--port", str(port), "--no-limits"]
    server = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, server)
        yield url
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        try:
            reached(url)
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")


def reached(url: str) -> dict[int, int]:
    """Return the number of messages that each chat got."""
    told: dict[str, Any] = json.loads(httpx.get(f"{url}/_log").content)
    return {int(chat): count for chat, count in told["chats"].items()}


if __name__ == "__main__":
    asyncio.run(drain(Path(sys.argv[1]), sys.argv[2]))
