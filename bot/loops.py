"""The event loop of a program that must end in time, even if a name server does not answer."""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from threading import Thread, Timer
from typing import Any

import structlog

_log = structlog.get_logger()


class Loop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, with its own name lookups.

    asyncio looks up names in the threads of its executor and waits for these at its end, as Python does: for half a
    minute if the name server is unreachable. Here nobody waits for a thread whose caller is gone.
    """

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> list[Any]:
        """Return or raise what `socket.getaddrinfo` does."""
        answer: asyncio.Future[list[Any]] = self.create_future()

        def look() -> None:
            try:
                found = socket.getaddrinfo(host, port, **hints)
            except Exception as error:  # noqa: BLE001 - whoever asked has to hear of it
                self._tell(answer, error)
            else:
                self._tell(answer, found)

        Thread(target=look, name="getaddrinfo", daemon=True).start()
        return await answer

    def _tell(self, answer: "asyncio.Future[list[Any]]", said: list[Any] | Exception) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self.call_soon_threadsafe(_settle, answer, said)


def _settle(answer: "asyncio.Future[list[Any]]", said: list[Any] | Exception) -> None:
    if answer.done():
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)


def leave_within(seconds: float) -> None:
    """End the process after that time, whatever hangs in it: a thread or a handler that does not return.

    This loses nothing that a crash would not lose.
    """
    timer = Timer(seconds, _leave)
    timer.daemon = True  # it does not keep a process alive that ends earlier
    timer.start()


def _leave() -> None:
    _log.warning("left_without_an_end")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
