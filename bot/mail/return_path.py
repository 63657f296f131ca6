"""Return paths: the envelope sender of mail (MAIL FROM), and the signed addresses and ids that identify a mail (VERP).

With VERP each subscriber's mail has a sender of its own at MAIL_BOUNCES. Many relays accept mail only from the login's
address, and refuse other senders at MAIL, at RCPT or after the mail. With those, all mail has that sender, and its
Message-ID identifies the subscriber.

So a bounce report identifies the mail by its envelope sender or by its Message-ID. An unsubscription by mail is
identified by the address or subject that the mail offered for it. The numbers of bounces and unsubscriptions are
subscriber ids; those of Message-IDs are delivery ids.
"""

import re

from bot.core.mailboxes import InvalidMailboxError, Mailbox, parse
from bot.links import Links
from bot.settings import Settings

# smtp.qq.com: "501 mail from address must be same as authorization user"; NetEase: "553 Mail from must equal authorized
# user"; Exchange Online and Outlook.com: "554 5.2.252 SendAsDenied"; Gmail writes the login over every other sender.
_LOGIN_ONLY = (
    "smtp.gmail.com",
    ".qq.com",
    ".163.com",
    ".126.com",
    ".yeah.net",
    ".office365.com",
    "smtp-mail.outlook.com",
    "outlook.office.com",
    ".sina.com",
    ".sohu.com",
)


def fixed_sender(settings: Settings) -> Mailbox | None:
    """Return the envelope sender of all mail; None with VERP or without MAIL_FROM."""
    if settings.mail_from is None:
        return None
    verp = settings.mail_verp
    if verp is None:
        verp = not (settings.smtp_host or "").lower().rstrip(".").endswith(_LOGIN_ONLY)
    if verp:
        return None
    try:
        return parse(settings.smtp_username or "")
    except InvalidMailboxError:
        return settings.mail_from.mailbox


def own_mailboxes(settings: Settings) -> tuple[Mailbox, ...]:
    """Return the mailboxes that send mail and receive bounces; none of them may subscribe."""
    sender = settings.mail_from.mailbox if settings.mail_from else None
    mailboxes = (sender, settings.mail_reply_to, settings.mail_bounces, fixed_sender(settings))
    return tuple(dict.fromkeys(each for each in mailboxes if each))


def sender_domain(settings: Settings) -> str | None:
    """Return the domain for SPF."""
    sender = (
        fixed_sender(settings) or settings.mail_bounces or (settings.mail_from and settings.mail_from.mailbox)
    )
    return sender.domain if sender else None


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
    """Return the envelope sender for mail to the subscriber `number`, in the mailbox of `base`."""
    return _address(base, links, BOUNCE, number)


def leave_address(base: Mailbox, links: Links, number: int) -> Mailbox:
    """Return the address that ends the subscription `number`, in the mailbox of `base`."""
    return _address(base, links, LEAVE, number)


def leave_subject(links: Links, number: int) -> str:
    """Return the subject that ends the subscription, for a mailbox without such addresses."""
    return f"unsubscribe {number}.{links.tag(LEAVE, number)}"


def message_id(domain: str, links: Links, number: int) -> str:
    """Return the Message-ID of the delivery `number`, the same for each attempt (RFC 5322 §3.6.4)."""
    return f"<{number}.{links.tag(MESSAGE, number)}@{domain}>"


def letter_id(domain: str, links: Links, number: int) -> str:
    """Return the Message-ID of the transactional mail `number`."""
    return f"<{number}.{links.tag(LETTER, number)}@{domain}>"


def read_address(address: str, links: Links) -> tuple[str, int] | None:
    """Return the purpose of `address`, `BOUNCE` or `LEAVE`, and its subscriber; None if it is not one of ours."""
    found = _ADDRESS.fullmatch(address.strip())
    if found is None:
        return None
    purpose = _PURPOSES[found["letter"].lower()]
    number = _signed(found, links, purpose)
    return None if number is None else (purpose, number)


def read_subject(subject: str, links: Links) -> int | None:
    """Return the subscriber who unsubscribes by a mail with this `subject`."""
    return _signed(_SUBJECT.fullmatch(subject), links, LEAVE)


def read_message_id(text: str, links: Links) -> int | None:
    """Return the delivery with the Message-ID `text`."""
    return _signed(_MESSAGE_ID.fullmatch(text), links, MESSAGE)


def _address(base: Mailbox, links: Links, purpose: str, number: int) -> Mailbox:
    return Mailbox(f"{base.local}+{_LETTERS[purpose]}{number}.{links.tag(purpose, number)}", base.domain)


def _signed(found: re.Match[str] | None, links: Links, purpose: str) -> int | None:
    if found is None or not links.is_tag(found["tag"], purpose, int(found["number"])):
        return None
    return int(found["number"])
