"""Responses that no service should give: one that decompresses to far more than arrives, and one that never ends."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

Answer = Callable[[Request], Awaitable[Response]]


async def bomb(_: Request) -> Response:
    """Return 50 KB of gzip that hold 50 MB of JSON."""
    return Response(_bomb(), headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


@cache
def _bomb() -> bytes:
    return gzip.compress(b'{"access_token": "' + b" " * 50_000_000 + b'"}')


async def drip(_: Request) -> Response:
    """Send a byte now and then, without an end."""
    return StreamingResponse(_drops(), media_type="application/json")


async def _drops() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.02)
