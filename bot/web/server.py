"""Serves the web part in the program's own loop, and leaves the process's signals alone."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from bot.web.connection import Connection
from digest.errors import DigestError

_BACKLOG = 100  # connections that asyncio takes at one go, before any of them learns that there is no place
_LAST_SECONDS = 3  # for requests that are under way at the end


class WebError(DigestError):
    """The address cannot be listened on."""


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Serves `app` at that address while the block runs. Raises WebError."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",  # which would leave the connections that are counted
        backlog=_BACKLOG,
        lifespan="off",
        log_level="warning",
        access_log=False,  # tokens stand in paths
        server_header=False,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                raise WebError(f"{host}:{port} cannot be listened on: set WEB_HOST and WEB_PORT.")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    """Uvicorn ends the process where it cannot listen, and takes its signals; both are for the program to decide."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until `should_exit`; returns where the address is taken."""
        with suppress(SystemExit):
            await super().serve(sockets)
