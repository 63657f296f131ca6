"""Tests of responses that decompress to more than their stated size, from every service that is called over HTTP."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from telegram.error import NetworkError

from bot.telegram.http import Request as TelegramRequest
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.core.body_limit import BodyLimit
from digest.core.errors import TooLargeError
from digest.llm.endpoint import EndpointClient, exchange
from digest.llm.errors import CallError, CallOutcome
from tests.fakes.server import serving

NOW = datetime(2026, 2, 9, tzinfo=UTC)
MEGABYTE = 1024**2
BOMB_MEGABYTES = 128


def bomb() -> bytes:
    """Return an eighth of a megabyte that decompresses to `BOMB_MEGABYTES`."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    pieces = [packer.compress(bytes(MEGABYTE)) for _ in range(BOMB_MEGABYTES)]
    return b"".join([*pieces, packer.flush()])


@pytest.fixture(scope="module")
def packed() -> bytes:
    return bomb()


@asynccontextmanager
async def far_end(
    body: bytes, *, status: int = 200, kind: str = "application/json", coding: str = "gzip"
) -> AsyncIterator[str]:
    """A server that answers every request with `body`, whatever coding was asked for."""

    async def answer(_: Request) -> Response:
        return Response(body, status, {"Content-Encoding": coding}, kind)

    async with serving(Router([Route("/{path:path}", answer, methods=["GET", "POST"])])) as url:
        yield url


@asynccontextmanager
async def at_most(megabytes: int) -> AsyncIterator[None]:
    """Assert that the block takes no more memory than that, here and in the server beside it."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE


async def ask_model(url: str, hear: Callable[[str], None] | None) -> bytes:
    async with EndpointClient("sk-fake", url) as client:
        return await exchange(client, {"model": "m", "messages": []}, 20, NOW, hear)


@pytest.mark.parametrize("hear", [None, lambda _: None], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("status", [200, 400, 503])
async def test_a_model_that_sends_a_bomb_is_read_up_to_the_limit(
    packed: bytes, hear: Callable[[str], None] | None, kind: str, status: int
) -> None:
    async with far_end(packed, status=status, kind=kind) as url, at_most(32):
        with pytest.raises(CallError) as caught:
            await ask_model(url, hear)
    assert caught.value.outcome is CallOutcome.TOO_LARGE


async def test_arxiv_is_read_up_to_the_limit_of_what_was_asked_for(packed: bytes, tmp_path: Path) -> None:
    async with far_end(packed, kind="text/html") as url, open_client(None, FetchPolicy()) as client:
        arxiv_client = ArxivClient(client, interval=0, patience=FetchPolicy(attempts=1))
        async with at_most(32):
            with pytest.raises(TooLargeError):
                await arxiv_client.fetch(f"{url}/html/1", accept="text/html", limit_bytes=MEGABYTE)
            with pytest.raises(TooLargeError):
                await arxiv_client.download(
                    f"{url}/pdf/1", tmp_path / "pdf", accept="*/*", limit_bytes=MEGABYTE
                )


async def test_telegram_is_read_up_to_the_limit(packed: bytes) -> None:
    request = TelegramRequest()
    async with far_end(packed) as url, request, at_most(96):
        with pytest.raises(NetworkError):
            await request.do_request(f"{url}/bot1:a/getMe", "POST")


@asynccontextmanager
async def client(limit_bytes: int = MEGABYTE) -> AsyncIterator[httpx.AsyncClient]:
    def too_large() -> Exception:
        return OverflowError()

    async with httpx.AsyncClient(
        timeout=300, event_hooks={"response": [BodyLimit(limit_bytes, too_large)]}
    ) as made:
        yield made


def _deflated(body: bytes, window_bits: int) -> bytes:
    packer = zlib.compressobj(wbits=window_bits)
    return packer.compress(body) + packer.flush()


BODY = bytes(range(256)) * 3000


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY) + b"what follows is no part of it"),
        ("deflate", _deflated(BODY, zlib.MAX_WBITS)),
        ("deflate", _deflated(BODY, -zlib.MAX_WBITS)),
        ("identity", BODY),
    ],
)
async def test_what_is_packed_as_it_says_comes_whole(coding: str, sent: bytes) -> None:
    async with far_end(sent, coding=coding) as url, client() as asking:
        assert (await asking.get(url)).content == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_is_not_packed_as_it_says_is_a_fault_of_the_client(coding: str) -> None:
    async with far_end(b"\xff not packed", coding=coding) as url, client() as asking:
        with pytest.raises(httpx.DecodingError):
            await asking.get(url)


async def test_what_is_packed_twice_or_otherwise_is_not_unpacked() -> None:
    twice = gzip.compress(gzip.compress(BODY))
    async with far_end(twice, coding="gzip, gzip") as url, client() as asking:
        assert (await asking.get(url)).content == twice


async def test_exactly_the_limit_is_taken() -> None:
    async with far_end(gzip.compress(BODY)) as url, client(len(BODY)) as asking:
        assert (await asking.get(url)).content == BODY
    async with far_end(gzip.compress(BODY)) as url, client(len(BODY) - 1) as asking:
        with pytest.raises(OverflowError):
            await asking.get(url)


async def test_what_unpacks_to_nothing_without_an_end_is_given_up() -> None:
    async def name_of_a_file() -> AsyncIterator[bytes]:
        yield b"\x1f\x8b\x08\x08" + bytes(6)  # RFC 1952 §2.3.1: a name follows, up to a zero byte
        while True:
            yield b"a" * 65_536
            await asyncio.sleep(0)

    async def answer(_: Request) -> Response:
        return StreamingResponse(name_of_a_file(), headers={"Content-Encoding": "gzip"})

    async with serving(Router([Route("/", answer)])) as url, client() as asking:
        with pytest.raises(OverflowError):
            await asking.get(url)
