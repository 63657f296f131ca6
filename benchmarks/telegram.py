"""How fast and how surely a digest reaches its audience in Telegram, and how soon a person is answered.

    python benchmarks/telegram.py [--quick] [pace|speed|kill|answers …]

pace     20,000 chats at 30 messages a second, in simulated time: the share of the permitted rate, refusals, memory
speed    5,000 chats without a limit: messages a second beside a bare httpx client that sends the same requests
kill     2,000 chats, SIGKILL on the way, and what the ledger says after the restart
answers  /paper of a stored paper, asked by 100 chats at once: the program's own time for each; and a command while a
         digest goes out to 20,000

Telegram is stood in for on loopback, in a process of its own (in simulated time: in this one), by the strict server of
the tests. The ledger is a SQLite file with durable commits.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

# The folder of this script comes first there, in which `telegram` is this script.
sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from telegram.ext import ExtBot

from benchmarks.virtual_time import VirtualLoop, count_the_database
from bot import fanout, settings
from bot.app import open_database
from bot.chat import composing
from bot.chat.limits import LimitArgs, Limiter
from bot.chat.request import Request
from bot.chat.sending import Outgoing
from bot.fanout import Renderings
from bot.models import Choices, Dispatch, Subject
from bot.outbox import Outbox
from bot.settings import Settings
from digest.models import Edition
from tests.bot.chat.world import BotWorld, bot_world
from tests.editions import edition, entry
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_people import User

_ROOT = Path(__file__).resolve().parents[1]
_ANCHOR = datetime(2026, 2, 10, 0, 50, tzinfo=UTC)
_FIRST_CHAT = 1_000_000
_CONNECTIONS = 32
_DISPATCH = Dispatch(1, Subject.EDITION, _ANCHOR.date(), None, _ANCHOR)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=["pace", "speed", "kill", "answers", []], metavar="PART")
    parser.add_argument("--quick", action="store_true", help="a tenth of the numbers")
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "URL"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        asyncio.run(drain(Path(asked.child[0]), asked.child[1]))
        return
    part = 10 if asked.quick else 1
    parts: dict[str, Callable[[], None]] = {
        "pace": lambda: in_own_process("pace", 20_000 // part),
        "speed": lambda: speed(5_000 // part),
        "kill": lambda: kill(2_000 // part),
        "answers": lambda: answers(100 // part, 20_000 // part),
    }
    for name in asked.parts or parts:
        parts[name]()


def in_own_process(name: str, chats: int) -> None:
    """A part whose loop and memory are its own."""
    command = [sys.executable, "-c", f"from benchmarks.telegram import {name}; {name}({chats})"]
    subprocess.run(command, cwd=_ROOT, check=True, env={**os.environ, "PYTHONPATH": str(_ROOT)})


# ── 20,000 chats in simulated time ───────────────────────────────────────────────────────────────────────────


def pace(chats: int) -> None:
    loop = VirtualLoop()
    count_the_database(loop)
    asyncio.set_event_loop(loop)
    fake = FakeTelegram(clock=loop.time, everyone=True, keep=False)
    began = time.monotonic()

    async def whole() -> float:
        with tempfile.TemporaryDirectory() as folder:
            async with prepared(Path(folder), chats) as engine:
                bot = ExtBot(
                    TOKEN,
                    base_url="http://telegram.invalid/bot",
                    request=InProcess(fake),
                    get_updates_request=InProcess(fake),
                    rate_limiter=Limiter(30, clock=loop.time),
                )
                async with bot:
                    started = loop.time()
                    await outbox(engine, bot, lambda: _ANCHOR + timedelta(seconds=loop.time())).drain()
                    return loop.time() - started

    seconds = loop.run_until_complete(whole())
    rate = fake.sent.total() / seconds
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"pace    {chats} chats in {seconds:.0f} simulated s ({time.monotonic() - began:.0f} s of this machine's)"
    )
    print(f"        {rate:.2f} messages/s, {rate / 30:.1%} of the permitted rate (at least 97 %)")
    print(f"        429s {fake.refused} (none), peak memory {megabytes:.0f} MB (at most 250 MB)")


class InProcess(Request):
    """Asks the fake without a socket between."""

    def __init__(self, fake: FakeTelegram) -> None:
        super().__init__(1)
        self._fake = fake

    def _build_client(self) -> httpx.AsyncClient:
        async def answer(request: httpx.Request) -> httpx.Response:
            token, method = request.url.path.removeprefix("/bot").split("/")

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": request.content}

            scope = {
                "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
                "query_string": b"",
            }
            response = await self._fake.answer({"token": token, "method": method}, scope, receive)
            if response is None:
                raise httpx.ReadError("broken off")
            return httpx.Response(response.status_code, content=bytes(response.body))

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))


# ── 5,000 chats as fast as it goes ───────────────────────────────────────────────────────────────────────────


def speed(chats: int, rounds: int = 3) -> None:
    ours, bare = [], []
    for _ in range(rounds):
        with telegram() as url, tempfile.TemporaryDirectory() as folder:
            asyncio.run(prepare(Path(folder), chats))
            ours.append(chats / asyncio.run(timed(drain(Path(folder), url))))
        with telegram() as url:
            bare.append(chats / asyncio.run(timed(post_all(url, chats))))
    ratio = statistics.median(ours) / statistics.median(bare)
    print(
        f"speed   {chats} chats, {rounds} rounds in turn: {_list(ours)} messages/s; bare httpx {_list(bare)}"
    )
    print(f"        ratio of the medians {ratio:.2f} (at least 0.6)")


async def timed(work: Coroutine[Any, Any, None]) -> float:
    began = time.monotonic()
    await work
    return time.monotonic() - began


async def post_all(url: str, chats: int) -> None:
    """The same requests by httpx alone, over as many connections."""
    message = composing.dispatched(_DISPATCH, _edition(), Choices("zh-CN"))[0].part()
    markup = {"inline_keyboard": [[_button(each) for each in row] for row in message["buttons"]]}
    fields = {"text": message["html"], "parse_mode": "HTML", "reply_markup": json.dumps(markup)}
    fields |= {"disable_notification": "false", "link_preview_options": '{"is_disabled": true}'}
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    places = asyncio.Semaphore(_CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def post(chat: int) -> None:
            async with places:
                body = urlencode({"chat_id": chat, **fields})
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                (
                    await client.post(f"{url}/bot{TOKEN}/sendMessage", content=body, headers=kind)
                ).raise_for_status()

        await asyncio.gather(*(post(_FIRST_CHAT + number) for number in range(chats)))


def _button(stored: dict[str, Any]) -> dict[str, Any]:
    return {"text": stored["text"], "callback_data": stored["data"]}


# ── Killed on the way ────────────────────────────────────────────────────────────────────────────────────────


def kill(chats: int) -> None:
    with telegram() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(prepare(folder, chats))
        point = random.randint(chats // 10, chats * 8 // 10)
        child = subprocess.Popen([sys.executable, __file__, "--child", name, url], cwd=_ROOT)
        while sent(url)["total"] < point and child.poll() is None:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        in_flight = states(folder).get("sending", 0)
        asyncio.run(drain(folder, url))
        after, told = states(folder), sent(url)
        twice = sum(count > 1 for count in told["chats"].values())
        print(f"kill    {chats} chats, SIGKILL after {point} messages, {in_flight} were in flight")
        print(
            f"        after the restart {after}, sum {sum(after.values())} (= {chats}); chats with two: {twice} (none)"
        )
        print(
            f"        unknown {after.get('unknown', 0)} (at most {in_flight}); chats reached {len(told['chats'])}"
        )


def states(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "arxiv-daily.db")) as database:
        return dict(database.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────


def answers(askers: int, audience: int) -> None:
    asyncio.run(_answers(askers, audience))


async def _answers(askers: int, audience: int) -> None:
    """The whole bot and Telegram in one process: what is measured holds Telegram's side too, an upper bound."""
    with tempfile.TemporaryDirectory() as folder:
        async with bot_world(Path(folder), telegram=FakeTelegram(limits=False), telegram_rate=0) as here:
            people = [here.telegram.user(_FIRST_CHAT + number, started=True) for number in range(2 * askers)]
            async with here.running():
                await here.until("SELECT count(*) FROM readings", [(3,)])
                alone = [await _answered(here, [user]) for user in people[askers:]]
                began = time.monotonic()
                await _answered(here, people[:askers])
                together = (time.monotonic() - began) / askers
    print(f"answers /paper of a stored paper, one after another: {_milliseconds(alone)}")
    print(f"        {askers} at once: {together * 1000:.1f} ms for each (at most 50 ms)")
    print(
        f"        a command while a digest goes out to {audience}: {await _during(audience):.2f} s (at most 2 s)"
    )


async def _answered(here: BotWorld, people: list[User]) -> float:
    """Seconds until each of them has the paper's first message."""
    marks = {user.id: here.telegram.sent[user.id] for user in people}
    began = time.monotonic()
    for user in people:
        await user.says("/paper 2602.00002")
    while any(here.telegram.sent[chat] <= count for chat, count in marks.items()):  # noqa: ASYNC110
        await asyncio.sleep(0.0005)
    return time.monotonic() - began


async def _during(audience: int) -> float:
    """Seconds until a command is answered in the middle of a fan-out at 30 messages a second."""
    with tempfile.TemporaryDirectory() as folder:
        async with bot_world(Path(folder), telegram=FakeTelegram(everyone=True)) as here:
            async with open_database(here.settings()):
                _subscribe(here.machine.folder, audience)
            asker = here.telegram.user(7, started=True)
            async with here.running():
                await here.until(
                    "SELECT count(*) >= 60 FROM deliveries WHERE state = 'sent'", [(1,)], seconds=60
                )
                began = time.monotonic()
                await asker.says("/help")
                await asker.chat.waits_for(1)
                return time.monotonic() - began


def _milliseconds(seconds: list[float]) -> str:
    ordered = sorted(each * 1000 for each in seconds)
    return f"median {statistics.median(ordered):.1f} ms, slowest {ordered[-1]:.1f} ms"


# ── What the parts share ─────────────────────────────────────────────────────────────────────────────────────


def _settings(folder: Path, url: str = "") -> Settings:
    given: dict[str, object] = {"data_dir": folder, "telegram_bot_token": TOKEN, "telegram_rate": 0}
    return settings.given(**given, **({"telegram_api_url": url} if url else {}))


@asynccontextmanager
async def prepared(folder: Path, chats: int) -> AsyncIterator[AsyncEngine]:
    """A database with so many subscribers, and an edition that is due to all of them."""
    async with open_database(_settings(folder)) as engine:
        _subscribe(folder, chats)
        await fanout.open_edition(engine, _ANCHOR.date(), _ANCHOR, _ANCHOR)
        yield engine


def _subscribe(folder: Path, chats: int) -> None:
    names = (
        *(
            "channel",
            "address",
            "kind",
            "standing",
            "language",
            "detail",
            "categories",
            "include",
            "exclude",
            "rich",
        ),
        *("zone", "silent", "quiet_line", "made_at", "changed_at"),
    )
    row = ("private", "active", "zh-CN", "abstracts", "[]", "[]", "[]", 0, "Asia/Shanghai", 0, 0)
    moments = ("2026-02-01 00:00:00", "2026-02-01 00:00:00")
    with closing(sqlite3.connect(folder / "arxiv-daily.db")) as database, database:
        database.executemany(
            f"INSERT INTO subscribers ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [("telegram", str(_FIRST_CHAT + number), *row, *moments) for number in range(chats)],
        )


async def prepare(folder: Path, chats: int) -> None:
    async with prepared(folder, chats):
        pass


async def drain(folder: Path, url: str) -> None:
    """Sends all that is due, by the whole path: ledger, limiter (without limits), python-telegram-bot."""
    async with open_database(_settings(folder)) as engine:
        bot = ExtBot(
            TOKEN,
            base_url=f"{url}/bot",
            request=Request(_CONNECTIONS),
            get_updates_request=Request(1),
            rate_limiter=Limiter(None),
        )
        async with bot:
            await outbox(engine, bot, lambda: _ANCHOR).drain()


def outbox(engine: AsyncEngine, bot: ExtBot[LimitArgs], clock: Callable[[], datetime]) -> Outbox:
    outgoing = Outgoing(bot)

    async def contents(*_: object) -> Edition:
        return _edition()

    return Outbox(engine, outgoing, Renderings(engine, outgoing, contents, clock), clock)


def _edition() -> Edition:
    abstract = "我们提出一种方法，在五个公开数据集上把词错误率最多降低 12.5%，代码已经公开。" * 4
    return edition(*(entry(number, abstract=abstract) for number in range(1, 9)))


@contextmanager
def telegram() -> Iterator[str]:
    """Telegram without rates, in a process of its own; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.fakes.telegram", "--port", str(port), "--no-limits"]
    server = subprocess.Popen(command, cwd=_ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                sent(url)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()


def sent(url: str) -> Any:
    """What reached the chats."""
    return httpx.get(f"{url}/_log").json()


def _list(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


if __name__ == "__main__":
    main()
