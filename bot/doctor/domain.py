"""Checks of the sender's domain in the DNS: SPF, DKIM, DMARC, and where replies go.

Gmail, Yahoo and Microsoft require all of these from bulk senders. Two domains are aligned if one equals or contains the
other (DMARC's relaxed mode); domains under one public suffix cannot be told apart here. SPF (RFC 7208) is evaluated as
far as records in use need it.
"""

import base64
import ipaddress
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import dns.reversename
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from dns.rdatatype import RdataType

from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.mail import return_path
from bot.settings import Settings

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


_LOOKUPS = 10  # RFC 7208 §4.6.4
_TERM = re.compile(
    r"(?P<sign>[-+?~]?)(?P<name>[a-z0-9]+)(?::(?P<value>[^/]+))?(?P<length>(/\d+)?(//\d+)?)", re.IGNORECASE
)
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class SpfResult(StrEnum):
    """The result for an address (RFC 7208 §2.6): whether its mail is authorized by the domain."""

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
            case "exists" | "ptr":  # they depend on each mail, or should not be used (RFC 7208 §5.5)
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


def sender(settings: Settings) -> str:
    """Return the domain that recipients see. Raises OffError."""
    if settings.smtp_host is None or settings.mail_from is None:
        raise OffError("SMTP_HOST is not set.")
    return settings.mail_from.mailbox.domain


async def spf(settings: Settings, names: Names) -> str:
    """Check that the bounce domain's SPF record includes the SMTP server, and is aligned with the sender's domain."""
    visible = sender(settings)
    domain = return_path.sender_domain(settings) or visible
    if not _aligned(domain, visible):
        which = "The login" if return_path.fixed_sender(settings) else "MAIL_BOUNCES"
        raise BrokenError(f"{which} belongs to {domain}, not to {visible}: DMARC then ignores SPF.")
    policy = Policy(names, domain)
    addresses = await _public(settings, names)
    verdicts = {str(address): await policy.of(address) for address in addresses}
    if not verdicts:
        await policy.of(ipaddress.ip_address("192.0.2.1"))
        raise UnsureError(
            f"{domain} has an SPF record; whether mail passes depends on the address from which SMTP_HOST sends."
        )
    foreign = [address for address, verdict in verdicts.items() if verdict is not SpfResult.PASS]
    if foreign:
        raise UnsureError(
            f"The SPF record of {domain} does not include {', '.join(foreign)} (SMTP_HOST): "
            "that is right only if the server sends from other addresses."
        )
    return f"{domain} includes {', '.join(verdicts)}"


async def dkim(settings: Settings, names: Names) -> str:
    """Check that the DNS holds the public half of the signing key."""
    domain = sender(settings)
    if settings.dkim_selector is None or settings.dkim_key_file is None:
        raise OffError("DKIM_SELECTOR is not set: your SMTP server has to sign.")
    name = f"{settings.dkim_selector}._domainkey.{domain}"
    records = [each for each in await names.texts(name) if re.search(r"(^|;)\s*p\s*=", each)]
    ours = _public_key(settings)
    wanted = f"set it to “v=DKIM1; k=rsa; p={ours}”"
    if len(records) != 1:
        raise BrokenError(f"{name} has {'no' if not records else 'more than one'} DKIM record: {wanted}.")
    found = re.sub(r"\s", "", _tags(records[0]).get("p", ""))
    if found != ours:
        raise BrokenError(f"{name} holds a key other than that of DKIM_KEY_FILE: {wanted}.")
    return f"{name} matches DKIM_KEY_FILE"


async def dmarc(settings: Settings, names: Names) -> str:
    """Check that the domain, or one above it, has a DMARC policy (RFC 7489 §6.6.3)."""
    domain = sender(settings)
    for each in _with_parents(domain):
        records = [text for text in await names.texts(f"_dmarc.{each}") if re.match(r"v=DMARC1\s*;", text)]
        if len(records) > 1:
            raise BrokenError(f"_dmarc.{each} has several DMARC records: keep one.")
        if records:
            policy = _tags(records[0]).get("p", "").lower()
            if policy not in ("none", "quarantine", "reject"):
                raise BrokenError(f"The DMARC record of {each} has no policy: add p=none to it.")
            return f"{each} has p={policy}"
    raise BrokenError(f"{domain} has no DMARC record: set _dmarc.{domain} to “v=DMARC1; p=none”.")


async def exchangers(settings: Settings, names: Names) -> str:
    """Check that bounces and replies can be delivered."""
    domains = {sender(settings)}
    for setting in (settings.mail_bounces, settings.mail_reply_to):
        domains |= {setting.domain} if setting else set()
    for domain in sorted(domains):
        hosts = await names.exchangers(domain)
        if "" in hosts or not (hosts or await names.addresses(domain)):
            raise BrokenError(f"{domain} accepts no mail, so bounces and replies are lost: add an MX record.")
    return f"{', '.join(sorted(domains))} can receive mail"


async def reverse(settings: Settings, names: Names) -> str:
    """Check that the SMTP server's addresses have names that lead back to them."""
    sender(settings)
    addresses = await _public(settings, names)
    if not addresses:
        raise UnsureError("SMTP_HOST has no public address, so the sending address is unknown.")
    for address in map(str, addresses):
        hosts = await names.hosts(address)
        if not any([address in await names.addresses(host) for host in hosts]):
            raise UnsureError(
                f"{address} (SMTP_HOST) has no PTR record that leads back to it: "
                "that is right only if the server sends from other addresses."
            )
    return f"{', '.join(map(str, addresses))} has a name"


async def _public(settings: Settings, names: Names) -> list[Address]:
    """Return the public addresses of the SMTP server."""
    host = settings.smtp_host or ""
    try:
        found = [ipaddress.ip_address(host)]
    except ValueError:
        found = [ipaddress.ip_address(each) for each in await names.addresses(host)]
    return [each for each in found if each.is_global]


def _aligned(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _with_parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield from (".".join(labels[start:]) for start in range(max(1, len(labels) - 1)))


def _tags(record: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC record (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _public_key(settings: Settings) -> str:
    """Return the public half of DKIM_KEY_FILE as in a DKIM record. Raises BrokenError."""
    path = settings.dkim_key_file
    try:
        key = load_pem_private_key(path.read_bytes() if path else b"", password=None)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except OSError as error:
        raise BrokenError(f"DKIM_KEY_FILE, {path}, cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BrokenError(f"DKIM_KEY_FILE, {path}, holds no private key in PEM.") from None
    return base64.b64encode(public).decode()
