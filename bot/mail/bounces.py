"""What a mail that came back reports: that another did not arrive, was complained of, or that somebody leaves. Pure.

Whom it is about is told by our own signatures alone: the address that the mail came back to (VERP), the Message-ID of
the original in the headers that were returned with it, or the address and subject of List-Unsubscribe's mailto. What
its text says of addresses is never believed. So whoever forges a report needs a mail that the subscriber has got; with
that they can end this one subscription, as they could with its unsubscribe link.

Formats: RFC 3464 (delivery status), RFC 5965 (complaints), the notices of Amazon SES in JSON, and what flufl.bounce
knows of servers with a form of their own. Why a mail failed is judged as an SMTP answer is (`refusals`): by the words
of the diagnostic first, then by its status, then by the status of the report.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum
from hashlib import sha256
from urllib.parse import unquote

import structlog
from flufl.bounce import all_failures

from bot.links import Links
from bot.mail import refusals, returns, ses
from bot.mail.refusal_rules import Verdict

_log = structlog.get_logger()

LIMIT_BYTES = 128 * 1024
"""How much of a mail is read: what is reported stands before the original, which may be of any size."""
_LINES = 4000  # read of it: parsers take their time over each
_NESTED = 40  # parts named in a mail; a report has about five, its original some more
_HEADER = 4000  # characters read of a header
_CAME_TO = ("To", "Delivered-To", "X-Original-To")
_ID = re.compile(r"[\x21-\x7e]{1,250}")

_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out"})  # not: not-spam, virus, auth-failure, other
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
_INNER = re.compile(r"(?:^|[\s:][45]\d\d[ -]|^[45]\d\d[ -]|\()#?([245]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])", re.ASCII)
_PROSE = 3000  # characters of what a report tells people
# Where the mail that came back begins, in the reports of qmail, Exim, Gmail, DragonFly and others.
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
# Filters of the recipient say "unknown user" there, of addresses that exist (NTT Docomo).
_AFTER_DATA = re.compile(r"(in reply to|after) end of data|^>>> data\b", re.IGNORECASE | re.MULTILINE)


class Kind(StrEnum):
    """What a mail reports."""

    GONE = "gone"
    """There is no such mailbox."""
    HARD = "hard"
    """The mailbox did not take it, and the report blames the mailbox: full, disabled."""
    SOFT = "soft"
    """The same after attempts that failed for a while: out of reach, expired."""
    REFUSED = "refused"
    """It was refused for what it is or where it is from; the mailbox may be fine."""
    UNCLEAR = "unclear"
    """It was refused, and the report does not tell why."""
    LATE = "late"
    """It is still on its way."""
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
    `likeness` is what reports that say the same have in common, empty where none is compared.
    """

    id: str
    kind: Kind
    detail: str | None = None
    subscriber: int | None = None
    delivery: int | None = None
    likeness: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a mail reports, of whomever."""

    kind: Kind
    detail: str | None = None
    likeness: str = ""


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
    said = _reported(mail)
    if said.kind is Kind.OTHER:
        return Report(own_id, said.kind, said.detail)
    about = _subscriber(mail, links), _delivery(mail, links)
    return Report(own_id, said.kind, said.detail, *about, said.likeness)


def _leaver(mail: Message, links: Links) -> int | None:
    """Who unsubscribes by this mail, by its address or its subject."""
    named = _named(mail, _CAME_TO, returns.LEAVE, links)
    return named if named is not None else returns.read_subject(_text(mail, "Subject"), links)


def _reported(mail: Message) -> _Said:
    if status := _part(mail, "message/delivery-status"):
        return _by_status(status, _prose(mail))
    if feedback := _part(mail, "message/feedback-report"):
        return _complaint(feedback)
    if notice := ses.notice(mail):
        return _by_notice(notice)
    if _part(mail, "message/disposition-notification"):  # RFC 8098: of a mail that arrived
        return _Said(Kind.OTHER)
    return _by_its_looks(mail)


def _by_its_looks(mail: Message) -> _Said:
    """By the forms of servers that write no delivery status."""
    if not getaddresses(map(str, mail.get_all("From", []))):  # which flufl.bounce 6.0 does not survive
        del mail["From"]
        mail["From"] = "nobody@invalid"
    late, failed = all_failures(mail)
    prose = _prose(mail)
    is_mailer = _MAILER.search(_text(mail, "From"))
    if late or (is_mailer and _STILL_TRYING.search(prose)):
        return _Said(Kind.LATE)
    said = _failure("", None, prose)
    if failed or (is_mailer and said.kind is not Kind.UNCLEAR):
        return said
    return _Said(Kind.OTHER)


def _by_status(status: Message, prose: str) -> _Said:
    """By the first recipient that it was not delivered to: each of our mails has one."""
    for fields in _blocks(status):
        action = _text(fields, "Action").strip().lower()
        found = _STATUS.match(_text(fields, "Status").strip())
        code = found and found[1]
        if action.startswith("delayed"):
            return _Said(Kind.LATE, code)
        if action.startswith(("fail", "error")):  # OpenSMTPD says error
            return _failure(_text(fields, "Diagnostic-Code").partition(";")[2], code, prose)
    return _Said(Kind.OTHER)


def _by_notice(notice: ses.Notice) -> _Said:
    match notice.kind:
        case ses.NoticeKind.BOUNCE:
            return _failure(notice.diagnostic, notice.status, "")
        case ses.NoticeKind.COMPLAINT:
            return _Said(Kind.COMPLAINT, "abuse")
    return _Said(Kind.OTHER)


def _failure(diagnostic: str, status: str | None, prose: str) -> _Said:
    """What a failure says in its `diagnostic`, else in the `prose` beside it; `status` is that of the report."""
    if not refusals.words(diagnostic):
        verdict = refusals.judge(None, status, "").verdict
        if verdict is not Verdict.UNCLEAR:
            return _Said(_kind(verdict, status), status)
        diagnostic = prose
    text = " ".join(diagnostic.split())
    code, inner = _CODE.search(text), _INNER.search(text)
    number, detail = int(code[1]) if code else None, inner[1] if inner else status
    verdict = _corrected(refusals.judge(number, detail, text).verdict, detail, prose)
    return _Said(_kind(verdict, detail), detail, refusals.likeness(number, text))


def _corrected(verdict: Verdict, status: str | None, prose: str) -> Verdict:
    """The verdict, by what was answered: to our sender it is about us, and behind the mail a filter may lie."""
    if verdict in (Verdict.GONE, Verdict.ADDRESS) and _AFTER_MAIL.search(prose):
        return Verdict.CHANNEL
    if verdict is Verdict.GONE and not _names_the_mailbox(status) and _AFTER_DATA.search(prose):
        return Verdict.UNCLEAR
    return verdict


def _names_the_mailbox(status: str | None) -> bool:
    """Whether a status is about the address (RFC 3463 §3.2)."""
    return status is not None and status.split(".")[1] == "1"


def _kind(verdict: Verdict, status: str | None) -> Kind:
    match verdict:
        case Verdict.GONE:
            return Kind.GONE
        case Verdict.ADDRESS:
            return Kind.SOFT if status and status.startswith("4") else Kind.HARD
        case Verdict.CHANNEL | Verdict.MESSAGE:
            return Kind.REFUSED
        case Verdict.UNCLEAR:  # RFC 3463 §3: the system, the protocol, the content, policies
            return Kind.REFUSED if status and status.split(".")[1] in "3567" else Kind.UNCLEAR


def _complaint(feedback: Message) -> _Said:
    for fields in _blocks(feedback):
        if (kind := _text(fields, "Feedback-Type").strip().lower()) in _COMPLAINTS:
            return _Said(Kind.COMPLAINT, kind)
    return _Said(Kind.OTHER)


def _prose(mail: Message) -> str:
    """What a report tells people, up to the mail that came back."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            body = part.get_payload(decode=True)
            raw = body.decode("ascii", "surrogateescape") if isinstance(body, bytes) else ""
            text = refusals.readable(raw)
            return _ORIGINAL.split(text[:_PROSE], maxsplit=1)[0]
    return ""


def _subscriber(mail: Message, links: Links) -> int | None:
    """Whom the address says that it came back to; a complaint repeats that address as the original's sender."""
    places: list[tuple[Message, tuple[str, ...]]] = [(mail, _CAME_TO)]
    if feedback := _part(mail, "message/feedback-report"):
        places += [(fields, ("Original-Mail-From",)) for fields in _blocks(feedback)]
    places += [(original, ("Return-Path",)) for original in _originals(mail)]
    found = [_named(where, names, returns.BOUNCE, links) for where, names in places]
    found += [_by_way_out(original, links) for original in _originals(mail)]
    return next((number for number in found if number is not None), None)


def _by_way_out(original: Message, links: Links) -> int | None:
    """Whom the original's List-Unsubscribe names: it stays where a relay writes its own Message-ID and sender."""
    if (number := _named(original, ("List-Unsubscribe",), returns.LEAVE, links)) is not None:
        return number
    _, _, subject = unquote(_text(original, "List-Unsubscribe")).partition("?subject=")
    return returns.read_subject(subject.partition(">")[0], links)


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
    """The headers of what came back: within the whole original, alone (RFC 3462 §2), or in a notice of SES."""
    if notice := ses.notice(mail):
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
    """The groups of fields in a part of type `message/…`."""
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _text(fields: Message, name: str) -> str:
    """A header as it stands there, whatever its encoding; empty where there is none."""
    raw = next((value for each, value in fields.raw_items() if each.lower() == name.lower()), "")
    return refusals.readable(str(raw)[:_HEADER])
