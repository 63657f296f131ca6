"""Tests of connections that send no request, and of more connections than there are slots."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web import app as web_app
from bot.web.app import listening

_HERE = Response("here")
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def door(app: ASGIApp = _HERE) -> AsyncIterator[int]:
    """The port of a site that answers every request."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with listening(app, "127.0.0.1", port):
        yield port


async def call(port: int, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


async def is_hung_up(reader: asyncio.StreamReader) -> bool:
    """Return whether the other side closes it before long."""
    try:
        async with asyncio.timeout(300):
            while await reader.read(1000):
                pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("earlier", [b"", WHOLE])
@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_request_whose_headers_do_not_come_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, earlier: bytes, begun: bytes
) -> None:
    monkeypatch.setattr(web_app, "_ASKING_SECONDS", 0.2)
    async with door() as port:
        reader, writer = await call(port, earlier)
        if earlier:
            assert await reader.readuntil(b"here")
        writer.write(begun)
        assert await is_hung_up(reader)
        writer.close()


async def test_who_says_nothing_at_all_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "_ASKING_SECONDS", 0.2)
    async with door() as port:
        reader, writer = await call(port)
        assert await is_hung_up(reader)
        writer.close()


async def test_trickling_gains_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "_ASKING_SECONDS", 0.2)
    async with door() as port:
        reader, writer = await call(port, b"GET / HTTP/1.1\r\n")

        async def trickle() -> None:
            while True:
                writer.write(b"X: x\r\n")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        try:
            assert await is_hung_up(reader)
        finally:
            trickling.cancel()
            writer.close()


async def test_where_all_places_are_taken_who_only_holds_one_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_app, "PLACES", 3)
    async with door() as port:
        silent = await call(port)
        asking = await call(port, b"GET / HTTP/1.1\r\n")
        answered = await call(port, WHOLE)
        assert await answered[0].readuntil(b"here")
        new = [await call(port, WHOLE) for _ in range(3)]
        for reader, _ in new:
            assert await reader.readuntil(b"here")
        for reader, _ in (silent, asking, answered):
            assert await is_hung_up(reader)
        for _, writer in (silent, asking, answered, *new):
            writer.close()


async def test_any_number_that_say_nothing_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "PLACES", 50)
    async with door() as port:
        idle = [await call(port, said) for said in (b"", b"G", b"POST / HTTP/1.1\r\nHost: x\r\n") * 50]
        for _ in range(5):
            idle.append(await call(port, WHOLE))
            assert await idle[-1][0].readuntil(b"here")
            idle += [await call(port) for _ in range(20)]
        for _, writer in idle:
            writer.close()


async def test_a_body_that_does_not_come_makes_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "PLACES", 2)
    begun = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
    async with door(_read_whole) as port:
        slow = [await call(port, begun) for _ in range(2)]
        reader, writer = await call(port, WHOLE)
        assert await reader.readuntil(b"here")
        assert await is_hung_up(slow[0][0])
        for _, each in slow:
            each.close()
        writer.close()


async def test_who_is_being_answered_keeps_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "PLACES", 2)
    working, done = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        working.release()
        await done.wait()
        await Response("here")(scope, receive, send)

    async with door(slow) as port:
        inside = [await call(port, WHOLE) for _ in range(2)]
        for _ in inside:
            await working.acquire()
        reader, outside = await call(port, WHOLE)
        assert await is_hung_up(reader)
        done.set()
        for reader, writer in inside:
            assert await reader.readuntil(b"here")
            writer.close()
        outside.close()


@pytest.mark.parametrize("head", [b"HTTP/1.1", b"HTTP/1.0"])  # one kept alive, and one closed
async def test_who_does_not_read_the_answer_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(web_app, "_READING_SECONDS", 0.2)
    lost = asyncio.Event()
    monkeypatch.setattr(web_app.BoundedConnection, "connection_lost", _telling(lost))
    async with door(Response(b"x" * 20_000_000)) as port:
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(b"GET / " + head + b"\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(300):
                await lost.wait()


async def test_who_reads_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "_READING_SECONDS", 5)
    async with door(Response(b"x" * 2_000_000)) as port:
        reader, writer = await call(port, WHOLE)
        size = 0
        while size < 2_000_000 and (some := await reader.read(20_000)):
            size += len(some)
        assert size >= 2_000_000
        writer.close()


async def test_an_upgrade_to_a_websocket_is_answered_as_any_request() -> None:
    asked = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with door() as port:
        reader, writer = await call(port, asked)
        assert await reader.readuntil(b"here")
        writer.close()


async def _read_whole(scope: Scope, receive: Receive, send: Send) -> None:
    await Request(scope, receive).body()
    await Response("here")(scope, receive, send)


def _telling(lost: asyncio.Event) -> Callable[[web_app.BoundedConnection, Exception | None], None]:
    ended = web_app.BoundedConnection.connection_lost

    def connection_lost(self: web_app.BoundedConnection, exc: Exception | None) -> None:
        ended(self, exc)
        lost.set()

    return connection_lost
