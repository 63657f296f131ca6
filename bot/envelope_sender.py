"""Whom a mail is from on its envelope (MAIL FROM), which is where it comes back to.

With VERP each reader's mail comes from an address of its own, at MAIL_BOUNCES: what comes back tells whom it is about.
Many relays take mail from the address of the login alone, and refuse every other sender at MAIL, at RCPT or behind the
mail. There all mail is from that address, comes back to it, and is told apart by its Message-ID.
"""

from bot.mailboxes import InvalidMailboxError, Mailbox, parse
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


def fixed(settings: Settings) -> Mailbox | None:
    """The address that all mail is from; None where each has an address of its own, or MAIL_FROM will do."""
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


def domain(settings: Settings) -> str | None:
    """The domain that SPF is looked up for."""
    sender = fixed(settings) or settings.mail_bounces or (settings.mail_from and settings.mail_from.mailbox)
    return sender.domain if sender else None
