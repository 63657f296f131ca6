"""One connection to the SMTP server with its transactions, and the meaning of the replies.

The connection is never in clear if TLS was asked for. aiosmtplib implements the protocol. Its own `sendmail` does not
tell a connection lost before the final dot from one lost after it, so the commands of a transaction are sent here one
by one. What a reply, or a missing one, means for a delivery depends on the stage of the transaction. Reasons are stored
as codes, because a server's text may quote an address or the message. If sending has to stop, the operator needs the
text, which is shown without anything that looks like an address.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from pydantic import SecretStr

from bot.core.mailboxes import Mailbox
from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    DeliveryRefusedError,
    EndedError,
    HaltedError,
    StruckError,
    UnansweredError,
    unsent,
)
from bot.mail import oauth, refusals
from bot.mail.message import Envelope
from bot.mail.oauth import TokenError, Tokens
from bot.mail.refusal_rules import Verdict
from bot.mail.refusals import ADVICE, Judgement
from bot.settings import Security, Settings

_ENHANCED = re.compile(
    r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII
)  # RFC 2034 §4: the text begins with it
_WORDS = 180  # characters of a server's text
_ADDRESS = re.compile(r"\S*@\S*")


class SmtpStage(StrEnum):
    """The stage of a transaction (RFC 5321 §3.3)."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    """DATA was sent, but the message was not."""
    CONTENT = "content"
    """The message and its final dot are being sent; only the reply tells whether it was taken."""


class ClosedError(DeferredError):
    """The server closed the connection; the message was certainly not taken.

    `about_us` is the sentence for the operator if the server's words blame us.
    """

    def __init__(self, reason: str, about_us: str | None = None) -> None:
        super().__init__(reason)
        self.about_us = about_us


def is_accepted(stage: SmtpStage, code: int) -> bool:
    """Return whether the server accepted the command."""
    return code // 100 == (3 if stage is SmtpStage.DATA else 2)


def refusal_of(stage: SmtpStage, code: int, text: str, to: str = "") -> DeliveryError:
    """Return the error for the reply `code` and `text` at `stage`, for a mail to the address `to`."""
    text = refusals.readable(text)
    found = _ENHANCED.match(text)
    status = found[1] if found else None
    judgement = refusals.judge(code, status, text)
    reason = f"{stage} {code}{f' {status}' if status else ''}"
    if code == 421:
        is_ours = refusals.blames_us(text)
        return ClosedError(reason, _sentence(stage, code, text, judgement) if is_ours else None)
    if code // 100 not in (4, 5):
        return lost(stage, reason)
    likeness = refusals.likeness(code, text, to)
    if _is_about_us(stage, code, judgement.verdict):
        is_answer = code // 100 == 5 and stage in (SmtpStage.RECIPIENT, SmtpStage.CONTENT)
        return HaltedError(_sentence(stage, code, text, judgement)).alike(likeness if is_answer else "")
    if code // 100 == 4:
        return _for_a_while(reason, judgement.verdict, likeness)
    return _for_good(reason, judgement.verdict).alike(likeness)


def lost(stage: SmtpStage, reason: str = "dropped") -> DeliveryError:
    """Return the error for a missing or unreadable reply at `stage`."""
    return UnansweredError(reason) if stage is SmtpStage.CONTENT else ClosedError(reason)


def shown(code: int, text: str) -> str:
    """Format a server's reply for the operator, on one line, without its full stop."""
    words = " ".join(_ADDRESS.sub("…", refusals.readable(text)).split())
    return f"{code} {words}"[:_WORDS].rstrip(". ")


def _is_about_us(stage: SmtpStage, code: int, verdict: Verdict) -> bool:
    """Return whether every recipient would be refused: by the words, or else by the stage of a permanent refusal."""
    if verdict is Verdict.CHANNEL:
        return True
    if code // 100 == 4 or stage is SmtpStage.RECIPIENT:
        return False
    return stage is SmtpStage.SENDER or verdict is Verdict.UNCLEAR


def _for_a_while(reason: str, verdict: Verdict, likeness: str) -> DeferredError:
    """Return the error for a temporary refusal. One that concerns the address, such as greylisting, is not compared
    with others.
    """
    error = DeferredError(reason, is_failing=verdict is not Verdict.MESSAGE)
    return error if verdict is Verdict.ADDRESS else error.alike(likeness)


def _for_good(reason: str, verdict: Verdict) -> DeliveryError:
    match verdict:
        case Verdict.GONE:
            return EndedError(reason)
        case Verdict.MESSAGE:
            return DeliveryRefusedError(reason)
        case _:
            return StruckError(reason, is_certain=verdict is Verdict.ADDRESS)


def _sentence(stage: SmtpStage, code: int, text: str, judgement: Judgement) -> str:
    advice = f" ({ADVICE[judgement.cause]})" if judgement.cause else ""
    return f"the SMTP server refuses our mail ({stage}): {shown(code, text)}{advice}."


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
_QUIT_SECONDS = 1.0

Before = Callable[[], Awaitable[None]]
"""A callback at the last moment when nothing of a mail has been sent."""


@dataclass(frozen=True)
class Server:
    """The SMTP server. `name` is our name in EHLO; without a `username` there is no login.

    `tokens`, if given, replace the password.
    """

    host: str
    port: int
    security: Security
    name: str
    username: str | None = None
    password: SecretStr | None = None
    tokens: Tokens | None = None

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Certificates and host names are verified; SSL_CERT_FILE may name another authority."""
        return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Timeouts in seconds: to connect, secure and log in; for each command; and for the reply to the message.

    The last is long because of RFC 5321 §4.5.3.2.6: a client that hangs up before a slow server's reply sends twice. A
    connection is closed after `idle_seconds` without use, or after `messages` mails.
    """

    open_seconds: float = 30
    command_seconds: float = 60
    answer_seconds: float = 600
    idle_seconds: float = 20
    messages: int = 100


def server(settings: Settings) -> Server:
    """Return the server from the settings, which must be set."""
    if settings.smtp_host is None or settings.mail_from is None:
        raise AssertionError("SMTP_HOST and MAIL_FROM are set where mail is sent")
    return Server(
        host=settings.smtp_host,
        port=settings.smtp_port or _PORTS[settings.smtp_security],
        security=settings.smtp_security,
        name=settings.mail_from.mailbox.domain,
        username=settings.smtp_username,
        password=settings.smtp_password,
        tokens=oauth.tokens(settings),
    )


class _UnfitError(SMTPException):
    """The server cannot do what the settings require."""


class Connection:
    """One connection, opened on demand."""

    def __init__(self, server: Server, patience: SmtpTimeouts) -> None:
        self._server = server
        self._patience = patience
        self._smtp: aiosmtplib.SMTP | None = None
        self.carried = 0
        self.used_at = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether the connection is usable, as far as is known."""
        return self._smtp is not None and self._smtp.is_connected

    async def open(self) -> None:
        """Connect, secure and log in. Raises HaltedError if the server, its certificate or the login fails."""
        smtp = self._smtp = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=self._server.name,
            timeout=None,
            use_tls=self._server.security is Security.TLS,
            start_tls=False,  # done below, where it is mandatory
            tls_context=self._server.tls,
        )
        self.carried = 0
        try:
            async with asyncio.timeout(self._patience.open_seconds):
                await self._introduce(smtp)
        except TokenError as error:
            smtp.close()
            raise HaltedError(str(error)) from None
        except (
            SMTPException,
            OSError,
            ValueError,
        ) as error:  # ValueError: a host name that cannot be looked up
            smtp.close()
            raise HaltedError(f"the SMTP server {self._server.host} {_fault(error)}.") from error
        except BaseException:
            smtp.close()
            raise

    async def _introduce(self, smtp: aiosmtplib.SMTP) -> None:
        server = self._server
        await smtp.connect()
        await smtp.ehlo()
        if server.security is Security.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise _UnfitError("offers no STARTTLS, which SMTP_SECURITY asks for")
            await smtp.starttls()
            await smtp.ehlo()
        if server.username is not None:
            if smtp.get_transport_info("sslcontext") is None:
                raise _UnfitError("would receive the password unencrypted")
            await self._log_in(smtp, server.username)

    async def _log_in(self, smtp: aiosmtplib.SMTP, username: str) -> None:
        tokens, password = self._server.tokens, self._server.password
        if tokens is not None:
            try:
                await smtp.auth_xoauth2(username, await tokens.access_token())
            except SMTPAuthenticationError:
                tokens.forget()  # it may have been revoked: the next attempt fetches a new one
                raise
        elif password is not None:
            await smtp.login(username, password.get_secret_value())

    async def offer(self, sender: Mailbox, to: Mailbox) -> None:
        """Check that the server would take mail from `sender` to `to`, without sending any. Raises DeliveryError."""
        if (smtp := self._smtp) is None:
            raise lost(SmtpStage.SENDER)
        try:
            with _losing(smtp, SmtpStage.RECIPIENT):
                async with asyncio.timeout(self._patience.command_seconds):
                    await _say(smtp, SmtpStage.SENDER, b"MAIL", b"FROM:<%s>" % str(sender).encode())
                    await _say(smtp, SmtpStage.RECIPIENT, b"RCPT", b"TO:<%s>" % str(to).encode(), to=str(to))
        finally:
            await self._start_over(smtp)

    async def hand_in(self, envelope: Envelope, before: Before | None = None) -> None:
        """Send one mail to one recipient. Raises DeliveryError; an unusable connection is closed.

        `before` is awaited after the server accepts the recipient, before DATA; its exception is raised. If cancelled
        before the message is sent, raises CutShortError.
        """
        smtp = self._smtp
        if smtp is None:
            raise lost(SmtpStage.SENDER)
        with unsent():
            await self._announce(smtp, envelope, before)
        await self._give(smtp, envelope)
        self.carried += 1

    async def _announce(self, smtp: aiosmtplib.SMTP, envelope: Envelope, before: Before | None) -> None:
        """Send the commands before the message."""
        to = str(envelope.to)
        try:
            with _losing(smtp, SmtpStage.DATA):
                async with asyncio.timeout(self._patience.command_seconds):
                    await _say(smtp, SmtpStage.SENDER, b"MAIL", b"FROM:<%s>" % str(envelope.sender).encode())
                    await _say(smtp, SmtpStage.RECIPIENT, b"RCPT", b"TO:<%s>" % to.encode(), to=to)
            if before is not None:
                await before()
            with _losing(smtp, SmtpStage.DATA):
                async with asyncio.timeout(self._patience.command_seconds):
                    await _say(smtp, SmtpStage.DATA, b"DATA", to=to)
        except asyncio.CancelledError:
            smtp.close()
            raise
        except Exception:
            await self._start_over(smtp)
            raise

    async def _give(self, smtp: aiosmtplib.SMTP, envelope: Envelope) -> None:
        """Send the message after DATA. From its first byte on, only the reply tells whether it was taken."""
        protocol = smtp.protocol
        if protocol is None:
            raise lost(SmtpStage.DATA)
        with _losing(smtp, SmtpStage.CONTENT):
            protocol.write(_stuffed(envelope.content))
            reply = await protocol.read_response(self._patience.answer_seconds)
        if reply.code == 421:
            smtp.close()
        if not is_accepted(SmtpStage.CONTENT, reply.code):
            raise refusal_of(SmtpStage.CONTENT, reply.code, reply.message, str(envelope.to))

    async def _start_over(self, smtp: aiosmtplib.SMTP) -> None:
        """Reset the transaction after a refusal, or close the connection if that fails."""
        try:
            if smtp.is_connected:
                await smtp.rset(timeout=self._patience.command_seconds)
        except (SMTPException, OSError):
            smtp.close()

    async def close(self) -> None:
        """Close the connection, without waiting long for the reply to QUIT."""
        if self._smtp is None:
            return
        try:
            with suppress(SMTPException, OSError):
                await self._smtp.quit(timeout=_QUIT_SECONDS)
        finally:
            self._smtp.close()
            self._smtp = None


@contextmanager
def _losing(smtp: aiosmtplib.SMTP, stage: SmtpStage) -> Iterator[None]:
    """Convert a lost connection to a DeliveryError, and close it."""
    try:
        yield
    except DeliveryError:
        raise
    except (SMTPException, OSError) as error:
        smtp.close()
        raise lost(stage, "silent" if isinstance(error, TimeoutError) else "dropped") from error
    except BaseException:
        smtp.close()
        raise


async def _say(smtp: aiosmtplib.SMTP, stage: SmtpStage, *words: bytes, to: str = "") -> None:
    """Send a command. Raises DeliveryError if the server refuses it."""
    reply = await smtp.execute_command(*words, timeout=None)
    if not is_accepted(stage, reply.code):
        refusal = refusal_of(stage, reply.code, reply.message, to)
        refusal.answer = shown(reply.code, reply.message)
        raise refusal


def _stuffed(content: bytes) -> bytes:
    """Double dots at the beginning of lines, and append the final dot (RFC 5321 §4.5.2)."""
    if b"\r\n." in content:  # searching is faster than copying
        content = content.replace(b"\r\n.", b"\r\n..")
    return content + b".\r\n"


def _fault(error: Exception) -> str:
    """Describe the connection problem, as the predicate of a sentence about the server."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    match cause:
        case ssl.SSLCertVerificationError():
            return f"has an untrusted certificate: {cause.verify_message}"
        case ssl.SSLError():
            return f"fails in the TLS handshake: {cause.reason}"
        case SMTPResponseException():
            return f"refuses the connection or login: {shown(cause.code, cause.message)}"
        case TimeoutError():
            return "does not answer"
        case SMTPServerDisconnected() | ConnectionResetError() | ConnectionAbortedError():
            return "closes the connection"
        case _UnfitError():
            return cause.message
        case SMTPException():
            return f"cannot be used: {cause.message}"
        case _:
            return f"cannot be reached: {cause.strerror if isinstance(cause, OSError) else cause}"
