"""The event loop of a program that has to end in time: it leaves a name server that does not answer behind."""

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
    """asyncio's own, but for names.

    asyncio looks them up in the threads of its executor, and waits for these at its end, as Python does: for half a
    minute, where the name server is out of reach. Here nobody waits for a thread whose caller has gone.
    """

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> list[Any]:
        """What `socket.getaddrinfo` gives, or raises."""
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
    """Ends the process after that time, whatever hangs in it then: a thread, a handler that does not let go.

    Nothing is lost by it that a crash would not lose.
    """
    timer = Timer(seconds, _leave)
    timer.daemon = True  # a process that ends before that is not kept for it
    timer.start()


def _leave() -> None:
    _log.warning("left_without_an_end")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
