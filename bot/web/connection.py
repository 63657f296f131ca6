"""A connection to the web server, with time limits for idle clients and a limit of connections.

Uvicorn limits only the pause between two requests, accepts as many connections as there are descriptors, and waits
forever for a client to read. Here an idle connection loses its place: after some seconds, and at once to a new one if
all places are taken. So idle connections cannot shut others out, whether or not all come from the address of a proxy.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.web.pages import network

PLACES = 500
"""Simultaneous connections: about half of the 1,024 descriptors that a process usually has."""
_ASKING_SECONDS = 10.0  # from the first byte of a request to the last of its headers
_READING_SECONDS = 20.0  # for a client to read what the buffers hold: 64 KB


class Connection(H11Protocol):
    """A connection that is closed if a request does not arrive, or its answer is not read, in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asking: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self.is_ended = False
        self.waits_since = self.loop.time()
        self.network = ""

    @property
    def only_holds_a_place(self) -> bool:
        """Return whether no work is done for the connection: it is idle, still sending its request, or not reading."""
        # Before the first request there is no cycle, whatever uvicorn's type says.
        is_answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]
        return is_answered or self.cycle.more_body or self.flow.write_paused

    def end(self) -> None:
        """Close the connection immediately, discarding unsent data."""
        self.is_ended = True
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Accept the connection if there is a free place, or one whose connection is idle."""
        super().connection_made(transport)
        self.network = network(self.client[0]) if self.client else ""
        self._hurry()
        present = [each for each in self.connections if isinstance(each, Connection) and not each.is_ended]
        if len(present) > PLACES:
            (_to_go(each for each in present if each is not self) or self).end()

    def data_received(self, data: bytes) -> None:
        """Receive part of a request. Slow sending does not extend the deadline."""
        super().data_received(data)
        if self._is_at_work():
            self._rest()
        elif self._asking is None:
            self._hurry()

    def on_response_complete(self) -> None:
        """Start the deadline for reading the answer, which is completely written."""
        self.waits_since = self.loop.time()
        self._have_read()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the deadline for reading, because the client reads too slowly."""
        super().pause_writing()
        self._have_read()

    def resume_writing(self) -> None:
        """Restart the deadline for reading, because the client has caught up."""
        super().resume_writing()
        self._have_read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines."""
        self.is_ended = True
        self._rest()
        if self._reading is not None:
            self._reading.cancel()
        super().connection_lost(exc)

    def _is_at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _hurry(self) -> None:
        self._asking = self.loop.call_later(_ASKING_SECONDS, self.end)

    def _rest(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _have_read(self) -> None:
        """End the connection after some time, unless the client has read by then what is waiting now."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self.loop.call_later(_READING_SECONDS, self._end_unread)

    def _end_unread(self) -> None:
        is_unread = not self._is_at_work() and self.transport.get_write_buffer_size() > 0
        if is_unread or self.flow.write_paused or self.transport.is_closing():
            self.end()


def _to_go(present: Iterable[Connection]) -> Connection | None:
    """Choose the connection to close: of the network with the most connections, the one idle for the longest. Pure."""
    found = [*present]
    many = Counter(each.network for each in found)
    idle = [each for each in found if each.only_holds_a_place]
    return min(idle, key=lambda each: (-many[each.network], each.waits_since), default=None)
