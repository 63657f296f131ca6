"""Notices of Amazon SES, which arrive as JSON in a mail by Amazon SNS. Pure.

Format: docs.aws.amazon.com/ses/latest/dg/notification-contents.html. An SNS subscription wraps the notice in another
object, as text; with raw delivery it stands alone. SES gives a mail its own Message-ID; ours is among the headers, if
the identity is set to include them.
"""

import json
import re
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from typing import Any

from digest.core import json_input

_SIGN = "notificationType"
_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}", re.ASCII)


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


def notice(mail: Message) -> Notice | None:
    """Return the notice in `mail`; None if there is none."""
    body = mail.get_payload(decode=True) if not mail.is_multipart() else None
    if not isinstance(body, bytes) or _SIGN.encode() not in body:
        return None
    try:
        found = _opened(body)
        return _read(found) if found else None
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


def _read(found: dict[str, Any]) -> Notice | None:
    if found[_SIGN] not in set(NoticeKind):
        return None
    bounce = found.get("bounce") or {}
    recipient = (bounce.get("bouncedRecipients") or [{}])[0]
    status = _STATUS.fullmatch(str(recipient.get("status") or ""))
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
