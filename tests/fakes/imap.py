"""A fake IMAP server on loopback with TLS that supports XOAUTH2 alone, and has one empty mailbox."""

import asyncio
import re
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class FakeImap:
    """A server that accepts logins with one of the `tokens`, pairs of a user and a token."""

    tls: ssl.SSLContext
    tokens: set[tuple[str, str]] = field(default_factory=set)
    refused: int = 0
    port: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeImap"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] ready\r\n")
        while line := (await reader.readline()).decode().strip():
            tag, command, *rest = line.split()
            match command.upper(), rest:
                case "AUTHENTICATE", ["XOAUTH2"]:
                    writer.write(await self._authenticated(tag, reader, writer))
                case "CAPABILITY", _:
                    writer.write(f"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK done\r\n".encode())
                case "SELECT", _:
                    writer.write(f"* 0 EXISTS\r\n{tag} OK [READ-WRITE]\r\n".encode())
                case "LOGOUT", _:
                    writer.write(f"* BYE now\r\n{tag} OK done\r\n".encode())
                    break
                case _:
                    writer.write(f"{tag} BAD what\r\n".encode())
        writer.close()

    async def _authenticated(
        self, tag: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        writer.write(b"+ \r\n")
        said = b64decode((await reader.readline()).strip(), validate=True).decode()
        found = re.fullmatch("user=([^\1]*)\1auth=Bearer ([^\1]*)\1\1", said)
        if found and (found[1], found[2]) in self.tokens:
            return f"{tag} OK done\r\n".encode()
        self.refused += 1
        writer.write(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
        assert (await reader.readline()).strip() == b""
        return f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials\r\n".encode()
