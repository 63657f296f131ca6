"""The pool of connections to the SMTP server: few, reused, with a queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiolimiter import AsyncLimiter

from bot.delivery.channel import CutShortError, DeliveryError, HaltedError, unsent
from bot.mail.connection import Before, Connection, Patience, Server
from bot.mail.message import Envelope
from bot.mail.replies import ClosedError

_log = structlog.get_logger()
_CLOSED = 2  # fresh connections in a row that end before any mail, so it is no accident


class _WornError(ClosedError):
    """A connection that carried mail before was closed, which says nothing about this mail."""


class Pool:
    """At most `width` connections, fewer if the server allows fewer; `rate` mails a second, 0 for no limit."""

    def __init__(self, server: Server, width: int, rate: float, patience: Patience) -> None:
        self.width = width
        self._patience = patience
        self._all = [Connection(server, patience) for _ in range(width)]
        self._free = list(self._all)  # last in, first out, so that the others become idle
        self._retired: list[Connection] = []
        self._usable = asyncio.Semaphore(width)
        self._places = asyncio.Semaphore(2 * width)  # some wait for a connection while others are sent
        self._refusals = (
            0  # refusals of us as a sender: mail that was waiting for a connection is not sent after one
        )
        self._closed = 0  # fresh connections that ended before any mail since the last success
        self._limiter = AsyncLimiter(1, 1 / rate) if rate else None
        self._bulk = asyncio.Lock()
        self._opening = asyncio.Lock()  # so that only one connection tries a login that is refused

    async def hand_in(
        self, envelope: Envelope, *, before: Before | None = None, urgent: bool = False
    ) -> None:
        """Hand in one mail; `before` is awaited at the last moment when nothing of it has been sent.

        An `urgent` mail waits only for mails in progress. If the server closed a connection that had carried mail,
        another connection is tried. Raises DeliveryError, and whatever `before` raises; CutShortError if it is
        cancelled before anything was sent, or if the server refuses us while it waits.
        """
        refusals = self._refusals
        await self._begin(urgent=urgent)
        try:
            try:
                await self._carry(envelope, before, refusals)
            except _WornError:
                await self._carry(envelope, before, refusals)
        finally:
            self._places.release()

    async def _begin(self, *, urgent: bool) -> None:
        if urgent:
            await self._turn()
        else:
            async with self._bulk:  # only the first of these can delay an urgent mail
                await self._turn()

    async def _turn(self) -> None:
        if self._limiter is not None:
            await self._limiter.acquire()
        await self._places.acquire()

    async def _carry(self, envelope: Envelope, before: Before | None, refusals: int) -> None:
        with unsent():
            connection = await self._take()
        try:
            if before is not None:
                self._check(refusals)
            await connection.hand_in(envelope, before)
            self._closed = 0
        except ClosedError as error:
            raise _WornError(str(error)) if connection.carried else self._closing(error) from None
        except HaltedError:
            self._refusals += 1
            raise
        finally:
            self._give_back(connection)

    def _check(self, refusals: int) -> None:
        """Check that no refusal followed the earlier `refusals`. Raises CutShortError."""
        if self._refusals != refusals:
            raise CutShortError

    def _closing(self, error: ClosedError) -> DeliveryError:
        """Return the error for a fresh connection that the server closed."""
        self._closed += 1
        if error.about_us is None and self._closed < _CLOSED:
            return error
        self._refusals += 1
        return HaltedError(
            error.about_us or f"the SMTP server closes every new connection immediately ({error})."
        )

    async def _take(self) -> Connection:
        """Take a free connection and open it."""
        while True:
            await self._usable.acquire()
            connection = self._free.pop()
            try:
                await self._ready(connection)
            except HaltedError:
                if not any(each.is_open for each in self._all):
                    self._give_back(connection)
                    raise
                self._retire(connection)
            except BaseException:
                self._give_back(connection)
                raise
            else:
                return connection

    async def _ready(self, connection: Connection) -> None:
        if connection.is_open and connection.carried >= self._patience.messages:
            await connection.close()
            self._call_back()
        if not connection.is_open:
            async with self._opening:
                await connection.open()

    def _give_back(self, connection: Connection) -> None:
        connection.used_at = asyncio.get_running_loop().time()
        self._free.append(connection)
        self._usable.release()

    def _retire(self, connection: Connection) -> None:
        """Retire a connection, because the server accepts no more than are open."""
        self._retired.append(connection)
        _log.info("fewer_connections", connections=len(self._all) - len(self._retired))

    def _call_back(self) -> None:
        """Bring a retired connection back to try again."""
        if self._retired:
            self._free.insert(0, self._retired.pop())
            self._usable.release()

    async def tidy(self) -> None:
        """Close idle connections, repeatedly."""
        while True:
            await asyncio.sleep(self._patience.idle_seconds / 2)
            for connection in self._idle():
                if connection in self._free and not self._usable.locked():
                    await self._usable.acquire()
                    self._free.remove(connection)
                    await connection.close()
                    self._free.insert(0, connection)
                    self._usable.release()

    def _idle(self) -> list[Connection]:
        since = asyncio.get_running_loop().time() - self._patience.idle_seconds
        return [each for each in self._free if each.is_open and each.used_at <= since]

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(each.close() for each in self._all))


@asynccontextmanager
async def open_pool(
    server: Server, width: int, rate: float, patience: Patience | None = None
) -> AsyncIterator[Pool]:
    """Open a pool of at most `width` connections, which connect on demand and are closed at the end."""
    pool = Pool(server, width, rate, patience or Patience())
    tidying = asyncio.create_task(pool.tidy())
    try:
        yield pool
    finally:
        tidying.cancel()
        await pool.close()
