"""The mail channel: newsletters and transactional mail over the same few connections."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from bot.core.mailboxes import Mailbox, Sender
from bot.core.models import Choices, Delivery, Dispatch, Part
from bot.links import Links
from bot.mail import composing, connection, connections, dkim, envelope_sender, message
from bot.mail.connection import Patience
from bot.mail.connections import Pool
from bot.mail.dkim import Signer
from bot.mail.message import Envelope, Letterhead
from bot.settings import Settings
from digest.core.models import Edition

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

    def compose(self, dispatch: Dispatch, edition: Edition | None, choices: Choices) -> tuple[Part, ...]:
        """Compose the single mail of a campaign for subscribers with these `choices`."""
        return composing.compose(dispatch, edition, choices, self._head.links)

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
    fixed = envelope_sender.fixed(settings)
    return Letterhead(sender, links, settings.mail_reply_to, settings.mail_bounces, fixed)


@asynccontextmanager
async def open_mail(
    settings: Settings, links: Links, clock: Callable[[], datetime], patience: Patience | None = None
) -> AsyncIterator[Mail]:
    """Open the channel by the settings, which include SMTP_HOST. Raises DigestError if the DKIM key is unusable."""
    sender = settings.mail_from
    if sender is None:
        raise AssertionError("MAIL_FROM is set where SMTP_HOST is")
    signer = None
    if settings.dkim_key_file is not None and settings.dkim_selector is not None:
        signer = dkim.load(settings.dkim_key_file, settings.dkim_selector, sender.mailbox.domain)
    head = letterhead(settings, sender, links)
    server = connection.server(settings)
    async with connections.open_pool(server, settings.mail_connections, settings.mail_rate, patience) as pool:
        yield Mail(pool, head, clock, signer)
