"""Checks of the sender's domain in the DNS: SPF, DKIM, DMARC, and where replies go.

Gmail, Yahoo and Microsoft require all of these from bulk senders. Two domains are aligned if one equals or contains the
other (DMARC's relaxed mode); domains under one public suffix cannot be told apart here.
"""

import base64
import ipaddress
import re
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.doctor.names import Names
from bot.doctor.spf import Address, Policy, SpfResult
from bot.mail import envelope_sender
from bot.settings import Settings


def sender(settings: Settings) -> str:
    """Return the domain that recipients see. Raises OffError."""
    if settings.smtp_host is None or settings.mail_from is None:
        raise OffError("SMTP_HOST is not set.")
    return settings.mail_from.mailbox.domain


async def spf(settings: Settings, names: Names) -> str:
    """Check that the bounce domain's SPF record includes the SMTP server, and is aligned with the sender's domain."""
    visible = sender(settings)
    domain = envelope_sender.domain(settings) or visible
    if not _aligned(domain, visible):
        which = "The login" if envelope_sender.fixed(settings) else "MAIL_BOUNCES"
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
