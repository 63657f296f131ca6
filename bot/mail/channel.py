"""The mail channel: newsletters and transactional mail over the same few connections, pooled with a queue.

`Pool` decides which mail goes next and over which connection. An urgent mail waits only for mails in progress. A
connection is opened on demand, closed when idle or after its share of mails, and retired for a while if the server
accepts no more at once. One that the server closes after it carried mail says nothing about the mail, which gets
another connection; two fresh ones in a row that end before any mail mean that the server refuses us.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import structlog
from aiolimiter import AsyncLimiter

from bot.core.mailboxes import Mailbox, Sender
from bot.core.models import Campaign, Delivery, Part, Preferences
from bot.delivery.channel import CutShortError, DeliveryError, HaltedError, unsent
from bot.links import Links
from bot.mail import composing, message, return_path, smtp
from bot.mail.message import Envelope, Letterhead, Signer
from bot.mail.smtp import Before, ClosedError, Connection, Server, SmtpTimeouts
from bot.settings import Settings
from digest.core.models import Edition

_log = structlog.get_logger()
_CLOSED = 2  # fresh connections in a row that end before any mail, so it is no accident


class _WornError(ClosedError):
    """A connection that carried mail before was closed, which says nothing about this mail."""


class Pool:
    """At most `width` connections, fewer if the server allows fewer; `rate` mails a second, 0 for no limit."""

    def __init__(self, server: Server, width: int, rate: float, patience: SmtpTimeouts) -> None:
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
    server: Server, width: int, rate: float, patience: SmtpTimeouts | None = None
) -> AsyncIterator[Pool]:
    """Open a pool of at most `width` connections, which connect on demand and are closed at the end."""
    pool = Pool(server, width, rate, patience or SmtpTimeouts())
    tidying = asyncio.create_task(pool.tidy())
    try:
        yield pool
    finally:
        tidying.cancel()
        await pool.close()


_AT_ONCE = 8  # deliveries per connection: few are being sent, the others are looked up, marked or wait


class Mail:
    """The channel "mail"."""

    name = "mail"
    repeats_unknown = True  # under the same Message-ID, so that mail programs recognize the duplicate

    def __init__(
        self, pool: Pool, head: Letterhead, clock: Callable[[], datetime], signer: Signer | None = None
    ) -> None:
        self._pool = pool
        self._head = head
        self._clock = clock
        self._signer = signer

    @property
    def width(self) -> int:
        """The number of deliveries that the outbox of this channel processes at once."""
        return self._pool.width * _AT_ONCE

    def compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences
    ) -> tuple[Part, ...]:
        """Compose the single mail of a campaign for subscribers with these `preferences`."""
        return composing.compose(campaign, edition, preferences, self._head.links)

    async def send(
        self,
        delivery: Delivery,
        part: Part,
        *,
        first: bool,  # noqa: ARG002 - a mail is always one
        before: Callable[[], Awaitable[None]],
    ) -> None:
        """Hand in one newsletter mail. Raises DeliveryError, and whatever `before` raises."""
        subscriber = delivery.subscriber
        envelope = message.build(
            part,
            self._head,
            to=Mailbox.of(subscriber.address),
            subscriber=subscriber.id,
            delivery=delivery.id,
            at=self._clock(),
        )
        await self._pool.hand_in(await self._signed(envelope), before=before)

    async def post(self, part: Part, *, to: Mailbox, number: int) -> None:
        """Hand in the transactional mail `number`, before bulk mail. Raises DeliveryError."""
        envelope = message.build_letter(part, self._head, to=to, number=number, at=self._clock())
        await self._pool.hand_in(await self._signed(envelope), urgent=True)

    async def notify(self, part: Part, *, to: Mailbox, name: str) -> None:
        """Hand in a mail to the operator; `name` identifies it. Raises DeliveryError."""
        envelope = message.build_notice(part, self._head, to=to, name=name, at=self._clock())
        await self._pool.hand_in(await self._signed(envelope), urgent=True)

    async def _signed(self, envelope: Envelope) -> Envelope:
        if self._signer is None:
            return envelope
        return replace(envelope, content=await self._signer.signed(envelope.content))


def letterhead(settings: Settings, sender: Sender, links: Links) -> Letterhead:
    """Return what all mails from `sender` share, by the settings."""
    fixed = return_path.fixed_sender(settings)
    return Letterhead(sender, links, settings.mail_reply_to, settings.mail_bounces, fixed)


@asynccontextmanager
async def open_mail(
    settings: Settings, links: Links, clock: Callable[[], datetime], patience: SmtpTimeouts | None = None
) -> AsyncIterator[Mail]:
    """Open the channel by the settings, which include SMTP_HOST. Raises DigestError if the DKIM key is unusable."""
    sender = settings.mail_from
    if sender is None:
        raise AssertionError("MAIL_FROM is set where SMTP_HOST is")
    signer = None
    if settings.dkim_key_file is not None and settings.dkim_selector is not None:
        signer = message.load_signer(settings.dkim_key_file, settings.dkim_selector, sender.mailbox.domain)
    head = letterhead(settings, sender, links)
    server = smtp.server(settings)
    async with open_pool(server, settings.mail_connections, settings.mail_rate, patience) as pool:
        yield Mail(pool, head, clock, signer)
