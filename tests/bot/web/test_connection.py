"""Connections that ask for nothing, and more of them than there are places."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.responses import Response

from bot.web import connection
from bot.web.server import listening

WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def door() -> AsyncIterator[int]:
    """The port of a site that answers whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with listening(Response("here"), "127.0.0.1", port):
        yield port


async def call(port: int, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


async def is_hung_up(reader: asyncio.StreamReader) -> bool:
    """Whether the other side ends it before long."""
    try:
        async with asyncio.timeout(5):
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
    monkeypatch.setattr(connection, "_ASKING_SECONDS", 0.2)
    async with door() as port:
        reader, writer = await call(port, earlier)
        if earlier:
            assert await reader.readuntil(b"here")
        writer.write(begun)
        assert await is_hung_up(reader)
        writer.close()


async def test_who_says_nothing_at_all_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_ASKING_SECONDS", 0.2)
    async with door() as port:
        reader, writer = await call(port)
        assert await is_hung_up(reader)
        writer.close()


async def test_trickling_gains_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_ASKING_SECONDS", 0.2)
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


async def test_beyond_the_places_nobody_is_let_in_until_one_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PLACES", 3)
    async with door() as port:
        inside = [await call(port, WHOLE) for _ in range(3)]
        for reader, _ in inside:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        reader, outside = await call(port)
        assert await is_hung_up(reader)
        outside.close()
        inside[0][1].close()
        await inside[0][1].wait_closed()
        await asyncio.sleep(0.05)
        reader, again = await call(port, WHOLE)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        for writer in (again, *(each for _, each in inside[1:])):
            writer.close()
