"""The meaning of SMTP replies, and of missing ones, for a delivery by stage of the transaction. Pure.

Reasons are stored as codes, because a server's text may quote an address or the message. If sending has to stop, the
operator needs the text, which is shown without anything that looks like an address.
"""

import re
from enum import StrEnum

from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    EndedError,
    HaltedError,
    RefusedError,
    StruckError,
    UnansweredError,
)
from bot.mail import refusals
from bot.mail.refusal_rules import Verdict
from bot.mail.refusals import ADVICE, Judgement

_ENHANCED = re.compile(
    r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII
)  # RFC 2034 §4: the text begins with it
_WORDS = 180  # characters of a server's text
_ADDRESS = re.compile(r"\S*@\S*")


class Stage(StrEnum):
    """The stage of a transaction (RFC 5321 §3.3)."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    """DATA was sent, but the message was not."""
    CONTENT = "content"
    """The message and its final dot are being sent; only the reply tells whether it was taken."""


class ClosedError(DeferredError):
    """The server closed the connection; the message was certainly not taken.

    `about_us` is the sentence for the operator if the server's words blame us.
    """

    def __init__(self, reason: str, about_us: str | None = None) -> None:
        super().__init__(reason)
        self.about_us = about_us


def is_accepted(stage: Stage, code: int) -> bool:
    """Return whether the server accepted the command."""
    return code // 100 == (3 if stage is Stage.DATA else 2)


def refusal(stage: Stage, code: int, text: str, to: str = "") -> DeliveryError:
    """Return the error for the reply `code` and `text` at `stage`, for a mail to the address `to`."""
    text = refusals.readable(text)
    found = _ENHANCED.match(text)
    status = found[1] if found else None
    judgement = refusals.judge(code, status, text)
    reason = f"{stage} {code}{f' {status}' if status else ''}"
    if code == 421:
        is_ours = refusals.blames_us(text)
        return ClosedError(reason, _sentence(stage, code, text, judgement) if is_ours else None)
    if code // 100 not in (4, 5):
        return lost(stage, reason)
    likeness = refusals.likeness(code, text, to)
    if _is_about_us(stage, code, judgement.verdict):
        is_answer = code // 100 == 5 and stage in (Stage.RECIPIENT, Stage.CONTENT)
        return HaltedError(_sentence(stage, code, text, judgement)).alike(likeness if is_answer else "")
    if code // 100 == 4:
        return _for_a_while(reason, judgement.verdict, likeness)
    return _for_good(reason, judgement.verdict).alike(likeness)


def lost(stage: Stage, reason: str = "dropped") -> DeliveryError:
    """Return the error for a missing or unreadable reply at `stage`."""
    return UnansweredError(reason) if stage is Stage.CONTENT else ClosedError(reason)


def shown(code: int, text: str) -> str:
    """Format a server's reply for the operator, on one line, without its full stop."""
    words = " ".join(_ADDRESS.sub("…", refusals.readable(text)).split())
    return f"{code} {words}"[:_WORDS].rstrip(". ")


def _is_about_us(stage: Stage, code: int, verdict: Verdict) -> bool:
    """Return whether every recipient would be refused: by the words, or else by the stage of a permanent refusal."""
    if verdict is Verdict.CHANNEL:
        return True
    if code // 100 == 4 or stage is Stage.RECIPIENT:
        return False
    return stage is Stage.SENDER or verdict is Verdict.UNCLEAR


def _for_a_while(reason: str, verdict: Verdict, likeness: str) -> DeferredError:
    """Return the error for a temporary refusal. One that concerns the address, such as greylisting, is not compared
    with others.
    """
    error = DeferredError(reason, is_failing=verdict is not Verdict.MESSAGE)
    return error if verdict is Verdict.ADDRESS else error.alike(likeness)


def _for_good(reason: str, verdict: Verdict) -> DeliveryError:
    match verdict:
        case Verdict.GONE:
            return EndedError(reason)
        case Verdict.MESSAGE:
            return RefusedError(reason)
        case _:
            return StruckError(reason, is_certain=verdict is Verdict.ADDRESS)


def _sentence(stage: Stage, code: int, text: str, judgement: Judgement) -> str:
    advice = f" ({ADVICE[judgement.cause]})" if judgement.cause else ""
    return f"the SMTP server refuses our mail ({stage}): {shown(code, text)}{advice}."
