"""Mail addresses, parsed at the door."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr

from email_validator import EmailNotValidError, validate_email

from digest.errors import DigestError

LIMIT = 254
"""Characters of an address (RFC 5321 §4.5.3.1.3, less the angle brackets)."""


class InvalidMailboxError(DigestError):
    """Text that is no address that we can write to."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address that mail can be sent to, in ASCII and in lower case: equal addresses reach the same person."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    def is_or_leads_to(self, other: "Mailbox") -> bool:
        """Whether it is `other`, or one of the addresses with a `+` that are delivered there (RFC 5233)."""
        return self.domain == other.domain and self.local.partition("+")[0] == other.local

    @classmethod
    def of(cls, stored: str) -> "Mailbox":
        """The mailbox that `str` wrote: what was parsed once need not be again."""
        local, _, domain = stored.rpartition("@")
        return cls(local, domain)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from: a name, which may be empty, and an address."""

    name: str
    mailbox: Mailbox

    @property
    def header(self) -> Address:
        """As the email package writes it into a header."""
        return Address(self.name, self.mailbox.local, self.mailbox.domain)


def parse(text: str) -> Mailbox:
    """The mailbox that `text` names. Raises InvalidMailboxError.

    Domains may be written in any script. Quoted local parts and those with letters beyond ASCII are refused: too many
    servers on the way do not know them (RFC 6531).
    """
    given = text.strip()
    if len(given) > LIMIT:
        raise InvalidMailboxError(f"An address has {LIMIT} characters at the most.")
    try:
        found = validate_email(given, allow_smtputf8=False, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise InvalidMailboxError("This is no mail address that can be written to.") from None
    address = found.ascii_email or found.normalized
    local, _, domain = address.lower().rpartition("@")
    return Mailbox(local, domain)


def sender(text: str) -> Sender:
    """The sender that `text` names: `Name <address>`, or an address alone. Raises InvalidMailboxError."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise InvalidMailboxError("A sender stands on one line.")
    name, address = parseaddr(text)
    return Sender(name, parse(address))
