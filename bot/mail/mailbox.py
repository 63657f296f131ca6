"""The mailbox that takes what comes back, read over IMAP with TLS.

What is unseen is read, acted on, and then marked as seen: a crash between the two repeats an act, which does nothing
the second time. What reports nothing stays for a person to look at, flagged. Nothing is moved or deleted, so any server
will do. imaplib blocks, and runs in threads.
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
from bot.mail import consequences, oauth
from bot.mail.bounces import LIMIT_BYTES
from bot.mail.consequences import Outcome
from bot.mail.oauth import Tokens
from bot.settings import Settings
from digest.errors import DigestError

T = TypeVar("T")
_log = structlog.get_logger()
_ANSWER_SECONDS = 8.0  # a program that stops waits for its threads, and has ten seconds
_SEARCHED = 50_000  # mails that one search covers
_LARGEST_BYTES = 8_000_000  # of one answer: fifty thousand numbers, or a mail's beginning, have far fewer
_AT_ONCE = 500  # mails of one look; the rest waits for the next


class MailboxError(DigestError):
    """The mailbox cannot be reached, entered or read."""


class LoginError(MailboxError):
    """The server does not accept who we say that we are."""


class UnreadableMailError(MailboxError):
    """The server does not give out, or mark, one mail."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where the mailbox is, and who enters it: with the password, or with `tokens` where there is none.

    `trusted` vouches for the server: the system, unless set.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    tokens: Tokens | None = None


def account(settings: Settings) -> Account | None:
    """The mailbox that the settings name, None where they name none."""
    tokens = None if settings.imap_password else oauth.tokens(settings)
    if not (settings.imap_host and settings.imap_username and (settings.imap_password or tokens)):
        return None
    password = settings.imap_password.get_secret_value() if settings.imap_password else ""
    return Account(settings.imap_host, settings.imap_port, settings.imap_username, password, tokens=tokens)


async def check(where: Account, engine: AsyncEngine, links: Links, at: datetime) -> Counter[Outcome]:
    """Acts on what is new in the mailbox, and gives how many mails came to what.

    Raises MailboxError and StoreError; what was done until then stays done.
    """
    outcomes = Counter[Outcome]()
    await consequences.forget_old(engine, at)
    async with entered(where) as inbox:
        for uid in await _apart(inbox.unseen):
            outcomes[await _deal_with(inbox, uid, engine, links, at)] += 1
    return outcomes


async def _deal_with(inbox: "Inbox", uid: str, engine: AsyncEngine, links: Links, at: datetime) -> Outcome:
    """One mail. One that the server does not give out holds up none of the others."""
    try:
        mail = await _apart(partial(inbox.fetch, uid))
        outcome = await consequences.take(engine, mail, links, at)
    except UnreadableMailError as error:
        _log.warning("mail_unreadable", error=str(error))
        outcome = Outcome.ASIDE
    with suppress(UnreadableMailError):
        await _apart(partial(inbox.mark, uid, aside=outcome is Outcome.ASIDE))
    return outcome


async def _apart(call: Callable[[], T]) -> T:
    """What `call` gives, made in a thread that nobody waits for when the program stops."""
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
    """Looks into it again and again. No fault of one look keeps the next from coming."""
    engine, clock = alerts.engine, alerts.clock
    while True:
        try:
            outcomes = await check(where, engine, links, clock())
            await consequences.alert_of_refusals(engine, alerts, clock())
        except DigestError as error:
            _log.error("mailbox_failed", error=str(error))
        except Exception:  # noqa: BLE001 - the edge of what one look can do
            _log.exception("mailbox_failed")
        else:
            _log.debug("mailbox_read", **{str(outcome): count for outcome, count in outcomes.items()})
        await asyncio.sleep(pause_seconds)


@asynccontextmanager
async def entered(where: Account) -> AsyncIterator["Inbox"]:
    """The mailbox while one is logged in. Raises MailboxError, TokenError."""
    token = await where.tokens.access_token() if where.tokens else None
    try:
        inbox = await _apart(partial(Inbox, where, token))
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
    """A session that gives up on an answer of more than `_LARGEST_BYTES`; imaplib reads whatever a server announces."""

    answer_bytes = 0
    """Of the present answer, so far."""

    def read(self, size: int) -> bytes:
        """Some bytes that the server announced. Raises IMAP4.abort."""
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        """The next line. Raises IMAP4.abort."""
        line = super().readline()
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self.answer_bytes += size
        if self.answer_bytes > _LARGEST_BYTES:
            raise self.abort(f"an answer of over {_LARGEST_BYTES:,} bytes")


class Inbox:
    """A session with the server, the folder INBOX open. Blocks; every method raises MailboxError."""

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
        """The mails that nobody has read, oldest first, by their numbers: as many as one look deals with."""
        found: list[str] = []
        for first in range(1, self._count + 1, _SEARCHED):  # an answer of any length would be cut off
            last = min(first + _SEARCHED - 1, self._count)
            [answer] = self._ask("SEARCH", f"{first}:{last}", "UNSEEN")[:1] or [b""]
            found += (answer or b"").decode().split()
            if len(found) >= _AT_ONCE:
                break
        return found[:_AT_ONCE]

    def fetch(self, uid: str) -> bytes:
        """The first `LIMIT_BYTES` of a mail, which stays unseen; empty where it is gone meanwhile."""
        answer = self._ask("FETCH", uid, f"(BODY.PEEK[]<0.{LIMIT_BYTES}>)")
        found = [each[1] for each in answer if isinstance(each, tuple)]
        return bytes(found[0]) if found else b""

    def mark(self, uid: str, *, aside: bool) -> None:
        """It was dealt with; `aside` asks for a person's look at it."""
        self._ask("STORE", uid, "+FLAGS.SILENT", r"(\Seen \Flagged)" if aside else r"(\Seen)")

    def log_out(self) -> None:
        """Ends the session, whatever the server says to it."""
        with suppress(OSError, imaplib.IMAP4.error):
            self._imap.logout()

    def close(self) -> None:
        """Hangs up at once; what waits for an answer in another thread gets none."""
        with suppress(OSError):
            self._imap.sock.shutdown(socket.SHUT_RDWR)
        self._imap.file.close()
        self._imap.sock.close()

    def _log_in(self, account: Account, token: str | None) -> None:
        """By AUTHENTICATE PLAIN where the server knows it: LOGIN takes only ASCII."""
        try:
            if token is not None:
                answers = iter([oauth.initial_response(account.username, token)])
                # A token that is not accepted is told of first, and the refusal comes behind an empty answer.
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
        self._count = int(answer[0] or 0)  # RFC 3501 §7.3.1: how many mails it holds

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
        """Without the library's own words: they repeat what the server says."""
        why = (
            error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else type(error).__name__
        )
        raise MailboxError(f"The IMAP server {self._host} {what} ({why}).") from None
