"""Checks of mail: sending by SMTP, and bounces by IMAP."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from bot.delivery.channel import DeferredError, DeliveryError, EndedError, StruckError, blames_the_address
from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.links import open_links
from bot.mail import connection, mailbox
from bot.mail.channel import letterhead
from bot.mail.connection import Connection, Patience
from bot.settings import Settings

Clock = Callable[[], datetime]


async def smtp(settings: Settings, clock: Clock) -> str:
    """Check that the SMTP server accepts the login and the envelope of a mail. None is sent."""
    links = open_links(settings, clock)
    if settings.smtp_host is None or settings.mail_from is None or links is None:
        raise OffError("SMTP_HOST is not set.")
    relay = Connection(connection.server(settings), Patience())
    sender = letterhead(settings, settings.mail_from, links).return_path(0)
    to = settings.mail_reply_to or settings.mail_from.mailbox
    try:
        await relay.open()
        await relay.offer(sender, to)
    except (EndedError, StruckError, DeferredError) as error:
        raise UnsureError(_unsure(error, str(sender), str(to))) from None
    except DeliveryError as error:
        sentence = f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}"
        raise BrokenError(f"{sentence}; the envelope's sender was {sender}.") from None
    finally:
        await relay.close()
    return f"{settings.smtp_host} accepts mail from {sender} ({settings.smtp_security})"


def _unsure(error: DeliveryError, sender: str, to: str) -> str:
    """Return the sentence about a refused recipient. Only known words tell whose fault it is."""
    answer = error.answer or str(error)
    if blames_the_address(error):
        return f"The server accepts mail from {sender}, but not to {to} ({answer}): replies are lost."
    return (
        f"The server answered “{answer}” to a mail from {sender} to {to}. The cause is unknown:"
        " it may be the sender or the recipient."
    )


async def imap(settings: Settings) -> str:
    """Check that the mailbox of bounces can be opened."""
    account = mailbox.account(settings)
    if account is None:
        raise OffError("IMAP_HOST is not set: bounce reports are read only by `arxiv-daily bounces`.")
    async with mailbox.entered(account) as inbox:
        waiting = await asyncio.to_thread(inbox.unseen)
    return f"{account.host} accepts the login; {len(waiting)} mails are unread"
