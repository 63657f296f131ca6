"""The way of mail: handed in by SMTP, and what comes back by IMAP."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from bot.channels import DeferredError, DeliveryError, EndedError, StruckError, blames_the_address
from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.links import open_links
from bot.mail import connection, mailbox
from bot.mail.channel import letterhead
from bot.mail.connection import Connection, Patience
from bot.settings import Settings

Clock = Callable[[], datetime]


async def smtp(settings: Settings, clock: Clock) -> str:
    """The SMTP server lets us in as SMTP_SECURITY asks for, and takes the envelope of a mail; none is sent."""
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
    return f"{settings.smtp_host} takes mail from {sender} ({settings.smtp_security})"


def _unsure(error: DeliveryError, sender: str, to: str) -> str:
    """The sentence about a recipient that is not taken: whose fault that is, only known words tell."""
    answer = error.answer or str(error)
    if blames_the_address(error):
        return f"It takes mail from {sender}, but none to {to} ({answer}): answers get lost."
    return (
        f"It answered “{answer}” to a mail from {sender} to {to}. What that means is not known:"
        " it may be about the sender or the recipient."
    )


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
