"""Mail addresses, parsed on input."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr

from digest.core.errors import DigestError

LIMIT = 254
"""Characters of an address (RFC 5321 §4.5.3.1.3, without the angle brackets)."""


class InvalidMailboxError(DigestError):
    """Text that is not a mail address we can write to."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mail address in ASCII and lower case, so that equal addresses reach the same person."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    def is_or_leads_to(self, other: "Mailbox") -> bool:
        """Return whether it is `other`, or one of its addresses with a `+` (RFC 5233)."""
        return self.domain == other.domain and self.local.partition("+")[0] == other.local

    @classmethod
    def of(cls, stored: str) -> "Mailbox":
        """Read the mailbox that `str` wrote, without validating it again."""
        local, _, domain = stored.rpartition("@")
        return cls(local, domain)


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a mail: a name, which may be empty, and an address."""

    name: str
    mailbox: Mailbox

    @property
    def header(self) -> Address:
        """The sender as the email package's Address."""
        return Address(self.name, self.mailbox.local, self.mailbox.domain)


def parse(text: str) -> Mailbox:
    """Parse a mail address. Raises InvalidMailboxError.

    Domains may be in any script. Quoted local parts and those with non-ASCII letters are refused, because too many
    servers do not support them (RFC 6531).
    """
    # It brings a DNS client.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    given = text.strip()
    if len(given) > LIMIT:
        raise InvalidMailboxError(f"An address may have at most {LIMIT} characters.")
    try:
        found = validate_email(given, allow_smtputf8=False, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise InvalidMailboxError("This is not a valid mail address.") from None
    address = found.ascii_email or found.normalized
    local, _, domain = address.lower().rpartition("@")
    return Mailbox(local, domain)


def sender(text: str) -> Sender:
    """Parse a sender: `Name <address>` or only an address. Raises InvalidMailboxError."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise InvalidMailboxError("A sender must be a single line.")
    name, address = parseaddr(text)
    return Sender(name, parse(address))
