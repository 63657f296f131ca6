"""Pushes while Telegram is unreachable or overloaded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.bot.telegram.crowd import broadcast, people, reader, subscribe
from tests.bot.telegram.world import IMPATIENT, BotWorld, bot_world
from tests.bot.world import WEDNESDAY_NOON
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram_faults import Fault, ProxyFails

STATES = "SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state"
STANDINGS = "SELECT DISTINCT standing FROM subscribers"


@dataclass
class Line:
    """A connection to Telegram that can be cut, behind one address."""

    far_end: str
    url: str = ""
    _server: asyncio.Server | None = None
    _pipes: set["asyncio.Task[None]"] = field(default_factory=set)

    async def connect(self) -> None:
        """Open it, under the same address as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", urlsplit(self.url).port or 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """End all connections, and refuse new ones."""
        if self._server is not None:
            self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = urlsplit(self.far_end)
        to_reader, to_writer = await asyncio.open_connection(there.hostname, there.port)
        for pipe in (_pipe(reader, to_writer), _pipe(to_reader, writer)):
            task = asyncio.create_task(pipe)
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()


@asynccontextmanager
async def line(here: BotWorld) -> AsyncIterator[Line]:
    opened = Line(here.telegram.url)
    await opened.connect()
    try:
        yield opened
    finally:
        await opened.cut()


def sends(here: BotWorld, chat: int) -> list[float]:
    """Return the times at which a message to that chat was tried."""
    return [
        call.at
        for call in here.telegram.requests
        if call.method.startswith("send") and call.parameters.get("chat_id") == chat
    ]


async def test_what_cannot_be_sent_while_telegram_is_out_of_reach_goes_out_afterwards(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here, line(here) as wire:
        chats = people(here, 3)
        await subscribe(here, *map(reader, chats))
        async with here.running(telegram_api_url=wire.url):
            await wire.cut()
            await broadcast(here, "Hello.")
            await here.until("SELECT state, tries, count(*) FROM deliveries GROUP BY 1, 2", [("due", 1, 3)])
            await wire.connect()
            here.clock.forward(minutes=1)
            await here.until(STATES, [("sent", 3)])
        assert [len(here.telegram.chats[chat].shown) for chat in chats] == [1, 1, 1]


@pytest.mark.parametrize("fault", [ProxyFails(403), ProxyFails(404), ProxyFails(413), ProxyFails(503)])
async def test_what_a_server_in_between_says_ends_no_subscription(tmp_path: Path, fault: Fault) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat))
        here.telegram.fail(fault, method="sendMessage", chat_id=chat)
        async with here.running():
            await broadcast(here, "Hello.")
            await here.until("SELECT state, tries FROM deliveries", [("due", 1)])
            here.clock.forward(minutes=1)
            await here.until(STATES, [("sent", 1)])
        assert here.rows(STANDINGS) == [("active",)]


@pytest.mark.parametrize("fault", [faults.garbage(), faults.reset(), faults.hang()])
async def test_a_send_without_a_sound_answer_is_unknown_and_holds_no_other(
    tmp_path: Path, fault: Fault
) -> None:
    async with bot_world(tmp_path, papers=0, rhythm=IMPATIENT) as here:
        chats = people(here, 5)
        await subscribe(here, *map(reader, chats))
        here.telegram.fail(fault, method="sendMessage", chat_id=chats[0])
        async with here.running():
            await broadcast(here, "Hello.")
            await here.until(STATES, [("sent", 4), ("unknown", 1)])
            here.clock.forward(hours=5)
            await broadcast(here, "Again.")
            await here.until(STATES, [("sent", 9), ("unknown", 1)])
        assert len(sends(here, chats[0])) == 2  # the second is the second broadcast


async def test_a_group_that_is_flooded_waits_alone(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        group = here.telegram.group(-500)
        chats = people(here, 4)
        await subscribe(here, reader(group.id), *map(reader, chats))
        here.telegram.fail(faults.status(429, retry_after=2), method="sendMessage", chat_id=group.id)
        async with here.running():
            await broadcast(here, "Hello.")
            await here.until(STATES, [("sent", 5)])
        refused, taken = sends(here, group.id)
        assert taken - refused >= 2
        assert all(sends(here, chat)[0] < taken for chat in chats)


async def test_floods_in_several_chats_are_theirs_alone_however_long(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        chats = people(here, 12)
        await subscribe(here, *map(reader, chats))
        for chat, seconds in zip(chats[:4], (43_838, 600, 3600, 43_838), strict=True):
            here.telegram.fail(
                faults.status(429, retry_after=seconds), method="sendMessage", chat_id=chat, times=9
            )
        other = here.telegram.user(9009)
        async with here.running():
            await broadcast(here, "Hello.")
            await here.until(STATES, [("due", 4), ("sent", 8)])
            await other.says("/help")
            await other.chat.waits_for(1)
        assert {len(sends(here, chat)) for chat in chats} == {1}
        (soonest,) = here.rows("SELECT min(next_at) FROM deliveries WHERE state = 'due'")
        assert datetime.fromisoformat(soonest[0]).replace(tzinfo=UTC) >= WEDNESDAY_NOON + timedelta(minutes=9)
        assert here.rows("SELECT DISTINCT tries FROM deliveries") == [(0,)]
