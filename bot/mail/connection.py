"""One connection to the SMTP server, and one transaction over it; never in clear where TLS was asked for.

aiosmtplib speaks the protocol. Its own `sendmail` would not tell a connection that broke before the final dot from
one that broke after it, so the commands of a transaction are given here one by one.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from pydantic import SecretStr

from bot.channels import DeliveryError, HaltedError, unsent
from bot.mail import oauth, replies
from bot.mail.message import Envelope
from bot.mail.oauth import TokenError, Tokens
from bot.mail.replies import Stage
from bot.mailboxes import Mailbox
from bot.settings import Security, Settings

_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
_QUIT_SECONDS = 1.0

Before = Callable[[], Awaitable[None]]
"""What is done at the last moment at which nothing of a mail has gone out."""


@dataclass(frozen=True)
class Server:
    """Where mail is handed in. `name` is what we call ourselves there; without a `username` nobody logs in.

    Where there are `tokens`, they take the place of the password.
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
        """Certificates and names are verified; SSL_CERT_FILE names an authority of one's own."""
        return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until a connection is open, secured and logged in; until the message is asked for; until it is taken.

    The last is long because of RFC 5321 §4.5.3.2.6: who hangs up before a slow server's answer sends twice. What was
    not used for `idle_seconds`, or has carried `messages`, is closed.
    """

    open_seconds: float = 30
    command_seconds: float = 60
    answer_seconds: float = 600
    idle_seconds: float = 20
    messages: int = 100


def server(settings: Settings) -> Server:
    """The server that the settings name, which has to be set."""
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
    """The server cannot do what the settings ask for."""


class Connection:
    """One connection, which is opened when it is needed."""

    def __init__(self, server: Server, patience: Patience) -> None:
        self._server = server
        self._patience = patience
        self._smtp: aiosmtplib.SMTP | None = None
        self.carried = 0
        self.used_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can be used, as far as we know."""
        return self._smtp is not None and self._smtp.is_connected

    async def open(self) -> None:
        """Raises HaltedError where the server, its certificate or our login does not let us."""
        smtp = self._smtp = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=self._server.name,
            timeout=None,
            use_tls=self._server.security is Security.TLS,
            start_tls=False,  # that is done below, where it is not given up
            tls_context=self._server.tls,
        )
        self.carried = 0
        try:
            async with asyncio.timeout(self._patience.open_seconds):
                await self._introduce(smtp)
        except TokenError as error:
            smtp.close()
            raise HaltedError(str(error)) from None
        except (SMTPException, OSError, ValueError) as error:  # ValueError: a name that cannot be looked up
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
                raise _UnfitError("would get the password in clear")
            await self._log_in(smtp, server.username)

    async def _log_in(self, smtp: aiosmtplib.SMTP, username: str) -> None:
        tokens, password = self._server.tokens, self._server.password
        if tokens is not None:
            try:
                await smtp.auth_xoauth2(username, await tokens.access_token())
            except SMTPAuthenticationError:
                tokens.forget()  # it may have been revoked: the next attempt fetches another one
                raise
        elif password is not None:
            await smtp.login(username, password.get_secret_value())

    async def offer(self, sender: Mailbox, to: Mailbox) -> None:
        """Whether mail from `sender` to `to` would be taken; none is handed in. Raises DeliveryError."""
        if (smtp := self._smtp) is None:
            raise replies.lost(Stage.SENDER)
        try:
            with _losing(smtp, Stage.RECIPIENT):
                async with asyncio.timeout(self._patience.command_seconds):
                    await _say(smtp, Stage.SENDER, b"MAIL", b"FROM:<%s>" % str(sender).encode())
                    await _say(smtp, Stage.RECIPIENT, b"RCPT", b"TO:<%s>" % str(to).encode(), to=str(to))
        finally:
            await self._start_over(smtp)

    async def hand_in(self, envelope: Envelope, before: Before | None = None) -> None:
        """One transaction with one recipient. Raises DeliveryError; the connection is closed where it is of no use.

        `before` is awaited once the server takes the recipient, before it is asked for the message; what it raises is
        raised. Cancelled before the message has begun to go out, it raises CutShortError.
        """
        smtp = self._smtp
        if smtp is None:
            raise replies.lost(Stage.SENDER)
        with unsent():
            await self._announce(smtp, envelope, before)
        await self._give(smtp, envelope)
        self.carried += 1

    async def _announce(self, smtp: aiosmtplib.SMTP, envelope: Envelope, before: Before | None) -> None:
        """What comes before the message."""
        to = str(envelope.to)
        try:
            with _losing(smtp, Stage.DATA):
                async with asyncio.timeout(self._patience.command_seconds):
                    await _say(smtp, Stage.SENDER, b"MAIL", b"FROM:<%s>" % str(envelope.sender).encode())
                    await _say(smtp, Stage.RECIPIENT, b"RCPT", b"TO:<%s>" % to.encode(), to=to)
            if before is not None:
                await before()
            with _losing(smtp, Stage.DATA):
                async with asyncio.timeout(self._patience.command_seconds):
                    await _say(smtp, Stage.DATA, b"DATA", to=to)
        except asyncio.CancelledError:
            smtp.close()
            raise
        except Exception:
            await self._start_over(smtp)
            raise

    async def _give(self, smtp: aiosmtplib.SMTP, envelope: Envelope) -> None:
        """What comes behind DATA. From the first byte on only the answer tells what was taken."""
        protocol = smtp.protocol
        if protocol is None:
            raise replies.lost(Stage.DATA)
        with _losing(smtp, Stage.CONTENT):
            protocol.write(_stuffed(envelope.content))
            reply = await protocol.read_response(self._patience.answer_seconds)
        if reply.code == 421:
            smtp.close()
        if not replies.is_accepted(Stage.CONTENT, reply.code):
            raise replies.refusal(Stage.CONTENT, reply.code, reply.message, str(envelope.to))

    async def _start_over(self, smtp: aiosmtplib.SMTP) -> None:
        """After a refusal, the server forgets whom it was about; one that does not is left."""
        try:
            if smtp.is_connected:
                await smtp.rset(timeout=self._patience.command_seconds)
        except (SMTPException, OSError):
            smtp.close()

    async def close(self) -> None:
        """Takes its leave, without waiting long for the answer."""
        if self._smtp is None:
            return
        try:
            with suppress(SMTPException, OSError):
                await self._smtp.quit(timeout=_QUIT_SECONDS)
        finally:
            self._smtp.close()
            self._smtp = None


@contextmanager
def _losing(smtp: aiosmtplib.SMTP, stage: Stage) -> Iterator[None]:
    """Whatever breaks off here is lost, and the connection with it. Raises DeliveryError."""
    try:
        yield
    except DeliveryError:
        raise
    except (SMTPException, OSError) as error:
        smtp.close()
        raise replies.lost(stage, "silent" if isinstance(error, TimeoutError) else "dropped") from error
    except BaseException:
        smtp.close()
        raise


async def _say(smtp: aiosmtplib.SMTP, stage: Stage, *words: bytes, to: str = "") -> None:
    """Raises DeliveryError where the server does not go along."""
    reply = await smtp.execute_command(*words, timeout=None)
    if not replies.is_accepted(stage, reply.code):
        refusal = replies.refusal(stage, reply.code, reply.message, to)
        refusal.answer = replies.shown(reply.code, reply.message)
        raise refusal


def _stuffed(content: bytes) -> bytes:
    """With the final dot, and another one before each that begins a line (RFC 5321 §4.5.2)."""
    if b"\r\n." in content:  # a copy takes longer than the look
        content = content.replace(b"\r\n.", b"\r\n..")
    return content + b".\r\n"


def _fault(error: Exception) -> str:
    """What is wrong with the way to the server, behind its name."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    match cause:
        case ssl.SSLCertVerificationError():
            return f"shows a certificate that cannot be trusted: {cause.verify_message}"
        case ssl.SSLError():
            return f"speaks no TLS that we understand: {cause.reason}"
        case SMTPResponseException():
            return f"does not let us in: {replies.shown(cause.code, cause.message)}"
        case TimeoutError():
            return "does not answer"
        case SMTPServerDisconnected() | ConnectionResetError() | ConnectionAbortedError():
            return "hangs up"
        case _UnfitError():
            return cause.message
        case SMTPException():
            return f"cannot be used: {cause.message}"
        case _:
            return f"cannot be reached: {cause.strerror if isinstance(cause, OSError) else cause}"
