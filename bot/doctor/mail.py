"""The way of mail: handed in by SMTP, and what comes back by IMAP."""

import asyncio

from bot.channels import DeliveryError
from bot.doctor.findings import BrokenError, OffError
from bot.mail import connection, mailbox
from bot.mail.connection import Connection, Patience
from bot.settings import Settings


async def smtp(settings: Settings) -> str:
    """The SMTP server lets us in as SMTP_SECURITY asks for, and takes mail from the sender; none is sent."""
    if settings.smtp_host is None or settings.mail_from is None:
        raise OffError("SMTP_HOST is not set.")
    relay = Connection(connection.server(settings), Patience())
    sender = settings.mail_bounces or settings.mail_from.mailbox
    try:
        await relay.open()
        await relay.offer(sender)
    except DeliveryError as error:
        raise BrokenError(f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}.") from None
    finally:
        await relay.close()
    return f"{settings.smtp_host} takes mail from {sender} ({settings.smtp_security})"


async def imap(settings: Settings) -> str:
    """The mailbox of what comes back can be entered."""
    account = mailbox.account(settings)
    if account is None:
        raise OffError(
            "IMAP_HOST is not set: reports of mail that came back are read by `arxiv-daily bounces` alone."
        )
    async with mailbox.entered(account) as inbox:
        waiting = await asyncio.to_thread(inbox.unseen)
    return f"{account.host} lets us in; {len(waiting)} mails are unread"
