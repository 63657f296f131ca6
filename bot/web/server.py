"""The web server, in the program's own event loop and without changing signal handlers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from bot.web.connection import Connection
from digest.core.errors import DigestError

_BACKLOG = 100  # connections that asyncio accepts at once, before any of them is refused a place
_LAST_SECONDS = 3  # for requests in progress at shutdown


class WebError(DigestError):
    """The server cannot listen on the address."""


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Serve `app` at that address while the block runs. Raises WebError."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",  # a WebSocket would escape the count of connections
        backlog=_BACKLOG,
        lifespan="off",
        log_level="warning",
        access_log=False,  # paths contain tokens
        server_header=False,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                raise WebError(f"The server cannot listen on {host}:{port}: set WEB_HOST and WEB_PORT.")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves exiting and signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers unchanged."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit`. Returns if the address is in use."""
        with suppress(SystemExit):
            await super().serve(sockets)
