"""What an SMTP server's refusals and silences mean for a delivery, by the stage of the transaction. Pure.

Reasons are kept as codes: a server's words may quote an address, or the message. Where nothing more can be sent, the
operator needs the words, so they are told without what looks like an address.
"""

import re
from enum import StrEnum

from bot.channels import DeferredError, DeliveryError, EndedError, HaltedError, StruckError, UnansweredError

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")  # RFC 2034 §4: the text begins with it
# RFC 3463 §3.2, RFC 7505 §4.2: no such mailbox, moved away, no mail at all
_NOBODY = {(1, 1), (1, 6), (1, 10)}
_ADDRESS_SUBJECTS = {1, 2}  # RFC 3463 §2: it is about the address, or the mailbox behind it
_LOGIN_WANTED = {530, 534, 535, 538}  # RFC 4954 §6
_POLICY = 7  # RFC 3463 §3.8, by which servers refuse readers and us alike; then their words tell
_ABOUT_US = re.compile(r"\brelay|authenticat|client host|access denied", re.IGNORECASE)
_WORDS = 200  # characters of a server's text
_ADDRESS = re.compile(r"\S*@\S*")


class Stage(StrEnum):
    """How far a transaction had come (RFC 5321 §3.3)."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    """DATA was said, and the message has not gone out yet."""
    CONTENT = "content"
    """The message is on its way, its final dot with it: whether it was taken only the answer tells."""


class ClosedError(DeferredError):
    """The server wants no more of this connection; the message was certainly not taken."""


def is_accepted(stage: Stage, code: int) -> bool:
    """Whether the server goes along."""
    return code // 100 == (3 if stage is Stage.DATA else 2)


def refusal(stage: Stage, code: int, text: str) -> DeliveryError:
    """What it means that a server answered `code` and `text` at `stage`."""
    status = _status(text)
    reason = _reason(stage, code, status)
    if code == 421:
        return ClosedError(reason)
    if code // 100 == 4:
        return DeferredError(reason)
    if code // 100 != 5:
        return lost(stage, reason)
    if status in _NOBODY and stage is not Stage.SENDER:
        return EndedError(reason)
    if _is_about_the_address(stage, code, text, status):
        return StruckError(reason)
    return HaltedError(f"the SMTP server refuses our mail ({stage}): {shown(code, text)}.")


def lost(stage: Stage, reason: str = "dropped") -> DeliveryError:
    """What it means that no answer came at `stage` that could be understood."""
    return UnansweredError(reason) if stage is Stage.CONTENT else ClosedError(reason)


def shown(code: int, text: str) -> str:
    """A server's answer for the operator, on one line, without its full stop."""
    words = " ".join(_ADDRESS.sub("…", text).split())
    return f"{code} {words}"[:_WORDS].rstrip(". ")


def _is_about_the_address(stage: Stage, code: int, text: str, status: tuple[int, int] | None) -> bool:
    """Rather than about us, whom the server refuses whatever the address."""
    if stage is Stage.RECIPIENT:
        is_policy = status is None or status[0] == _POLICY
        return code not in _LOGIN_WANTED and not (is_policy and _ABOUT_US.search(text))
    return stage is not Stage.SENDER and status is not None and status[0] in _ADDRESS_SUBJECTS


def _status(text: str) -> tuple[int, int] | None:
    """Subject and detail of the enhanced status code (RFC 3463), where there is one."""
    found = _ENHANCED.match(text)
    return (int(found[2]), int(found[3])) if found else None


def _reason(stage: Stage, code: int, status: tuple[int, int] | None) -> str:
    enhanced = f" {code // 100}.{status[0]}.{status[1]}" if status else ""
    return f"{stage} {code}{enhanced}"
