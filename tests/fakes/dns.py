"""A fake DNS server on loopback that knows the records of a few names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

_STRING = 255  # bytes of each string of a TXT record


@dataclass
class FakeDns(asyncio.DatagramProtocol):
    """A server that answers from `records`: `{"example.org TXT": ["v=spf1 -all"]}`; for names in `broken` it fails."""

    records: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[dns.asyncresolver.Resolver]:
        """A resolver that queries this server."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = transport.get_extra_info("sockname")[1]
        try:
            yield resolver
        finally:
            transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio.DatagramProtocol)."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one query."""
        answer = self._answer(dns.message.from_wire(data))
        self._transport.sendto(answer.to_wire(max_size=65535), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found := self.records.get(f"{name} {kind}"):
            written = [_text(each) for each in found] if kind == "TXT" else found
            answer.answer = [dns.rrset.from_text(question.name, 60, "IN", kind, *written)]
        elif not any(each.startswith(f"{name} ") for each in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def _text(value: str) -> str:
    """Return a TXT record in the strings that it has to be cut into."""
    parts = [value[start : start + _STRING] for start in range(0, len(value), _STRING)] or [""]
    return " ".join('"{}"'.format(part.replace('"', '\\"')) for part in parts)
