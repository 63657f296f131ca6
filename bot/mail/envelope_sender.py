"""The envelope sender of mail (MAIL FROM), which receives its bounces.

With VERP each subscriber's mail has a sender of its own at MAIL_BOUNCES, which identifies the subscriber in bounces.
Many relays accept mail only from the login's address, and refuse other senders at MAIL, at RCPT or after the mail. With
those, all mail has that sender, and its Message-ID identifies the subscriber.
"""

from bot.core.mailboxes import InvalidMailboxError, Mailbox, parse
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
    mailboxes = (sender, settings.mail_reply_to, settings.mail_bounces, fixed(settings))
    return tuple(dict.fromkeys(each for each in mailboxes if each))


def domain(settings: Settings) -> str | None:
    """Return the domain for SPF."""
    sender = fixed(settings) or settings.mail_bounces or (settings.mail_from and settings.mail_from.mailbox)
    return sender.domain if sender else None
