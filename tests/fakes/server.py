"""Serves an ASGI application on loopback, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.authority import Authority


@asynccontextmanager
async def serving(app: ASGIApp, authority: Authority | None = None) -> AsyncIterator[str]:
    """The address of `app`, such as `http://127.0.0.1:40123`, while it is being served; https by an `authority`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # what comes before the start waits in its queue
        # asyncio sets this by itself only where it made the socket; without it, each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_level="error",
            timeout_graceful_shutdown=1,
            ssl_certfile=authority.certificate if authority else None,
            ssl_keyfile=authority.key if authority else None,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"{'https' if authority else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
