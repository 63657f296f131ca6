"""Serves an ASGI application on loopback, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.certificates import Certificate


@asynccontextmanager
async def serving(app: ASGIApp, certificate: Certificate | None = None) -> AsyncIterator[str]:
    """The address of `app`, such as `http://127.0.0.1:40123`, while it is being served.

    With a `certificate`, which is for localhost, it begins with https.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:  # what comes before the start waits in its queue
        # asyncio sets this by itself only where it made the socket; without it, each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_level="error",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate.certificate if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            host = "https://localhost" if certificate else "http://127.0.0.1"
            yield f"{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
