"""A digest to many as fast as possible, compared with a bare httpx client that sends the same requests."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import (
    ANCHOR,
    CONNECTIONS,
    FIRST_CHAT,
    drain,
    due_edition,
    once_each,
    prepare,
    reached,
    states,
    telegram,
)
from bot.core.models import Campaign, Preferences, Subject
from bot.telegram import messages
from tests.fakes.telegram import TOKEN

_SMALLEST_RATIO = 0.6
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Speed(Result):
    """Messages a second of each round, and what a round left undone."""

    chats: int
    ours: list[float]
    bare: list[float]
    left: list[str]

    @property
    def undone(self) -> list[str]:
        return self.left

    @property
    def missed(self) -> list[str]:
        return unmet((self.ratio >= _SMALLEST_RATIO, f"ratio {self.ratio:.2f}"))

    @property
    def ratio(self) -> float:
        """The median rate of ours to that of bare httpx."""
        return statistics.median(self.ours) / statistics.median(self.bare)

    def __str__(self) -> str:
        return (
            f"speed   {self.chats} chats, {len(self.ours)} rounds in turn: {_list(self.ours)} messages/s;"
            f" bare httpx {_list(self.bare)}\n"
            f"        ratio of the medians {self.ratio:.2f} (at least {_SMALLEST_RATIO})"
        )


def speed(chats: int, rounds: int) -> Speed:
    """Send the same by both methods in each round, each to a Telegram that was just started; the order alternates."""
    ours: list[float] = []
    bare: list[float] = []
    left: list[str] = []
    for number in range(rounds):
        ways = [(ours, _ours), (bare, _bare)]
        for rates, way in ways if number % 2 == 0 else reversed(ways):
            seconds, undone = way(chats)
            rates.append(chats / seconds)
            left += undone
    return Speed(chats, ours, bare, left)


def _ours(chats: int) -> tuple[float, list[str]]:
    """Return the seconds that our program took, and what it left undone."""
    with telegram() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(prepare(folder, chats))
        seconds = asyncio.run(_timed(drain(folder, url)))
        return seconds, once_each(chats, states(folder), reached(url))


def _bare(chats: int) -> tuple[float, list[str]]:
    with telegram() as url:
        seconds = asyncio.run(_timed(_post_all(url, chats)))
        return seconds, once_each(chats, {"sent": chats}, reached(url))  # it has no ledger


async def _timed(work: Coroutine[Any, Any, None]) -> float:
    began = time.monotonic()
    await work
    return time.monotonic() - began


async def _post_all(url: str, chats: int) -> None:
    """Send the same requests by httpx alone, over as many connections."""
    fields = _fields()
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    places = asyncio.Semaphore(CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def post(chat: int) -> None:
            async with places:
                body = urlencode({"chat_id": chat, **fields})
                answer = await client.post(f"{url}/bot{TOKEN}/sendMessage", content=body, headers=_FORM)
                answer.raise_for_status()

        await asyncio.gather(*(post(FIRST_CHAT + number) for number in range(chats)))


def _fields() -> dict[str, str]:
    campaign = Campaign(1, Subject.EDITION, ANCHOR.date(), None, ANCHOR)
    message = messages.campaign_messages(campaign, due_edition(), Preferences("zh-CN"))[0].part()
    rows = [
        [{"text": one["text"], "callback_data": one["data"]} for one in row] for row in message["buttons"]
    ]
    return {
        "text": message["html"],
        "parse_mode": "HTML",
        "reply_markup": json.dumps({"inline_keyboard": rows}),
        "disable_notification": "false",
        "link_preview_options": '{"is_disabled": true}',
    }


def _list(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)
