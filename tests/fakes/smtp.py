"""A fake SMTP server on loopback that misbehaves as told, and remembers the mail that it accepted."""

import asyncio
import re
import ssl
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Stage(Enum):
    """The stages at which a fault can occur."""

    GREETING = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    CONTENT = auto()
    """After the final dot: the message was read, and is accepted only if the fault says so."""


@dataclass(frozen=True)
class Says:
    """A reply in place of the valid one."""

    reply: str


@dataclass(frozen=True)
class Drops:
    """The connection ends without a reply. `taken`: the message was accepted all the same."""

    taken: bool = False


@dataclass(frozen=True)
class Stalls:
    """No reply comes, and the connection stays. `taken`: the message was accepted all the same."""

    taken: bool = False


Fault = Says | Drops | Stalls


@dataclass(frozen=True)
class Taken:
    """A mail that the server accepted."""

    sender: str
    to: str
    content: bytes
    connection: int


@dataclass
class FakeSmtp:
    """Offers STARTTLS if there is a `tls`, or uses TLS from the start; requires a `login` if there is one.

    With `tokens`, a login needs a user and one of the tokens that are valid for that user (SASL XOAUTH2).

    At most `connections` are accepted at once; each is told 421 after `messages`.
    """

    tls: ssl.SSLContext | None = None
    from_the_start: bool = False
    login: tuple[str, str] | None = None
    tokens: set[tuple[str, str]] | None = None
    connections: int | None = None
    messages: int | None = None
    taken: list[Taken] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    """The number of times that each address was named at RCPT."""
    opened: int = 0
    open: int = 0
    most_open: int = 0
    port: int = 0
    met: int = 0
    """The number of faults that have occurred."""
    when_it_stalls: Callable[[], None] = lambda: None
    _faults: list[tuple[Stage, Fault, str | None, list[int]]] = field(default_factory=list)

    @property
    def mailboxes(self) -> Counter[str]:
        """The number of mails that each address got."""
        return Counter(each.to for each in self.taken)

    def fail(self, stage: Stage, fault: Fault, *, to: str | None = None, times: int = 1) -> None:
        """Plan `fault` for the next `times` that `stage` is reached, for mail to `to` or to anybody."""
        self._faults.append((stage, fault, to, [times]))

    def mend(self) -> None:
        """Cancel the faults that are still to come."""
        self._faults.clear()

    def fault(self, stage: Stage, to: str | None) -> Fault | None:
        """Return the fault for now, if there is one; counts it."""
        for wanted, fault, address, times in self._faults:
            if wanted is stage and times[0] and address in (None, to):
                times[0] -= 1
                self.met += 1
                return fault
        return None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeSmtp"]:
        """Listen while the block runs."""
        loop = asyncio.get_running_loop()
        sessions: set[_Session] = set()
        direct = self.tls if self.from_the_start else None
        server = await loop.create_server(
            lambda: _Session(self, sessions), "127.0.0.1", self.port, ssl=direct
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for session in tuple(sessions):
                session.drop()
            await server.wait_closed()
            await asyncio.sleep(0)  # aiosmtpd's tasks notice their end


class _Session(SMTP):
    """A connection; faults come first, then aiosmtpd's behaviour."""

    def __init__(self, house: FakeSmtp, sessions: set["_Session"]) -> None:
        self._house = house
        self._sessions = sessions
        self._number = 0
        self._carried = 0
        super().__init__(
            self,
            hostname="mx.example",
            tls_context=None if house.from_the_start else house.tls,
            authenticator=self._authenticate_login if house.login else None,
            # aiosmtpd does not see the TLS that was there from the start.
            auth_required=(house.login or house.tokens) is not None and not house.from_the_start,
            auth_require_tls=not house.from_the_start,
            auth_exclude_mechanism=["XOAUTH2"] if house.tokens is None else ["LOGIN", "PLAIN"],
            loop=asyncio.get_running_loop(),
        )
        self._smtp_methods = {name: self._counted(name) for name in self._smtp_methods}

    def _counted(self, name: str) -> Callable[[str], Awaitable[None]]:
        method = getattr(self, f"smtp_{name}")

        async def counted(arg: str) -> None:
            self._house.commands[name] += 1
            await method(arg)

        return counted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._number:  # it is created once more when TLS begins
            self._house.opened += 1
            self._house.open += 1
            self._house.most_open = max(self._house.most_open, self._house.open)
            self._number = self._house.opened
            self._sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._sessions:
            self._sessions.remove(self)
            self._house.open -= 1
        super().connection_lost(error)

    def drop(self) -> None:
        """Close the connection at once."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    async def push(self, status: Any) -> None:
        """Send a reply; all of aiosmtpd's replies pass here, the greeting first.

        Servers reply in UTF-8 even unasked; aiosmtpd would refuse to.
        """
        if str(status).startswith("220 mx.example"):
            limit = self._house.connections
            if limit is not None and self._house.open > limit:
                await super().push("421 4.7.0 mx.example too many connections from you")
                self.drop_politely()
                return
            if await self._goes_wrong(Stage.GREETING):
                self.drop_politely()
                return
        await super().push(status.encode() if isinstance(status, str) else status)

    def drop_politely(self) -> None:
        """Close the connection when its output has been sent."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.close()

    async def auth_XOAUTH2(self, _: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802
        """Log in as Google documents it: a refusal is sent as JSON first, and comes after an empty line."""
        said = b64decode(arguments[1], validate=True).decode()
        found = re.fullmatch("user=([^\1]*)\1auth=Bearer ([^\1]*)\1\1", said)
        if found and (found[1], found[2]) in (self._house.tokens or set()):
            return AuthResult(success=True, auth_data=found[1])
        line = await self.challenge_auth('{"status":"400","schemes":"Bearer"}')
        assert line == b""
        return AuthResult(success=False, handled=False)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        if self._house.messages is not None and self._carried >= self._house.messages:
            await super().push("421 4.7.0 mx.example enough of this connection")
            self.drop_politely()
        elif not await self._goes_wrong(Stage.MAIL):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        to = (arg or "").removeprefix("TO:").strip("<>")
        self._house.asked[to] += 1
        if not await self._goes_wrong(Stage.RCPT, to):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if not await self._goes_wrong(Stage.DATA, self._to):
            await super().smtp_DATA(arg)

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802
        envelope = self.envelope
        assert envelope is not None
        fault = self._house.fault(Stage.CONTENT, self._to)
        if fault is None or (not isinstance(fault, Says) and fault.taken):
            content = envelope.original_content or b""
            self._house.taken.append(Taken(envelope.mail_from or "", self._to, content, self._number))
            self._carried += 1
        match fault:
            case Says():
                return fault.reply
            case Drops():
                self.drop()
            case Stalls():
                await self._stall()
        return "250 2.0.0 OK"

    async def handle_exception(self, error: Exception) -> str:
        """Return a reply. A session is its own handler: without this, aiosmtpd would recurse without end."""
        self.drop_politely()
        return f"421 4.3.0 mx.example {type(error).__name__}"

    @property
    def _to(self) -> str:
        return self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else ""

    async def _goes_wrong(self, stage: Stage, to: str | None = None) -> bool:
        match self._house.fault(stage, to):
            case Says(reply):
                await super().push(reply.encode())
                if reply.startswith("421"):
                    self.drop_politely()
            case Drops():
                self.drop()
            case Stalls():
                await self._stall()
            case None:
                return False
        return True

    async def _stall(self) -> None:
        self._house.when_it_stalls()
        await asyncio.Event().wait()

    def _authenticate_login(self, *arguments: Any) -> AuthResult:
        data = arguments[-1]
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._house.login, handled=False)
