"""An SMTP server on loopback: STARTTLS by an authority, a login, and refusals where they are asked for."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.authority import Authority

USERNAME, PASSWORD = "daily", "the password of the relay"


@dataclass
class FakeSmtp:
    """Takes mail from whoever logs in; answers MAIL FROM with `answer` where one is set."""

    authority: Authority
    offers_tls: bool = True
    answer: str | None = None
    commands: list[str] = field(default_factory=list)
    mails: int = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """The port."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.authority.certificate, self.authority.key)

        def session() -> SMTP:
            return SMTP(
                self,
                hostname="localhost",
                tls_context=context if self.offers_tls else None,
                authenticator=self._authenticated,
                auth_required=self.offers_tls,
            )

        server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    def _authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        known = isinstance(given, LoginPassword) and given == LoginPassword(
            USERNAME.encode(), PASSWORD.encode()
        )
        return AuthResult(success=known, handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """The sender."""
        self.commands.append(f"MAIL {address}")
        if self.answer:
            return self.answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RSET(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        """The sender takes it back."""
        self.commands.append("RSET")
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        """A mail."""
        self.mails += 1
        return "250 OK"
