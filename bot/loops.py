"""The event loop of a program that has to end in time: it leaves a name server that does not answer behind."""

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import Any


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
