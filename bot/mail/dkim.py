"""Signing of mail (DKIM, RFC 6376), for operators whose server does not sign."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import dkim
from dkim.asn1 import ASN1FormatError

from digest.core.errors import DigestError

# RFC 6376 §5.4.1; RFC 8058 §4 requires both List-Unsubscribe headers, Gmail recommends Feedback-ID. Each header is
# listed once more than a mail has it, so that nobody can add a second one, which some programs would show instead
# (§5.4.2, §8.15).
_HEADERS = (
    b"from", b"reply-to", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id",
    b"auto-submitted",
)  # fmt: skip
_SIGNED = tuple(name for name in _HEADERS for _ in range(2))
_PEM = re.compile(rb"-----BEGIN (?:RSA )?PRIVATE KEY-----\n.+\n-----END (?:RSA )?PRIVATE KEY-----", re.DOTALL)
_PROBE = b"From: probe@invalid\r\n\r\n"


class SigningKeyError(DigestError):
    """The private key is unreadable or invalid."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer for `domain`, whose DNS holds the public key under `selector`; `key` is an RSA key in PEM."""

    domain: str
    selector: str
    key: bytes = field(repr=False)

    async def signed(self, content: bytes) -> bytes:
        """Return the mail preceded by its signature. Signing takes milliseconds, so it runs in a thread."""
        return await asyncio.to_thread(self.sign, content)

    def sign(self, content: bytes) -> bytes:
        """Sign the mail in the calling thread."""
        made: bytes = dkim.sign(
            content,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=list(_SIGNED),
        )
        return made + content


def load(path: Path, selector: str, domain: str) -> Signer:
    """Load the signer with the key file `path`. Raises SigningKeyError."""
    try:
        key = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise SigningKeyError(f"The DKIM key {path} cannot be read: {error.strerror}.") from None
    found = _PEM.search(key)
    if found is None:
        raise SigningKeyError(f"{path} holds no RSA private key in PEM.")
    signer = Signer(domain, selector, found[0])
    try:
        signer.sign(_PROBE)
    except (dkim.DKIMException, ASN1FormatError, ValueError, IndexError):
        raise SigningKeyError(f"{path} holds no RSA private key that can be used.") from None
    return signer
