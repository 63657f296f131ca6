"""A connection to the web part: how long it may keep a place without asking for anything, and how many there are.

Uvicorn hurries only the pause between two requests, and takes as many connections as the machine has descriptors for.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

PLACES = 500
"""Connections at once: about half of the 1,024 descriptors that a process usually has."""
_ASKING_SECONDS = 10.0  # from its first byte to the last of its headers


class Connection(H11Protocol):
    """Hung up on where a request does not arrive in time, and at once where all places are taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Gives it a place, if there is one."""
        super().connection_made(transport)
        if len(self.connections) > PLACES:
            transport.abort()
        else:
            self._hurry()

    def data_received(self, data: bytes) -> None:
        """Some of a request; trickling makes it no later."""
        super().data_received(data)
        if self._is_at_work():
            self._rest()
        elif self._deadline is None:
            self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._rest()
        super().connection_lost(exc)

    def _is_at_work(self) -> bool:
        # Before the first request there is none, whatever uvicorn's type says.
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _hurry(self) -> None:
        self._deadline = self.loop.call_later(_ASKING_SECONDS, self.transport.abort)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
