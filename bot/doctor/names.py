"""DNS lookups."""

from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import dns.reversename
from dns.rdatatype import RdataType

from bot.doctor.findings import UnsureError

_SECONDS = 5.0


class Names:
    """Lookups by `resolver`, or by the system's. Names that do not exist give empty results.

    Every method raises UnsureError if the DNS does not answer.
    """

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, each with its strings joined (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
        found = await self._ask(name, RdataType.TXT)
        return [b"".join(each.strings).decode("ascii", "replace") for each in found]

    async def addresses(self, name: str) -> list[str]:
        """Return the IPv4 and IPv6 addresses."""
        return [
            each.address for kind in (RdataType.A, RdataType.AAAA) for each in await self._ask(name, kind)
        ]

    async def exchangers(self, name: str) -> list[str]:
        """Return the mail exchangers of a domain, most preferred first; "" for a domain that accepts no mail (RFC
        7505).
        """
        found = sorted(await self._ask(name, RdataType.MX), key=lambda each: each.preference)
        return [_written(each.exchange) for each in found]

    async def hosts(self, address: str) -> list[str]:
        """Return the names of an address (PTR)."""
        found = await self._ask(dns.reversename.from_address(address), RdataType.PTR)
        return [_written(each.target) for each in found]

    async def _ask(self, name: str | dns.name.Name, kind: RdataType) -> list[Any]:
        try:
            resolver = self._resolver or dns.asyncresolver.get_default_resolver()
            return list(await resolver.resolve(name, kind, lifetime=_SECONDS, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise UnsureError(f"The DNS does not answer for {name} ({type(error).__name__}).") from None


def _written(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
