"""A digest to many at the pace that Telegram accepts, in simulated time: its share of the permitted rate, and memory.

At exactly the rate, Telegram refuses two of a hundred messages, so it begins at 25 a second
(`bot.telegram.pacing.Pace`).
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from telegram.ext import ExtBot

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import ANCHOR, once_each, outbox, prepared, states
from benchmarks.sending.memory import peak_megabytes
from benchmarks.virtual_time import VirtualLoop, counting_the_database
from bot.telegram.http import Request
from bot.telegram.rate_limiter import RateLimiter
from tests.fakes.telegram import TOKEN, FakeTelegram

_RATE = 30
_SMALLEST_SHARE, _MOST_REFUSED, _MOST_MEGABYTES = 0.82, 0.001, 250


@dataclass(frozen=True)
class Pace(Result):
    """The result; times in seconds, peak memory of the process in megabytes."""

    chats: int
    states: dict[str, int]
    received: dict[int, int]
    refused: int
    simulated_seconds: float
    wall_seconds: float
    peak_megabytes: float

    @property
    def undone(self) -> list[str]:
        return once_each(self.chats, self.states, self.received)

    @property
    def broken(self) -> list[str]:
        return unmet(
            (self.refused <= _MOST_REFUSED * self.chats, f"{self.refused} requests were refused with 429")
        )

    @property
    def missed(self) -> list[str]:
        return unmet(
            (self.rate >= _SMALLEST_SHARE * _RATE, f"{self.rate:.2f} messages/s"),
            (self.peak_megabytes <= _MOST_MEGABYTES, f"peak memory {self.peak_megabytes:.0f} MB"),
        )

    @property
    def rate(self) -> float:
        """Messages a second."""
        return sum(self.received.values()) / self.simulated_seconds

    def __str__(self) -> str:
        share, peak = self.rate / _RATE, self.peak_megabytes
        return (
            f"pace    {self.chats} chats in {self.simulated_seconds:.0f} simulated s"
            f" ({self.wall_seconds:.0f} s of this machine)\n"
            f"        {self.rate:.2f} messages/s, {share:.1%} of the rate of {_RATE} (at least {_SMALLEST_SHARE:.0%})\n"
            f"        429s {self.refused} (at most {_MOST_REFUSED:.1%} of the messages),"
            f" peak memory {peak:.0f} MB (at most {_MOST_MEGABYTES} MB)"
        )


def pace(chats: int) -> Pace:
    """Send to `chats` chats; Telegram is in this process, and its rates count by the same simulated clock."""
    with VirtualLoop() as loop, counting_the_database(loop), tempfile.TemporaryDirectory() as folder:
        fake = FakeTelegram(clock=loop.time, everyone=True, keep=False)
        began = time.monotonic()
        seconds = loop.run_until_complete(_send(Path(folder), chats, fake, loop))
        return Pace(
            chats=chats,
            states=states(Path(folder)),
            received=dict(fake.sent),
            refused=fake.refused,
            simulated_seconds=seconds,
            wall_seconds=time.monotonic() - began,
            peak_megabytes=peak_megabytes(),
        )


async def _send(folder: Path, chats: int, fake: FakeTelegram, loop: asyncio.AbstractEventLoop) -> float:
    """Return the simulated seconds from the first query of the ledger to the last mark in it."""
    bot = ExtBot(
        TOKEN,
        base_url="http://telegram.invalid/bot",
        request=_InProcess(fake),
        get_updates_request=_InProcess(fake),
        rate_limiter=RateLimiter(_RATE, clock=loop.time),
    )
    async with prepared(folder, chats) as engine, bot:
        began = loop.time()
        await outbox(engine, bot, lambda: ANCHOR + timedelta(seconds=loop.time())).drain()
        return loop.time() - began


class _InProcess(Request):
    """A transport that calls the fake without a socket in between."""

    def __init__(self, fake: FakeTelegram) -> None:
        super().__init__(1)
        self._fake = fake

    def _build_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        token, method = request.url.path.removeprefix("/bot").split("/")

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.content}

        scope = {"headers": [(b"content-type", b"application/x-www-form-urlencoded")], "query_string": b""}
        response = await self._fake.answer({"token": token, "method": method}, scope, receive)
        if response is None:
            raise httpx.ReadError("broken off")
        return httpx.Response(response.status_code, content=bytes(response.body))
