"""Builds the bytes of one mail, as SMTP takes them after DATA, and their signature.

The part that subscribers with equal preferences share is composed and encoded once and stored: subject and bodies. Each
mail adds a short end to both bodies, with personal links, and its headers. This is built by hand because it runs
thousands of times a second, and because the email package rewrites a long List-Unsubscribe into encoded words.
"""

import asyncio
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import cached_property
from hashlib import sha256
from html import escape
from pathlib import Path

import dkim
from dkim.asn1 import ASN1FormatError

from bot.core.mailboxes import Mailbox, Sender
from bot.core.models import Part
from bot.links import Links
from bot.mail import return_path
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
    """A DKIM signer (RFC 6376) for `domain`, for operators whose server does not sign.

    The DNS holds the public key under `selector`; `key` is an RSA key in PEM.
    """

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


def load_signer(path: Path, selector: str, domain: str) -> Signer:
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


_BOUNDARY = "arxiv_daily_alternative"  # base64 contains no underscore
_LINE = 76  # characters of a line of base64 (RFC 2045 §6.8)
_FOLD = 76  # characters of a header line with encoded words (RFC 2047 §2)
_NAME = 60  # characters of a name that is not encoded
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/^_`{|}~ -]+")
_FOLDED = re.compile(r"[ -~]{0,60}(?: [!-~]{1,60})*")  # ASCII in words that fit a line


class UnsafeHeaderError(DigestError):
    """Text for a header that could inject another header."""


@dataclass(frozen=True)
class Letterhead:
    """The common parts of all mails: the sender, and the addresses for replies and bounces.

    `reply_to` takes people's replies, `bounces` is the mailbox for reports. `envelope`, if given, is the envelope
    sender of every mail. Raises UnsafeHeaderError.
    """

    sender: Sender
    links: Links
    reply_to: Mailbox | None = None
    bounces: Mailbox | None = None
    envelope: Mailbox | None = None

    def __post_init__(self) -> None:
        self.headers  # noqa: B018 - a name that cannot stand there is refused at the start

    @property
    def domain(self) -> str:
        """The domain of the sender, for SPF, DKIM, DMARC and every Message-ID."""
        return self.sender.mailbox.domain

    @cached_property
    def headers(self) -> tuple[str, ...]:
        """The headers that are the same in each mail."""
        answers = [f"Reply-To: {self.reply_to}"] if self.reply_to else []
        return (_from(self.sender), *answers)

    @cached_property
    def list_headers(self) -> tuple[str, ...]:
        """The headers that are the same in each newsletter mail, except List-Unsubscribe.

        List-Id: RFC 2919. Auto-Submitted: RFC 3834 §5. Precedence predates all standards, and vacation responders look
        for it.
        """
        return (
            f"List-Id: arXiv Daily\r\n <arxiv-daily.{self.domain}>",
            "Auto-Submitted: auto-generated",
            "Precedence: bulk",
        )

    def return_path(self, subscriber: int) -> Mailbox:
        """Return the envelope sender for a mail to `subscriber`: a VERP address, if the mailbox supports that."""
        if self.bounces is None or self.envelope is not None:
            return self.letter_path
        return return_path.bounce_address(self.bounces, self.links, subscriber)

    @property
    def letter_path(self) -> Mailbox:
        """The envelope sender of mail outside the newsletter."""
        return self.envelope or self.bounces or self.sender.mailbox

    def leave_mailto(self, subscriber: int) -> str:
        """Return the mailto: address that ends the subscription."""
        if self.bounces is None:
            subject = return_path.leave_subject(self.links, subscriber).replace(" ", "%20")
            return f"mailto:{_quoted(self.sender.mailbox)}?subject={subject}"
        address = return_path.leave_address(self.bounces, self.links, subscriber)
        return f"mailto:{_quoted(address)}?subject=unsubscribe"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail with its envelope: the sender (MAIL FROM) and the recipient (RCPT TO)."""

    sender: Mailbox
    to: Mailbox
    content: bytes


def part(subject: str, html: tuple[str, str], text: tuple[str, str], feedback: str = "") -> Part:
    """Build a mail as it is stored: its subject and both bodies, each as common text and a template of its end.

    The ends may contain `{sender}`, `{to}`, `{preferences}` and `{unsubscribe}`. `feedback` identifies the mail in
    complaint reports. Raises UnsafeHeaderError.
    """
    return {
        "subject": subject,
        "headers": [
            f"Subject: {_phrase('Subject', subject)}",
            *([f"Feedback-ID: {feedback}"] if feedback else []),
        ],
        "html": _encoded(html[0]),
        "html_end": _canonical(html[1]),
        "text": _encoded(text[0]),
        "text_end": _canonical(text[1]),
    }


def build(
    made: Part, head: Letterhead, *, to: Mailbox, subscriber: int, delivery: int, at: datetime
) -> Envelope:
    """Build the mail of the delivery `delivery` to `subscriber`, with the date `at`.

    List-Unsubscribe: RFC 2369 §3.2, and RFC 8058 for one-click, which needs https and comes first.
    """
    leave = head.links.unsubscribe(subscriber)
    headers = (
        *head.headers,
        f"To: {to}",
        *made["headers"],
        f"Date: {format_datetime(at)}",
        f"Message-ID: {return_path.message_id(head.domain, head.links, delivery)}",
        *head.list_headers,
        f"List-Unsubscribe: <{leave}>,\r\n <{head.leave_mailto(subscriber)}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    )
    values = {"preferences": head.links.preferences(subscriber), "unsubscribe": leave}
    return Envelope(head.return_path(subscriber), to, _content(made, headers, head, to, values))


def build_letter(made: Part, head: Letterhead, *, to: Mailbox, number: int, at: datetime) -> Envelope:
    """Build the transactional mail `number`, caused by an action at this address."""
    return _letter(made, head, to, return_path.letter_id(head.domain, head.links, number), at)


def build_notice(made: Part, head: Letterhead, *, to: Mailbox, name: str, at: datetime) -> Envelope:
    """Build a mail to the operator; `name` identifies it, also across attempts."""
    digest = sha256(name.encode()).hexdigest()[:32]
    return _letter(made, head, to, f"<notice.{digest}@{head.domain}>", at)


def _letter(made: Part, head: Letterhead, to: Mailbox, message_id: str, at: datetime) -> Envelope:
    headers = (
        *head.headers,
        f"To: {to}",
        *made["headers"],
        f"Date: {format_datetime(at)}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",
    )
    return Envelope(head.letter_path, to, _content(made, headers, head, to, {}))


def _encoded(body: str) -> str:
    """Encode `body` in base64, in lines of 76 characters, so that another encoded text can follow.

    The body is padded with spaces to a length for which base64 needs no padding.
    """
    raw = _canonical(body).encode()
    return _lines(raw + b" " * (-len(raw) % 3)).decode()


def _content(
    made: Part, headers: tuple[str, ...], head: Letterhead, to: Mailbox, values: dict[str, str]
) -> bytes:
    values = {**values, "to": str(to), "sender": str(head.sender.mailbox)}
    in_html = {name: escape(value) for name, value in values.items()}
    text = _lines(made["text_end"].format(**values).encode()).decode()
    html = _lines(made["html_end"].format(**in_html).encode()).decode()
    return "\r\n".join(
        (
            *headers,
            "MIME-Version: 1.0",
            f"Content-Type: multipart/alternative; boundary={_BOUNDARY}",
            "",
            f"--{_BOUNDARY}",
            *_body("plain", made["text"], text),
            f"--{_BOUNDARY}",
            *_body("html", made["html"], html),
            f"--{_BOUNDARY}--",
            "",
        )
    ).encode("ascii")


def _body(kind: str, common: str, end: str) -> tuple[str, ...]:
    return (
        f"Content-Type: text/{kind}; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "",
        common,
        end,
    )


def _from(sender: Sender) -> str:
    """Format the sender by RFC 5322 §3.4: the name as it is, or in encoded words if it is long or has special
    characters.
    """
    if not sender.name:
        return f"From: {sender.mailbox}"
    is_plain = _ATOMS.fullmatch(sender.name) and len(sender.name) <= _NAME
    name = sender.name if is_plain else _encoded_words("From", sender.name)
    return f"From: {name}\r\n <{sender.mailbox}>"


def _phrase(header: str, value: str) -> str:
    """Format `value` for a human-readable `header`. Raises UnsafeHeaderError."""
    if not _FOLDED.fullmatch(value) or "=?" in value:
        return _encoded_words(header, value)
    return Header(value, "us-ascii", maxlinelen=_FOLD, header_name=header).encode(linesep="\r\n")


def _encoded_words(header: str, value: str) -> str:
    """Format `value` as encoded words of at most 75 characters (RFC 2047). Raises UnsafeHeaderError."""
    if _CONTROL.search(value):
        raise UnsafeHeaderError(f"{header} must be a single line.")
    return Header(value, "utf-8", maxlinelen=_FOLD, header_name=header).encode(linesep="\r\n")


def _quoted(mailbox: Mailbox) -> str:
    """Quote an address for a mailto: URL (RFC 6068 §2)."""
    return re.sub(r"[^A-Za-z0-9@.+_~!$'*-]", lambda found: f"%{ord(found[0]):02X}", str(mailbox))


def _canonical(body: str) -> str:
    """Convert line endings to those of mail (RFC 2045 §6.8)."""
    return body.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def _lines(raw: bytes) -> bytes:
    whole = b64encode(raw)
    return b"\r\n".join(whole[at : at + _LINE] for at in range(0, len(whole), _LINE))
