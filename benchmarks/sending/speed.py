"""A digest to many as fast as it goes, beside a bare httpx client that sends the same requests."""

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

from benchmarks.sending.audience import ANCHOR, CONNECTIONS, FIRST_CHAT, drain, due_edition, prepare, telegram
from bot.chat import composing
from bot.models import Choices, Dispatch, Subject
from tests.fakes.telegram import TOKEN

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Speed:
    """Messages a second, of each round."""

    chats: int
    ours: list[float]
    bare: list[float]

    def __str__(self) -> str:
        ratio = statistics.median(self.ours) / statistics.median(self.bare)
        return (
            f"speed   {self.chats} chats, {len(self.ours)} rounds in turn: {_list(self.ours)} messages/s;"
            f" bare httpx {_list(self.bare)}\n"
            f"        ratio of the medians {ratio:.2f} (at least 0.6)"
        )


def speed(chats: int, rounds: int) -> Speed:
    """Each round sends the same by both ways, each to a Telegram that was just started; who is first alternates."""
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds):
        ways = [(ours, _ours), (bare, _bare)]
        for rates, way in ways if number % 2 == 0 else reversed(ways):
            rates.append(chats / way(chats))
    return Speed(chats, ours, bare)


def _ours(chats: int) -> float:
    with telegram() as url, tempfile.TemporaryDirectory() as folder:
        asyncio.run(prepare(Path(folder), chats))
        return asyncio.run(_timed(drain(Path(folder), url)))


def _bare(chats: int) -> float:
    with telegram() as url:
        return asyncio.run(_timed(_post_all(url, chats)))


async def _timed(work: Coroutine[Any, Any, None]) -> float:
    began = time.monotonic()
    await work
    return time.monotonic() - began


async def _post_all(url: str, chats: int) -> None:
    """The same requests by httpx alone, over as many connections."""
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
    dispatch = Dispatch(1, Subject.EDITION, ANCHOR.date(), None, ANCHOR)
    message = composing.dispatched(dispatch, due_edition(), Choices("zh-CN"))[0].part()
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
