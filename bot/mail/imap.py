"""The mailbox for bounces, read over IMAP with TLS.

Unseen mail is read, applied, and then marked as seen. A crash in between repeats the report, which has no effect the
second time. Mail that reports nothing is flagged for a person. Nothing is moved or deleted, so any server will do.
imaplib blocks, and runs in threads.
"""

import asyncio
import imaplib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, TypeVar, cast

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.alerts import Alerts
from bot.links import Links
from bot.mail import apply_bounces, oauth
from bot.mail.apply_bounces import BounceOutcome
from bot.mail.bounces import LIMIT_BYTES
from bot.mail.oauth import Tokens
from bot.settings import Settings
from digest.core.errors import DigestError

T = TypeVar("T")
_log = structlog.get_logger()
_ANSWER_SECONDS = 8.0  # a program that stops waits for its threads, and has ten seconds
_SEARCHED = 50_000  # mails that one search covers
_LARGEST_BYTES = (
    8_000_000  # bytes of one answer: fifty thousand numbers, or the beginning of a mail, take far fewer
)
_AT_ONCE = 500  # mails of one check; the rest waits for the next


class MailboxError(DigestError):
    """The mailbox cannot be reached, opened or read."""


class LoginError(MailboxError):
    """The server refuses the login."""


class UnreadableMailError(MailboxError):
    """The server refuses to return or mark one mail."""


@dataclass(frozen=True, slots=True)
class Account:
    """The server of the mailbox and the login, by password or, without one, by `tokens`.

    `trusted` is the TLS context; by default it uses the system's authorities.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    tokens: Tokens | None = None


def account(settings: Settings) -> Account | None:
    """Return the mailbox from the settings; None if there is none."""
    tokens = None if settings.imap_password else oauth.tokens(settings)
    if not (settings.imap_host and settings.imap_username and (settings.imap_password or tokens)):
        return None
    password = settings.imap_password.get_secret_value() if settings.imap_password else ""
    return Account(settings.imap_host, settings.imap_port, settings.imap_username, password, tokens=tokens)


async def check(where: Account, engine: AsyncEngine, links: Links, at: datetime) -> Counter[BounceOutcome]:
    """Apply all new mail in the mailbox, and count the outcomes.

    Raises MailboxError and StoreError; what was applied before that remains.
    """
    outcomes = Counter[BounceOutcome]()
    await apply_bounces.forget_old(engine, at)
    async with entered(where) as inbox:
        for uid in await _apart(inbox.unseen):
            outcomes[await _deal_with(inbox, uid, engine, links, at)] += 1
    return outcomes


async def _deal_with(
    inbox: "ImapInbox", uid: str, engine: AsyncEngine, links: Links, at: datetime
) -> BounceOutcome:
    """Apply one mail. If the server does not return it, the others are not delayed."""
    try:
        mail = await _apart(partial(inbox.fetch, uid))
        outcome = await apply_bounces.take(engine, mail, links, at)
    except UnreadableMailError as error:
        _log.warning("mail_unreadable", error=str(error))
        outcome = BounceOutcome.ASIDE
    with suppress(UnreadableMailError):
        await _apart(partial(inbox.mark, uid, aside=outcome is BounceOutcome.ASIDE))
    return outcome


async def _apart(call: Callable[[], T]) -> T:
    """Run `call` in a thread that does not delay the program's exit, and return its result."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not answer.done():
            answer.set_exception(error) if error else answer.set_result(cast("T", result))

    def work() -> None:
        result, fault = None, None
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            fault = error
        with suppress(RuntimeError):  # the loop is closed: the program has stopped
            loop.call_soon_threadsafe(settle, result, fault)

    threading.Thread(target=work, daemon=True).start()
    return await answer


async def watch(where: Account, links: Links, alerts: Alerts, pause_seconds: float) -> None:
    """Check the mailbox repeatedly. Errors of one check do not stop the loop."""
    engine, clock = alerts.engine, alerts.clock
    while True:
        try:
            outcomes = await check(where, engine, links, clock())
            await apply_bounces.alert_of_refusals(engine, alerts, clock())
        except DigestError as error:
            _log.error("mailbox_failed", error=str(error))
        except Exception:  # noqa: BLE001 - the edge of what one look can do
            _log.exception("mailbox_failed")
        else:
            _log.debug("mailbox_read", **{str(outcome): count for outcome, count in outcomes.items()})
        await asyncio.sleep(pause_seconds)


@asynccontextmanager
async def entered(where: Account) -> AsyncIterator["ImapInbox"]:
    """Log in to the mailbox for the block. Raises MailboxError and TokenError."""
    token = await where.tokens.access_token() if where.tokens else None
    try:
        inbox = await _apart(partial(ImapInbox, where, token))
    except LoginError:
        if where.tokens:
            where.tokens.forget()
        raise
    try:
        yield inbox
        await _apart(inbox.log_out)
    finally:
        inbox.close()


class _Session(imaplib.IMAP4_SSL):
    """An IMAP session that fails on answers over `_LARGEST_BYTES`; imaplib reads any size that a server announces."""

    answer_bytes = 0
    """Bytes of the current answer so far."""

    def read(self, size: int) -> bytes:
        """Read bytes that the server announced. Raises IMAP4.abort."""
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read the next line. Raises IMAP4.abort."""
        line = super().readline()
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self.answer_bytes += size
        if self.answer_bytes > _LARGEST_BYTES:
            raise self.abort(f"an answer of over {_LARGEST_BYTES:,} bytes")


class ImapInbox:
    """A blocking session with the folder INBOX open. Every method raises MailboxError."""

    def __init__(self, account: Account, token: str | None = None) -> None:
        self._host = account.host
        try:
            self._imap = _Session(
                account.host, account.port, ssl_context=account.trusted, timeout=_ANSWER_SECONDS
            )
        except (OSError, imaplib.IMAP4.error, ValueError) as error:
            self._fail("cannot be reached", error)
        try:
            self._log_in(account, token)
            self._open()
        except BaseException:
            self.close()
            raise

    def unseen(self) -> list[str]:
        """Return the ids of unread mails, oldest first, as many as one check handles."""
        found: list[str] = []
        for first in range(
            1, self._count + 1, _SEARCHED
        ):  # search in ranges, because long answers are cut off
            last = min(first + _SEARCHED - 1, self._count)
            [answer] = self._ask("SEARCH", f"{first}:{last}", "UNSEEN")[:1] or [b""]
            found += (answer or b"").decode().split()
            if len(found) >= _AT_ONCE:
                break
        return found[:_AT_ONCE]

    def fetch(self, uid: str) -> bytes:
        """Fetch the first `LIMIT_BYTES` of a mail without marking it. Empty if the mail is gone."""
        answer = self._ask("FETCH", uid, f"(BODY.PEEK[]<0.{LIMIT_BYTES}>)")
        found = [each[1] for each in answer if isinstance(each, tuple)]
        return bytes(found[0]) if found else b""

    def mark(self, uid: str, *, aside: bool) -> None:
        """Mark a mail as handled; `aside` also flags it for a person."""
        self._ask("STORE", uid, "+FLAGS.SILENT", r"(\Seen \Flagged)" if aside else r"(\Seen)")

    def log_out(self) -> None:
        """End the session, ignoring errors."""
        with suppress(OSError, imaplib.IMAP4.error):
            self._imap.logout()

    def close(self) -> None:
        """Close the connection at once, also for a call that waits in another thread."""
        with suppress(OSError):
            self._imap.sock.shutdown(socket.SHUT_RDWR)
        self._imap.file.close()
        self._imap.sock.close()

    def _log_in(self, account: Account, token: str | None) -> None:
        """Log in by AUTHENTICATE PLAIN if the server supports it, because LOGIN takes only ASCII."""
        try:
            if token is not None:
                answers = iter([oauth.initial_response(account.username, token)])
                # If a token is refused, the server sends the reason first, and the refusal after an empty response.
                self._imap.authenticate("XOAUTH2", lambda _: next(answers, b""))
            elif "AUTH=PLAIN" in self._imap.capabilities:
                plain = f"\0{account.username}\0{account.password}".encode()
                self._imap.authenticate("PLAIN", lambda _: plain)
            else:
                self._imap.login(account.username, account.password)
        except imaplib.IMAP4.abort as error:
            self._fail("hung up", error)
        except (imaplib.IMAP4.error, UnicodeError):
            secret = "IMAP_PASSWORD" if token is None else "the token"
            raise LoginError(
                f"The IMAP server {self._host} does not accept IMAP_USERNAME and {secret}."
            ) from None
        except OSError as error:
            self._fail("did not answer", error)

    def _open(self) -> None:
        try:
            status, answer = self._imap.select("INBOX")
        except (OSError, imaplib.IMAP4.error) as error:
            self._fail("did not answer", error)
        if status != "OK":
            raise MailboxError(f"The IMAP server {self._host} does not open INBOX.")
        self._count = int(answer[0] or 0)  # RFC 3501 §7.3.1: the number of mails in it

    def _ask(self, command: str, *arguments: str) -> list[Any]:
        self._imap.answer_bytes = 0
        try:
            status, answer = self._imap.uid(command, *arguments)
        except (OSError, imaplib.IMAP4.error) as error:
            self._fail("did not answer", error)
        if status != "OK":
            raise UnreadableMailError(f"The IMAP server {self._host} refuses {command}.")
        return answer

    def _fail(self, what: str, error: Exception) -> NoReturn:
        """Raise MailboxError without the library's text, which repeats what the server says."""
        why = (
            error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else type(error).__name__
        )
        raise MailboxError(f"The IMAP server {self._host} {what} ({why}).") from None
