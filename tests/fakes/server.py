"""A server for an ASGI application on loopback, in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from tests.certificates import Certificate

_LAST_SECONDS = 1  # for requests in progress at the end


@asynccontextmanager
async def serving(app: ASGIApp, certificate: Certificate | None = None) -> AsyncIterator[str]:
    """The address of `app`, such as `http://127.0.0.1:40123`, while it is being served.

    With a `certificate`, which is for localhost, the address begins with https.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="error",
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    config.load()
    # uvicorn.Server would poll every 0.1 s whether it should exit, and sleep once more before it does.
    state = ServerState()
    state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
    listener = await asyncio.get_running_loop().create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
        "127.0.0.1",
        0,
        ssl=config.ssl,
    )
    try:
        host = "https://localhost" if certificate else "http://127.0.0.1"
        yield f"{host}:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        await _closed(state)


async def _closed(state: ServerState) -> None:
    """Let requests in progress end, for a moment; then no task and no connection is left."""
    for connection in tuple(state.connections):
        connection.shutdown()
    if state.tasks:
        _, late = await asyncio.wait(tuple(state.tasks), timeout=_LAST_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    for connection in tuple(state.connections):
        connection.transport.abort()
    while state.connections:  # noqa: ASYNC110 - they hear of it within the loop's next turns
        await asyncio.sleep(0)
