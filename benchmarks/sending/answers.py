"""The program's own time for /paper of a stored paper, and for a command while a digest is sent to many chats."""

import asyncio
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from telegram import Update
from telegram.ext import ExtBot

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import CONNECTIONS, FIRST_CHAT, states, subscribe, telegram
from bot import channel_setup
from bot.container import open_app, open_database
from bot.delivery.renderings import Renderings
from bot.delivery.worker import DeliveryWorker
from bot.subscriptions.service import SubscriptionService
from bot.telegram import application
from bot.telegram.channel import TelegramChannel
from bot.telegram.http import Request
from bot.telegram.rate_limiter import LimitArgs, RateLimiter
from bot.telegram.update_queue import UpdateQueue
from tests.bot.telegram.world import BotWorld, bot_world
from tests.bot.world import WEDNESDAY_NOON, world
from tests.fakes.telegram import TOKEN, FakeTelegram

_AT_A_TIME = 20  # asked one after another before their second messages, which wait for a second, are due
_CHAT = re.compile(rb"(?:^|&)chat_id=(\d+)")
_MESSAGES = 2  # of an answer: the card, and the reading's first page
_PAPER, _TITLE = "2602.00002", b"EchoNet-2"
_PATIENCE_SECONDS = 300
_LONGEST_CPU_SECONDS, _LONGEST_ANSWER_SECONDS = 0.05, 2


@dataclass(frozen=True)
class Answers(Result):
    """Seconds from an update to the request that answers it; `cpu` is processor time for one whole answer.

    `answered` are those of the askers whose first message named the paper and whose two messages Telegram took.
    """

    askers: int
    answered: int
    alone: list[float]
    together: list[float]
    cpu: float

    @property
    def undone(self) -> list[str]:
        return unmet((self.answered == self.askers, f"{self.answered} of {self.askers} got the paper"))

    @property
    def missed(self) -> list[str]:
        return unmet((self.cpu <= _LONGEST_CPU_SECONDS, f"an answer costs {self.cpu * 1000:.1f} ms"))

    def __str__(self) -> str:
        return (
            f"answers /paper of a stored paper, one after another: {_milliseconds(self.alone)}\n"
            f"        {len(self.together)} asked at once: {self.cpu * 1000:.1f} ms of processor time for each"
            f" (at most {_LONGEST_CPU_SECONDS * 1000:.0f} ms);\n"
            f"        until each had left, the others' work before it included: {_milliseconds(self.together)}"
        )


@dataclass
class _Requests:
    """The time of each chat's first message, the chats that it showed the paper, and the number taken."""

    left: dict[int, float] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    answered: Counter[int] = field(default_factory=Counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def leaves(self, request: httpx.Request) -> None:
        if match := _CHAT.search(request.content):
            chat = int(match[1])
            if chat not in self.left:
                self.left[chat] = time.perf_counter()
                self.shown |= {chat} if _TITLE in request.content else set()
            self.changed.set()

    async def is_answered(self, response: httpx.Response) -> None:
        if response.is_success and (match := _CHAT.search(response.request.content)):
            self.answered[int(match[1])] += 1
            self.changed.set()

    async def have_left(self, chats: list[int]) -> None:
        while not self.left.keys() >= set(chats):
            await self._changes()

    async def are_answered(self, chats: list[int]) -> None:
        while any(self.answered[chat] < _MESSAGES for chat in chats):
            await self._changes()

    async def _changes(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class _Watched(Request):
    """A client that notes each request just before it goes to a connection, and its response."""

    def __init__(self, requests: _Requests) -> None:
        self._requests = requests
        super().__init__(CONNECTIONS)

    def _build_client(self) -> httpx.AsyncClient:
        client = super()._build_client()
        client.event_hooks = {"request": [self._requests.leaves], "response": [self._requests.is_answered]}
        return client


@dataclass(frozen=True)
class _Asked:
    """The chats that ask, and the entry point of the bot."""

    bot: ExtBot[LimitArgs]
    inbox: UpdateQueue


def answers(askers: int) -> Answers:
    """Measure askers one after another, then as many at once, each in a private chat that is new to the bot.

    The program's own time begins when an update, or all at once as a poll fetches them, is put into the inbox, and ends
    when the request of the first message goes to its connection: Telegram's time is not included. Those who ask at once
    also wait for the work for those before them, so there the processor time of the process for one answer is the cost
    of an answer: both its messages, and parsing Telegram's responses. Chats keep their own rates; there is no overall
    rate.
    """
    return asyncio.run(asyncio.wait_for(_answers(askers), _PATIENCE_SECONDS))


async def _answers(askers: int) -> Answers:
    requests = _Requests()
    with tempfile.TemporaryDirectory() as folder, telegram() as url:
        async with _bot(Path(folder), url, requests) as asked:
            chats = [FIRST_CHAT + number for number in range(2 * askers + 1)]
            await _ask_one_by_one(asked, requests, chats[:1])  # read and made only once
            alone: list[float] = []
            for start in range(1, askers + 1, _AT_A_TIME):
                some = chats[start : min(start + _AT_A_TIME, askers + 1)]
                alone += await _ask_one_by_one(asked, requests, some)
            together, cpu = await _ask_at_once(asked, requests, chats[askers + 1 :])
    answered = sum(requests.answered[chat] >= _MESSAGES for chat in requests.shown)
    return Answers(len(chats), answered, alone, together, cpu)


@asynccontextmanager
async def _bot(folder: Path, url: str, requests: _Requests) -> AsyncIterator[_Asked]:
    """The real bot, whose database holds three papers with readings."""
    async with world(folder) as machine:
        await machine.run()
        settings = machine.settings(telegram_bot_token=TOKEN, telegram_api_url=url, telegram_rate=0)
        bot = ExtBot(
            TOKEN,
            base_url=f"{url}/bot",
            request=_Watched(requests),
            get_updates_request=Request(1),
            rate_limiter=RateLimiter(0),
        )
        async with open_app(settings, lambda: WEDNESDAY_NOON) as app, application.initialized(bot):
            outgoing = TelegramChannel(bot)
            renderings = Renderings(app.engine, outgoing, _nothing, app.clock)
            outbox = DeliveryWorker(app.engine, outgoing, renderings, app.clock)
            subscriptions = SubscriptionService(app.engine, app.clock, outbox.wake)
            context = channel_setup.open_context(app, outgoing, outbox, subscriptions, settings)
            async with application.answering(context) as inbox:
                yield _Asked(bot, inbox)


async def _nothing(*_: object) -> None:
    """Return the contents of an edition that nobody gets."""


async def _ask_one_by_one(asked: _Asked, requests: _Requests, chats: list[int]) -> list[float]:
    seconds = []
    for chat in chats:
        began = time.perf_counter()
        await asked.inbox.take([_asking(asked.bot, chat)])
        await requests.have_left([chat])
        seconds.append(requests.left[chat] - began)
    await requests.are_answered(chats)
    return seconds


async def _ask_at_once(asked: _Asked, requests: _Requests, chats: list[int]) -> tuple[list[float], float]:
    updates = [_asking(asked.bot, chat) for chat in chats]
    began, cpu = time.perf_counter(), time.process_time()
    await asked.inbox.take(updates)
    await requests.are_answered(chats)
    cpu = time.process_time() - cpu
    return [requests.left[chat] - began for chat in chats], cpu / len(chats)


def _asking(bot: ExtBot[LimitArgs], chat: int) -> Update:
    text = f"/paper {_PAPER}"
    message: dict[str, Any] = {
        "message_id": 1,
        "date": int(WEDNESDAY_NOON.timestamp()),
        "chat": {"id": chat, "type": "private", "first_name": "李雷"},
        "from": {"id": chat, "is_bot": False, "first_name": "李雷", "language_code": "zh-hans"},
        "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": len("/paper")}],
    }
    return Update.de_json({"update_id": chat, "message": message}, bot)


@dataclass(frozen=True)
class During(Result):
    """Seconds until /help is answered during a digest, the answer, and the deliveries that were still due then."""

    crowd: int
    seconds: float
    answer: str
    due: int

    @property
    def undone(self) -> list[str]:
        return unmet(
            ("/paper" in self.answer, f"/help was answered with {self.answer!r}"),
            (self.due > 0, "the digest had reached everybody before the answer came"),
        )

    @property
    def missed(self) -> list[str]:
        return unmet((self.seconds <= _LONGEST_ANSWER_SECONDS, f"the answer took {self.seconds:.2f} s"))

    def __str__(self) -> str:
        return (
            f"during  a command while a digest goes out to {self.crowd}: {self.seconds:.2f} s"
            f" (at most {_LONGEST_ANSWER_SECONDS} s)"
        )


def during(crowd: int) -> During:
    """Send /help in the middle of a digest to `crowd` chats at the rate that Telegram permits."""
    return asyncio.run(_during(crowd))


async def _during(crowd: int) -> During:
    with tempfile.TemporaryDirectory() as folder:
        async with bot_world(Path(folder), telegram=FakeTelegram(everyone=True)) as here:
            async with open_database(here.settings()):
                subscribe(here.machine.folder, crowd)
            return await _helped(here, crowd)


async def _helped(here: BotWorld, crowd: int) -> During:
    asker = here.telegram.user(7, started=True)
    async with here.running():
        sent = "SELECT count(*) >= 60 FROM deliveries WHERE state = 'sent'"
        await here.until(sent, [(1,)], seconds=60)
        began = time.monotonic()
        await asker.says("/help")
        [answer] = await asker.chat.waits_for(1, timeout=60)
        seconds = time.monotonic() - began
        return During(crowd, seconds, answer.text, states(here.machine.folder).get("due", 0))


def _milliseconds(seconds: list[float]) -> str:
    ordered = sorted(each * 1000 for each in seconds)
    highest = ordered[min(len(ordered) * 95 // 100, len(ordered) - 1)]
    return f"median {statistics.median(ordered):.1f} ms, p95 {highest:.1f} ms"
