"""Sends transactional mail in reply to forms, and decides when a failed one is tried again.

The table holds what is due, so a restart continues it. Temporary errors are retried after a minute, with pauses that
double to an hour, unless the server names one; the mail expires with the link in it (`CONFIRMING`). One that may have
arrived is sent once more; one that is refused for good is given up.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.mailboxes import Mailbox
from bot.core.models import CONFIRMING, ChannelName, MailPurpose, Part, SignUp, Subscriber
from bot.db import signups, subscribers
from bot.delivery.channel import DeferredError, DeliveryError, HaltedError, UnansweredError
from bot.links import Links
from bot.mail import composing
from digest.core.backoff import Backoff
from digest.core.errors import DigestError
from digest.db import engine as database
from digest.db.locks import BusyError, exclusive

_WIDTH = 4  # mails at once; a slow server delays few others
_BACKOFF = Backoff(timedelta(minutes=1), timedelta(hours=1))
_log = structlog.get_logger()


class MailSender(Protocol):
    """A function that sends one transactional mail."""

    async def __call__(self, part: Part, *, to: Mailbox, number: int) -> None:
        """Send the mail. Its `number` determines the Message-ID, which is the same for each attempt. Raises
        DeliveryError.
        """


@dataclass
class TransactionalMail:
    """Sends due transactional mail, checking every `look_seconds`."""

    engine: AsyncEngine
    links: Links
    post: MailSender
    clock: Callable[[], datetime]
    look_seconds: float = 5
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _closing: bool = field(init=False, default=False)

    async def run(self) -> None:
        """Send until `close`. Errors of one mail or one check do not stop the loop."""
        while not self._closing:
            try:
                await self.send_due()
            except BusyError:
                _log.debug("another_process_sends_transactional_mail")
            except DigestError as error:
                _log.error("transactional_mails_failed", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self.look_seconds)
            self._changed.clear()

    def wake(self) -> None:
        """Check for new mail now."""
        self._changed.set()

    def close(self) -> None:
        """Start no more mail."""
        self._closing = True
        self._changed.set()

    async def send_due(self) -> None:
        """Try each due mail once. Raises BusyError if another process is sending, and StoreError."""
        now = self.clock()
        if not await self._due(now):  # most checks find nothing and need no lock
            return
        async with exclusive(self.engine, "letters"):
            while not self._closing and (found := await self._due(now)):
                sent = await asyncio.gather(*map(self._send, found), return_exceptions=True)
                for fault in filter(
                    None, sent
                ):  # raised after all have finished, so that none is interrupted
                    raise fault

    async def _due(self, now: datetime) -> list[SignUp]:
        async with database.reading(self.engine) as connection:
            return await signups.due(connection, now, _WIDTH)

    async def _send(self, asked: SignUp) -> None:
        async with database.reading(self.engine) as connection:
            known = await subscribers.find(connection, ChannelName.MAIL, str(asked.mailbox))
        letter = written(asked, known, self.links)
        if letter is None:
            await self._note(asked, None)
            return
        try:
            await self.post(letter, to=asked.mailbox, number=asked.id)
        except DeliveryError as error:
            next_at = next_try(asked, error, self.clock())
            _log.info(
                "transactional_mail_failed",
                letter=asked.id,
                reason=type(error).__name__,
                again=next_at is not None,
            )
            await self._note(asked, next_at)
        except Exception:  # noqa: BLE001 - the edge of what one letter can do
            _log.exception("transactional_mail_failed", letter=asked.id)
            await self._note(asked, None)
        else:
            await self._note(asked, None)

    async def _note(self, asked: SignUp, next_at: datetime | None) -> None:
        async with database.writing(self.engine) as connection:
            await signups.note_letter(connection, asked.id, asked.tries + (next_at is not None), next_at)


def written(asked: SignUp, known: Subscriber | None, links: Links) -> Part | None:
    """Compose the mail for a form; `known` is the subscriber at its address. None if that one was deleted since."""
    if asked.letter is MailPurpose.CONFIRM and asked.preferences is not None:
        return composing.confirmation_letter(links, asked.id, asked.preferences.preferences.language)
    return composing.known_address_letter(links, known.id, known.preferences.language) if known else None


def next_try(asked: SignUp, error: DeliveryError, now: datetime) -> datetime | None:
    """Return the time of the next attempt after a failure, or None to give up. Pure.

    Temporary errors are retried with doubling pauses until the link would expire. A mail that may have arrived is sent
    once more.
    """
    match error:
        case UnansweredError() if asked.tries > 0:
            return None
        case DeferredError() | HaltedError() | UnansweredError():
            asked_for = error.pause if isinstance(error, DeferredError) else None
            pause = asked_for or _BACKOFF.pause(asked.tries)
            return now + pause if now + pause < asked.made_at + CONFIRMING else None
        case _:
            return None
