"""A connection to the web part: how long it may keep a place without asking for anything, and how many there are.

Uvicorn hurries only the pause between two requests, takes as many connections as the machine has descriptors for, and
waits without an end for a client to read. Here whoever only holds a place loses it: after some seconds, and at once to
a newcomer where all places are taken. So no number of idle connections shuts others out, behind a proxy (where all come
from one address) or not.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.web.pages import network

PLACES = 500
"""Connections at once: about half of the 1,024 descriptors that a process usually has."""
_ASKING_SECONDS = 10.0  # from its first byte to the last of its headers
_READING_SECONDS = 20.0  # for a client to take what the buffers hold: 64 KB


class Connection(H11Protocol):
    """Hung up on where a request does not arrive, or its answer is not read, in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asking: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self.is_ended = False
        self.waits_since = self.loop.time()
        self.network = ""

    @property
    def only_holds_a_place(self) -> bool:
        """Whether nothing is being done for it: it asks for nothing yet, is still asking, or does not read."""
        # Before the first request there is no cycle, whatever uvicorn's type says.
        is_answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]
        return is_answered or self.cycle.more_body or self.flow.write_paused

    def end(self) -> None:
        """Hangs up, whatever was still to be said."""
        self.is_ended = True
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Gives it a place: one that is free, or that another only holds."""
        super().connection_made(transport)
        self.network = network(self.client[0]) if self.client else ""
        self._hurry()
        present = [each for each in self.connections if isinstance(each, Connection) and not each.is_ended]
        if len(present) > PLACES:
            (_to_go(each for each in present if each is not self) or self).end()

    def data_received(self, data: bytes) -> None:
        """Some of a request; trickling makes it no later."""
        super().data_received(data)
        if self._is_at_work():
            self._rest()
        elif self._asking is None:
            self._hurry()

    def on_response_complete(self) -> None:
        """The answer is written; it may still have to be read."""
        self.waits_since = self.loop.time()
        self._have_read()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read as fast as the answer is written."""
        super().pause_writing()
        self._have_read()

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._have_read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
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
        """Ends it after some time unless the client has read by then what waits for it now."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self.loop.call_later(_READING_SECONDS, self._end_unread)

    def _end_unread(self) -> None:
        is_unread = not self._is_at_work() and self.transport.get_write_buffer_size() > 0
        if is_unread or self.flow.write_paused or self.transport.is_closing():
            self.end()


def _to_go(present: Iterable[Connection]) -> Connection | None:
    """Who makes room: of those from where the most come, the one that has only held its place for the longest. Pure."""
    found = [*present]
    many = Counter(each.network for each in found)
    idle = [each for each in found if each.only_holds_a_place]
    return min(idle, key=lambda each: (-many[each.network], each.waits_since), default=None)
