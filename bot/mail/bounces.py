"""What a mail that came back reports: that another did not arrive, was complained of, or that somebody leaves. Pure.

Whom it is about is told by our own signatures alone: the address that the mail came back to (VERP), the Message-ID of
the original in the headers that were returned with it, or the address and subject of List-Unsubscribe's mailto. What
its text says of addresses is never believed. So whoever forges a report needs a mail that the subscriber has got; with
that they can end this one subscription, as they could with its unsubscribe link.

Formats: RFC 3464 (delivery status), RFC 5965 (complaints), and what flufl.bounce knows of servers with a form of their
own.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum
from hashlib import sha256

import structlog
from flufl.bounce import all_failures

from bot.links import Links
from bot.mail import returns

_log = structlog.get_logger()

LIMIT_BYTES = 128 * 1024
"""How much of a mail is read: what is reported stands before the original, which may be of any size."""
_LINES = 4000  # read of it: parsers take their time over each
_NESTED = 40  # parts named in a mail; a report has about five, its original some more
_HEADER = 4000  # characters read of a header
_CAME_TO = ("To", "Delivered-To", "X-Original-To")
_ID = re.compile(r"[\x21-\x7e]{1,250}")

# RFC 3463 §3.2, RFC 7505: no such mailbox, moved without an address, a domain that takes no mail.
_GONE = frozenset({"5.1.1", "5.1.6", "5.1.10"})
# RFC 3463 §3: the mail system, the protocol, the content, policies. Also of the sender's address and the mail's size.
_OURS = re.compile(r"5\.[3567]\.\d+|5\.1\.[78]|5\.2\.3")
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out"})  # not: not-spam, virus, auth-failure, other
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)


class Kind(StrEnum):
    """What a mail reports."""

    GONE = "gone"
    """There is no such mailbox."""
    HARD = "hard"
    """The mailbox did not take it, and another attempt is pointless."""
    REFUSED = "refused"
    """It was refused for what it is or where it is from; the mailbox may be fine."""
    SOFT = "soft"
    """It is late, or was given up after attempts that failed for a while."""
    COMPLAINT = "complaint"
    """The reader called it unwanted."""
    LEAVING = "leaving"
    """The reader unsubscribes by mail."""
    OTHER = "other"
    """Anything else: an answer of a person or of a machine, spam, what cannot be read."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail reports. `id` is its own Message-ID, or a hash; `detail` the status code or the type of complaint.

    It is about the subscriber `subscriber` or the delivery `delivery`; about nobody we know where both are None.
    """

    id: str
    kind: Kind
    detail: str | None = None
    subscriber: int | None = None
    delivery: int | None = None


def read(mail: bytes, links: Links) -> Report:
    """What `mail` reports, by its first `LIMIT_BYTES`. Raises nothing: what cannot be read reports nothing."""
    mail = b"".join(mail[:LIMIT_BYTES].splitlines(keepends=True)[:_LINES])
    own_id = f"sha256:{sha256(mail).hexdigest()}"
    if len(_NESTING.findall(mail)) > _NESTED:
        return Report(own_id, Kind.OTHER, "nested")
    try:
        return _read(message_from_bytes(mail), own_id, links)
    except Exception as error:  # noqa: BLE001 - hostile mail, before parsers that were not written for it
        _log.warning("mail_unreadable", error=type(error).__name__)
        return Report(own_id, Kind.OTHER, "unreadable")


def _read(mail: Message, own_id: str, links: Links) -> Report:
    found_id = _ID.fullmatch(_text(mail, "Message-ID").strip())
    own_id = found_id[0] if found_id else own_id
    if (leaver := _leaver(mail, links)) is not None:
        return Report(own_id, Kind.LEAVING, None, leaver)
    kind, detail = _reported(mail)
    if kind is Kind.OTHER:
        return Report(own_id, kind, detail)
    return Report(own_id, kind, detail, _subscriber(mail, links), _delivery(mail, links))


def _leaver(mail: Message, links: Links) -> int | None:
    """Who unsubscribes by this mail, by its address or its subject."""
    named = _named(mail, _CAME_TO, returns.LEAVE, links)
    return named if named is not None else returns.read_subject(_text(mail, "Subject"), links)


def _reported(mail: Message) -> tuple[Kind, str | None]:
    if status := _part(mail, "message/delivery-status"):
        return _by_status(status)
    if feedback := _part(mail, "message/feedback-report"):
        return _complaint(feedback)
    return _by_its_looks(mail), None


def _by_its_looks(mail: Message) -> Kind:
    """By the forms of servers that write no delivery status."""
    if not getaddresses(map(str, mail.get_all("From", []))):  # which flufl.bounce 6.0 does not survive
        del mail["From"]
        mail["From"] = "nobody@invalid"
    late, failed = all_failures(mail)
    return Kind.HARD if failed else Kind.SOFT if late else Kind.OTHER


def _by_status(status: Message) -> tuple[Kind, str | None]:
    """By the first recipient that it was not delivered to: each of our mails has one."""
    for fields in _blocks(status):
        action = _text(fields, "Action").strip().lower()
        code = _STATUS.match(_text(fields, "Status"))
        if action.startswith("delayed"):
            return Kind.SOFT, code and code[1]
        if action.startswith(("fail", "error")):  # OpenSMTPD says error
            return _failure(code and code[1])
    return Kind.OTHER, None


def _failure(code: str | None) -> tuple[Kind, str | None]:
    """What a failure with that status (RFC 3463) says; 4.x.x was tried until the server gave up."""
    if code in _GONE:
        return Kind.GONE, code
    if code and not code.startswith("5"):
        return Kind.SOFT, code
    return (Kind.REFUSED if code and _OURS.fullmatch(code) else Kind.HARD), code


def _complaint(feedback: Message) -> tuple[Kind, str | None]:
    for fields in _blocks(feedback):
        if (kind := _text(fields, "Feedback-Type").strip().lower()) in _COMPLAINTS:
            return Kind.COMPLAINT, kind
    return Kind.OTHER, None


def _subscriber(mail: Message, links: Links) -> int | None:
    """Whom the address says that it came back to; a complaint repeats that address as the original's sender."""
    places: list[tuple[Message, tuple[str, ...]]] = [(mail, _CAME_TO)]
    if feedback := _part(mail, "message/feedback-report"):
        places += [(fields, ("Original-Mail-From",)) for fields in _blocks(feedback)]
    places += [(original, ("Return-Path",)) for original in _originals(mail)]
    found = (_named(where, names, returns.BOUNCE, links) for where, names in places)
    return next((number for number in found if number is not None), None)


def _named(where: Message, names: Iterable[str], purpose: str, links: Links) -> int | None:
    """The subscriber whom an address of ours in one of those headers names."""
    for name in names:
        for value in where.get_all(name, []):
            for word in re.split(r"[\s<>,;]+", str(value)[:_HEADER]):
                if (found := returns.read(word, links)) and found[0] == purpose:
                    return found[1]
    return None


def _delivery(mail: Message, links: Links) -> int | None:
    for original in _originals(mail):
        if (found := returns.read_message_id(_text(original, "Message-ID"), links)) is not None:
            return found
    return None


def _originals(mail: Message) -> Iterator[Message]:
    """The headers of what came back: within the whole original, or alone (RFC 3462 §2)."""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind in ("message/rfc822", "message/global", "message/global-headers"):
            yield from _blocks(part)
        elif kind == "text/rfc822-headers":
            headers = part.get_payload(decode=True)
            yield message_from_bytes(headers if isinstance(headers, bytes) else b"")


def _part(mail: Message, kind: str) -> Message | None:
    return next((part for part in mail.walk() if part.get_content_type() == kind), None)


def _blocks(part: Message) -> list[Message]:
    """The groups of fields in a part of type `message/…`."""
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _text(fields: Message, name: str) -> str:
    """A header as it stands there, whatever its encoding; empty where there is none."""
    return str(fields.get(name, ""))[:_HEADER]
