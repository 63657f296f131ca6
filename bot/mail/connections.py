"""Connections to the SMTP server: few, used again and again; who has which, and whose turn it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiolimiter import AsyncLimiter

from bot.channels import CutShortError, DeliveryError, HaltedError, unsent
from bot.mail.connection import Before, Connection, Patience, Server
from bot.mail.message import Envelope
from bot.mail.replies import ClosedError

_log = structlog.get_logger()
_CLOSED = 2  # fresh connections in a row that end before any mail: then it is no accident


class _WornError(ClosedError):
    """The same of a connection that has carried mail before: it says nothing about this one."""


class Pool:
    """At most `width` connections, fewer while the server wants fewer; `rate` mails a second, 0 for any number."""

    def __init__(self, server: Server, width: int, rate: float, patience: Patience) -> None:
        self.width = width
        self._patience = patience
        self._all = [Connection(server, patience) for _ in range(width)]
        self._free = list(self._all)  # the one used last is used next, so that the others may grow idle
        self._retired: list[Connection] = []
        self._usable = asyncio.Semaphore(width)
        self._places = asyncio.Semaphore(2 * width)  # some wait for a connection while others are sent
        self._refusals = 0  # of us: what waits for a connection meanwhile is not sent after them
        self._closed = 0  # fresh connections that ended before any mail, since one carried some
        self._limiter = AsyncLimiter(1, 1 / rate) if rate else None
        self._bulk = asyncio.Lock()
        self._opening = asyncio.Lock()  # so that not all of them try a login that is refused

    async def hand_in(
        self, envelope: Envelope, *, before: Before | None = None, urgent: bool = False
    ) -> None:
        """Hands in one mail; `before` is awaited at the last moment at which nothing of it has gone out.

        An `urgent` one waits behind those that have begun only. Where the server has closed a connection that carried
        mail before, another one carries this mail. Raises DeliveryError, and what `before` raises; CutShortError where
        it is cancelled before anything has gone out, or where the server refuses us while it waits.
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
            async with self._bulk:  # only the foremost of these is in the way of an urgent one
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
        """Raises CutShortError where we were refused since there were so many `refusals`."""
        if self._refusals != refusals:
            raise CutShortError

    def _closing(self, error: ClosedError) -> DeliveryError:
        """What it means that the server has closed a connection that it had just opened."""
        self._closed += 1
        if error.about_us is None and self._closed < _CLOSED:
            return error
        self._refusals += 1
        return HaltedError(error.about_us or f"the SMTP server closes every connection at once ({error}).")

    async def _take(self) -> Connection:
        """A free connection, open."""
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
        """The server takes no more connections than are open."""
        self._retired.append(connection)
        _log.info("fewer_connections", connections=len(self._all) - len(self._retired))

    def _call_back(self) -> None:
        """Now and then one more is tried again."""
        if self._retired:
            self._free.insert(0, self._retired.pop())
            self._usable.release()

    async def tidy(self) -> None:
        """Closes what nobody has used for a while, again and again."""
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
        """Closes all of them."""
        await asyncio.gather(*(each.close() for each in self._all))


@asynccontextmanager
async def open_pool(
    server: Server, width: int, rate: float, patience: Patience | None = None
) -> AsyncIterator[Pool]:
    """A pool of at most `width` connections, of which none is open yet; they are closed at the end."""
    pool = Pool(server, width, rate, patience or Patience())
    tidying = asyncio.create_task(pool.tidy())
    try:
        yield pool
    finally:
        tidying.cancel()
        await pool.close()
