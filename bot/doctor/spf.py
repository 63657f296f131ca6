"""Evaluation of a domain's SPF record for an address (RFC 7208), as far as records in use need it."""

import ipaddress
import re
from enum import StrEnum

from bot.doctor.findings import BrokenError
from bot.doctor.names import Names

_LOOKUPS = 10  # §4.6.4
_TERM = re.compile(
    r"(?P<sign>[-+?~]?)(?P<name>[a-z0-9]+)(?::(?P<value>[^/]+))?(?P<length>(/\d+)?(//\d+)?)", re.IGNORECASE
)
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class SpfResult(StrEnum):
    """The result for an address (§2.6): whether its mail is authorized by the domain."""

    PASS = "+"  # noqa: S105 - the sign for it
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


class Policy:
    """The SPF policy of `domain`, with included records."""

    def __init__(self, names: Names, domain: str) -> None:
        self._names = names
        self._domain = domain
        self._lookups = 0

    async def of(self, address: Address) -> SpfResult:
        """Evaluate the policy for mail from `address`.

        Raises BrokenError if a record is missing, duplicate or invalid, or needs too many lookups; UnsureError if the
        DNS does not answer.
        """
        self._lookups = 0
        return await self._of(self._domain, address)

    async def _of(self, domain: str, address: Address) -> SpfResult:
        redirect = None
        for word in (await self._record(domain)).split()[1:]:
            name, equals, value = word.partition("=")
            if equals:
                redirect = value if name.lower() == "redirect" else redirect
                continue
            term = _TERM.fullmatch(word)
            if term is None:
                raise BrokenError(f"The SPF record of {domain} has an invalid part: {word[:60]}")
            if await self._matches(term, domain, address):
                return SpfResult(term["sign"] or "+")
        if redirect is None:
            return SpfResult.NEUTRAL
        self._count()
        return await self._of(redirect, address)

    async def _record(self, domain: str) -> str:
        found = [
            each for each in await self._names.texts(domain) if re.match(r"v=spf1( |$)", each, re.IGNORECASE)
        ]
        if len(found) != 1:
            how = (
                "no SPF record, so its mail counts as forged"
                if not found
                else "several SPF records: keep one"
            )
            raise BrokenError(f"{domain} has {how}.")
        return found[0]

    async def _matches(self, term: re.Match[str], domain: str, address: Address) -> bool:
        value = term["value"] or domain
        match term["name"].lower():
            case "all":
                return True
            case "ip4" | "ip6":
                return address in _network(f"{value}{term['length']}", domain)
            case "include":
                self._count()
                return await self._of(value, address) is SpfResult.PASS
            case "a":
                self._count()
                return await self._is_at([value], term["length"], address)
            case "mx":
                self._count()
                return await self._is_at(await self._names.exchangers(value), term["length"], address)
            case "exists" | "ptr":  # they depend on each mail, or should not be used (§5.5)
                self._count()
                return False
            case name:
                raise BrokenError(f"The SPF record of {domain} has an unknown part: {name}")

    async def _is_at(self, hosts: list[str], length: str, address: Address) -> bool:
        of_v4, _, of_v6 = length.partition("//")
        bits = (of_v4.removeprefix("/") or "32") if address.version == 4 else (of_v6 or "128")
        found = [each for host in hosts for each in await self._names.addresses(host)]
        same_family = [each for each in found if ipaddress.ip_address(each).version == address.version]
        return any(address in _network(f"{each}/{bits}", self._domain) for each in same_family)

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > _LOOKUPS:
            raise BrokenError(
                f"The SPF record of {self._domain} needs more than {_LOOKUPS} lookups, which receivers refuse."
            )


def _network(text: str, domain: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BrokenError(f"The SPF record of {domain} has an invalid address: {text[:60]}") from None
