"""What a mail says of itself to those who answer it without a person: where it came from, signed. Pure.

A report of a mail that came back names the mail by the address that it was sent from (VERP), or by its Message-ID; who
leaves by mail is named by the address or the subject that the mail gave for it. Numbers of bounces and of leaving are
subscribers, those of Message-IDs deliveries.
"""

import re

from bot.links import Links
from bot.mailboxes import Mailbox

BOUNCE = "bounce"
LEAVE = "leave"
MESSAGE = "message"
LETTER = "letter"

_LETTERS = {BOUNCE: "b", LEAVE: "u"}
_PURPOSES = {letter: purpose for purpose, letter in _LETTERS.items()}
_NAMED = r"(?P<number>[0-9]{1,18})\.(?P<tag>[a-z2-7]{16})"
_ADDRESS = re.compile(rf"[^@]*\+(?P<letter>[bu]){_NAMED}@[^@]+", re.IGNORECASE)
_SUBJECT = re.compile(rf"\s*unsubscribe\s+{_NAMED}\s*", re.IGNORECASE)
_MESSAGE_ID = re.compile(rf"\s*<?{_NAMED}@[^@<>\s]+>?\s*", re.IGNORECASE)


def bounce_address(base: Mailbox, links: Links, number: int) -> Mailbox:
    """Where a mail to the subscriber `number` comes back to, in the mailbox of `base`."""
    return _address(base, links, BOUNCE, number)


def leave_address(base: Mailbox, links: Links, number: int) -> Mailbox:
    """Where a mail ends the subscription `number`, in the mailbox of `base`."""
    return _address(base, links, LEAVE, number)


def leave_subject(links: Links, number: int) -> str:
    """The subject that does so in a mail to a mailbox without such addresses."""
    return f"unsubscribe {number}.{links.tag(LEAVE, number)}"


def message_id(domain: str, links: Links, number: int) -> str:
    """The Message-ID of the delivery `number`: the same at each attempt (RFC 5322 §3.6.4)."""
    return f"<{number}.{links.tag(MESSAGE, number)}@{domain}>"


def letter_id(domain: str, links: Links, number: int) -> str:
    """The Message-ID of the letter `number`, which is no delivery."""
    return f"<{number}.{links.tag(LETTER, number)}@{domain}>"


def read(address: str, links: Links) -> tuple[str, int] | None:
    """What `address` is for, `BOUNCE` or `LEAVE`, and the subscriber it names; None where it is none of ours."""
    found = _ADDRESS.fullmatch(address.strip())
    if found is None:
        return None
    purpose = _PURPOSES[found["letter"].lower()]
    number = _signed(found, links, purpose)
    return None if number is None else (purpose, number)


def read_subject(subject: str, links: Links) -> int | None:
    """The subscriber who leaves by a mail with this `subject`."""
    return _signed(_SUBJECT.fullmatch(subject), links, LEAVE)


def read_message_id(text: str, links: Links) -> int | None:
    """The delivery whose Message-ID `text` is."""
    return _signed(_MESSAGE_ID.fullmatch(text), links, MESSAGE)


def _address(base: Mailbox, links: Links, purpose: str, number: int) -> Mailbox:
    return Mailbox(f"{base.local}+{_LETTERS[purpose]}{number}.{links.tag(purpose, number)}", base.domain)


def _signed(found: re.Match[str] | None, links: Links, purpose: str) -> int | None:
    if found is None or not links.is_tag(found["tag"], purpose, int(found["number"])):
        return None
    return int(found["number"])
