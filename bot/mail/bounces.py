"""Parser for the reports in incoming mail: bounces, complaints and unsubscriptions, also those of Amazon SES. Pure.

Only our own signatures identify the subscriber: the VERP address that the mail was returned to, the Message-ID in the
returned headers of the original, or the address and subject of the List-Unsubscribe mailto. Addresses in the text of a
report are never trusted. So forging a report takes a mail that the subscriber received; it can end only this one
subscription, which the unsubscribe link in that mail could do too.

Formats: RFC 3464 (delivery status), RFC 5965 (complaints), Amazon SES notices in JSON, and the forms of other servers
that flufl.bounce knows. The reason of a failure is judged like an SMTP reply (`refusals`): by the words of the
diagnostic, then by its status, then by the status of the report.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import structlog
from flufl.bounce import all_failures

from bot.links import Links
from bot.mail import refusals, return_path
from bot.mail.refusal_rules import Verdict
from digest.core import json_input

_SIGN = "notificationType"
_SES_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}", re.ASCII)


class NoticeKind(StrEnum):
    """The kind of a notice."""

    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    DELIVERY = "Delivery"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice. `diagnostic` and `status` are those of the first recipient; `original` holds the known headers."""

    kind: NoticeKind
    diagnostic: str
    status: str | None
    original: Message


def parse_notice(mail: Message) -> Notice | None:
    """Return the notice of Amazon SES in `mail`, which arrives as JSON by Amazon SNS; None if there is none.

    Format: docs.aws.amazon.com/ses/latest/dg/notification-contents.html. An SNS subscription wraps the notice in
    another object, as text; with raw delivery it stands alone. SES gives a mail its own Message-ID; ours is among the
    headers, if the identity is set to include them.
    """
    body = mail.get_payload(decode=True) if not mail.is_multipart() else None
    if not isinstance(body, bytes) or _SIGN.encode() not in body:
        return None
    try:
        found = _opened(body)
        return _ses_read(found) if found else None
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None


def _opened(body: bytes) -> dict[str, Any] | None:
    text = body.decode("utf-8", "replace")
    start = text.find("{")
    found, _ = json.JSONDecoder(strict=False).raw_decode(text[start:]) if start >= 0 else (None, 0)
    if isinstance(found, dict) and isinstance(found.get("Message"), str):
        found = json.loads(found["Message"])
    found = json_input.bounded(found)  # a value that no database takes would lose the notice
    return found if isinstance(found, dict) and _SIGN in found else None


def _ses_read(found: dict[str, Any]) -> Notice | None:
    if found[_SIGN] not in set(NoticeKind):
        return None
    bounce = found.get("bounce") or {}
    recipient = (bounce.get("bouncedRecipients") or [{}])[0]
    status = _SES_STATUS.fullmatch(str(recipient.get("status") or ""))
    diagnostic = str(recipient.get("diagnosticCode") or "").partition(";")
    return Notice(
        NoticeKind(found[_SIGN]),
        diagnostic[2] or diagnostic[0],
        status[0] if status else None,
        _original(found.get("mail") or {}),
    )


def _original(sent: dict[str, Any]) -> Message:
    headers = Message()
    for each in sent.get("headers") or []:
        headers[str(each["name"])] = str(each["value"])
    headers["Return-Path"] = str(sent.get("source") or "")
    return headers


_log = structlog.get_logger()

LIMIT_BYTES = 128 * 1024
"""The bytes of a mail that are read. The report comes before the original, which may be of any size."""
_LINES = 4000  # lines that are read, because parsers are slow
_NESTED = 40  # parts named in a mail; a report has about five, its original some more
_HEADER = 4000  # characters of a header that are read
_CAME_TO = ("To", "Delivered-To", "X-Original-To")
_ID = re.compile(r"[\x21-\x7e]{1,250}")

_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out"})  # not: not-spam, virus, auth-failure, other
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
_INNER = re.compile(r"(?:^|[\s:][45]\d\d[ -]|^[45]\d\d[ -]|\()#?([245]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])", re.ASCII)
_PROSE = 3000  # characters of the human-readable part
# The beginning of the returned mail in the reports of qmail, Exim, Gmail, DragonFly and others.
_ORIGINAL = re.compile(
    r"^(-{2,} ?(below|this is|enclosed|original|included)|-{3,}|original message|message headers follow|"
    r"included is a copy|return-path:|received:|message header)",
    re.IGNORECASE | re.MULTILINE,
)
_AFTER_MAIL = re.compile(r"(in reply to|after) mail from|^>>> mail from", re.IGNORECASE | re.MULTILINE)
_STILL_TRYING = re.compile(
    r"warning message only|(is|been) delayed|not yet been delivered|temporary failure report", re.IGNORECASE
)
_MAILER = re.compile(r"mailer-?daemon|postmaster|mail delivery|mdaemon", re.IGNORECASE)
# After the data, some recipients' filters say "unknown user" of addresses that exist (NTT Docomo).
_AFTER_DATA = re.compile(r"(in reply to|after) end of data|^>>> data\b", re.IGNORECASE | re.MULTILINE)


class ReportKind(StrEnum):
    """The kind of a report."""

    GONE = "gone"
    """The mailbox does not exist."""
    HARD = "hard"
    """The mailbox refused the mail, and the report blames the mailbox: full, disabled."""
    SOFT = "soft"
    """The mailbox failed after attempts for a while: unreachable, expired."""
    REFUSED = "refused"
    """The mail was refused for its content or origin; the mailbox may be fine."""
    UNCLEAR = "unclear"
    """The mail was refused, and the report gives no reason."""
    LATE = "late"
    """The mail is still on its way."""
    COMPLAINT = "complaint"
    """The recipient reported the mail as unwanted."""
    UNSUBSCRIBE = "leaving"
    """The recipient unsubscribes by mail."""
    OTHER = "other"
    """Anything else: a reply by a person or a program, spam, or unreadable mail."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `id` is its own Message-ID or a hash; `detail` is the status code or the type of complaint.

    It concerns the subscriber `subscriber` or the delivery `delivery`; nobody known if both are None. `likeness`
    identifies reports that give the same reason; it is empty for those that are not compared.
    """

    id: str
    kind: ReportKind
    detail: str | None = None
    subscriber: int | None = None
    delivery: int | None = None
    likeness: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class _ReportText:
    """The content of a report, without the subscriber."""

    kind: ReportKind
    detail: str | None = None
    likeness: str = ""


def read(mail: bytes, links: Links) -> Report:
    """Read the report in the first `LIMIT_BYTES` of `mail`. Raises nothing: an unreadable mail has the kind OTHER."""
    mail = b"".join(mail[:LIMIT_BYTES].splitlines(keepends=True)[:_LINES])
    own_id = f"sha256:{sha256(mail).hexdigest()}"
    if len(_NESTING.findall(mail)) > _NESTED:
        return Report(own_id, ReportKind.OTHER, "nested")
    try:
        return _read(message_from_bytes(mail), own_id, links)
    except Exception as error:  # noqa: BLE001 - hostile mail, read by parsers that were not written for it
        _log.warning("mail_unreadable", error=type(error).__name__)
        return Report(own_id, ReportKind.OTHER, "unreadable")


def _read(mail: Message, own_id: str, links: Links) -> Report:
    found_id = _ID.fullmatch(_text(mail, "Message-ID").strip())
    own_id = found_id[0] if found_id else own_id
    if (leaver := _leaver(mail, links)) is not None:
        return Report(own_id, ReportKind.UNSUBSCRIBE, None, leaver)
    said = _reported(mail)
    if said.kind is ReportKind.OTHER:
        return Report(own_id, said.kind, said.detail)
    about = _subscriber(mail, links), _delivery(mail, links)
    return Report(own_id, said.kind, said.detail, *about, said.likeness)


def _leaver(mail: Message, links: Links) -> int | None:
    """Return the subscriber who unsubscribes by this mail, identified by its address or subject."""
    named = _named(mail, _CAME_TO, return_path.LEAVE, links)
    return named if named is not None else return_path.read_subject(_text(mail, "Subject"), links)


def _reported(mail: Message) -> _ReportText:
    if status := _part(mail, "message/delivery-status"):
        return _by_status(status, _prose(mail))
    if feedback := _part(mail, "message/feedback-report"):
        return _complaint(feedback)
    if notice := parse_notice(mail):
        return _by_notice(notice)
    if _part(mail, "message/disposition-notification"):  # RFC 8098: about a mail that arrived
        return _ReportText(ReportKind.OTHER)
    return _by_its_looks(mail)


def _by_its_looks(mail: Message) -> _ReportText:
    """Recognize the forms of servers that write no delivery status."""
    if not getaddresses(
        map(str, mail.get_all("From", []))
    ):  # flufl.bounce 6.0 fails on a mail without a sender
        del mail["From"]
        mail["From"] = "nobody@invalid"
    late, failed = all_failures(mail)
    prose = _prose(mail)
    is_mailer = _MAILER.search(_text(mail, "From"))
    if late or (is_mailer and _STILL_TRYING.search(prose)):
        return _ReportText(ReportKind.LATE)
    said = _failure("", None, prose)
    if failed or (is_mailer and said.kind is not ReportKind.UNCLEAR):
        return said
    return _ReportText(ReportKind.OTHER)


def _by_status(status: Message, prose: str) -> _ReportText:
    """Read the first recipient with a failure. Each of our mails has only one recipient."""
    for fields in _blocks(status):
        action = _text(fields, "Action").strip().lower()
        found = _STATUS.match(_text(fields, "Status").strip())
        code = found and found[1]
        if action.startswith("delayed"):
            return _ReportText(ReportKind.LATE, code)
        if action.startswith(("fail", "error")):  # OpenSMTPD writes error
            return _failure(_text(fields, "Diagnostic-Code").partition(";")[2], code, prose)
    return _ReportText(ReportKind.OTHER)


def _by_notice(notice: Notice) -> _ReportText:
    match notice.kind:
        case NoticeKind.BOUNCE:
            return _failure(notice.diagnostic, notice.status, "")
        case NoticeKind.COMPLAINT:
            return _ReportText(ReportKind.COMPLAINT, "abuse")
    return _ReportText(ReportKind.OTHER)


def _failure(diagnostic: str, status: str | None, prose: str) -> _ReportText:
    """Judge a failure by its `diagnostic`, or else by the `prose`; `status` is that of the report."""
    if not refusals.words(diagnostic):
        verdict = refusals.judge(None, status, "").verdict
        if verdict is not Verdict.UNCLEAR:
            return _ReportText(_kind(verdict, status), status)
        diagnostic = prose
    text = " ".join(diagnostic.split())
    code, inner = _CODE.search(text), _INNER.search(text)
    number, detail = int(code[1]) if code else None, inner[1] if inner else status
    verdict = _corrected(refusals.judge(number, detail, text).verdict, detail, prose)
    return _ReportText(_kind(verdict, detail), detail, refusals.likeness(number, text))


def _corrected(verdict: Verdict, status: str | None, prose: str) -> Verdict:
    """Correct the verdict by the command that was refused: a reply to MAIL FROM concerns us; after the data a filter
    may be wrong.
    """
    if verdict in (Verdict.GONE, Verdict.ADDRESS) and _AFTER_MAIL.search(prose):
        return Verdict.CHANNEL
    if verdict is Verdict.GONE and not _names_the_mailbox(status) and _AFTER_DATA.search(prose):
        return Verdict.UNCLEAR
    return verdict


def _names_the_mailbox(status: str | None) -> bool:
    """Return whether a status concerns the address (RFC 3463 §3.2)."""
    return status is not None and status.split(".")[1] == "1"


def _kind(verdict: Verdict, status: str | None) -> ReportKind:
    match verdict:
        case Verdict.GONE:
            return ReportKind.GONE
        case Verdict.ADDRESS:
            return ReportKind.SOFT if status and status.startswith("4") else ReportKind.HARD
        case Verdict.CHANNEL | Verdict.MESSAGE:
            return ReportKind.REFUSED
        case Verdict.UNCLEAR:  # RFC 3463 §3: system, protocol, content, policies
            return ReportKind.REFUSED if status and status.split(".")[1] in "3567" else ReportKind.UNCLEAR


def _complaint(feedback: Message) -> _ReportText:
    for fields in _blocks(feedback):
        if (kind := _text(fields, "Feedback-Type").strip().lower()) in _COMPLAINTS:
            return _ReportText(ReportKind.COMPLAINT, kind)
    return _ReportText(ReportKind.OTHER)


def _prose(mail: Message) -> str:
    """Return the human-readable text of a report, up to the returned mail."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            body = part.get_payload(decode=True)
            raw = body.decode("ascii", "surrogateescape") if isinstance(body, bytes) else ""
            text = refusals.readable(raw)
            return _ORIGINAL.split(text[:_PROSE], maxsplit=1)[0]
    return ""


def _subscriber(mail: Message, links: Links) -> int | None:
    """Return the subscriber of the VERP address. A complaint repeats that address as the original's sender."""
    places: list[tuple[Message, tuple[str, ...]]] = [(mail, _CAME_TO)]
    if feedback := _part(mail, "message/feedback-report"):
        places += [(fields, ("Original-Mail-From",)) for fields in _blocks(feedback)]
    places += [(original, ("Return-Path",)) for original in _originals(mail)]
    found = [_named(where, names, return_path.BOUNCE, links) for where, names in places]
    found += [_by_way_out(original, links) for original in _originals(mail)]
    return next((number for number in found if number is not None), None)


def _by_way_out(original: Message, links: Links) -> int | None:
    """Return the subscriber in the original's List-Unsubscribe, which survives a relay that rewrites Message-ID and
    sender.
    """
    if (number := _named(original, ("List-Unsubscribe",), return_path.LEAVE, links)) is not None:
        return number
    _, _, subject = unquote(_text(original, "List-Unsubscribe")).partition("?subject=")
    return return_path.read_subject(subject.partition(">")[0], links)


def _named(where: Message, names: Iterable[str], purpose: str, links: Links) -> int | None:
    """Return the subscriber in one of our addresses in those headers."""
    for name in names:
        for value in where.get_all(name, []):
            for word in re.split(r"[\s<>,;]+", str(value)[:_HEADER]):
                if (found := return_path.read_address(word, links)) and found[0] == purpose:
                    return found[1]
    return None


def _delivery(mail: Message, links: Links) -> int | None:
    for original in _originals(mail):
        if (found := return_path.read_message_id(_text(original, "Message-ID"), links)) is not None:
            return found
    return None


def _originals(mail: Message) -> Iterator[Message]:
    """Yield the headers of the original: from the whole mail, alone (RFC 3462 §2), or from an SES notice."""
    if notice := parse_notice(mail):
        yield notice.original
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
    """Return the groups of fields in a part of type `message/…`."""
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _text(fields: Message, name: str) -> str:
    """Return a header as it is, in any encoding, or empty if it is missing."""
    raw = next((value for each, value in fields.raw_items() if each.lower() == name.lower()), "")
    return refusals.readable(str(raw)[:_HEADER])
