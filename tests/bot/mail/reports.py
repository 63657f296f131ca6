"""Returned mail about one newsletter, as servers write it."""

from datetime import UTC, datetime

from bot.core import mailboxes
from bot.links import Links
from bot.mail import return_path

NOW = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
LINKS = Links("https://papers.example", "a secret of thirty-two characters", lambda: NOW)
BASE = mailboxes.parse("back@papers.example")


def came_back_to(subscriber: int) -> str:
    """Return the address to which bounces of a subscriber's mail are sent."""
    return str(return_path.bounce_address(BASE, LINKS, subscriber))


def leave_to(subscriber: int) -> str:
    """Return the address to which a subscriber writes to unsubscribe."""
    return str(return_path.leave_address(BASE, LINKS, subscriber))


def original(delivery: int = 900) -> str:
    """Return the headers of the mail that was returned."""
    return (
        f"Message-ID: {return_path.message_id('papers.example', LINKS, delivery)}\r\n"
        "From: arXiv Daily <daily@papers.example>\r\nTo: reader@example.org\r\nSubject: papers\r\n"
    )


def dsn(
    to: str = "daily@papers.example",
    *,
    status: str = "5.1.1",
    action: str = "failed",
    message_id: str | None = "<report-1@mx.example.org>",
    returned: str | None = None,
    diagnostic: str | None = None,
) -> bytes:
    """Return a report as Postfix writes it (RFC 3464)."""
    said = diagnostic or f"550 {status} <reader@example.org>: refused"
    head = f"Message-ID: {message_id}\n" if message_id else ""
    back = original() if returned is None else returned
    return (
        f"{head}"
        f"From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\nTo: {to}\n"
        "Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\n\n'
        "--b1\nContent-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\n"
        "This is the mail system at host mx.example.org.\n\n<reader@example.org>: unknown user\n\n"
        "--b1\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.org\nArrival-Date: Wed, 11 Feb 2026 04:00:00 +0000 (UTC)\n\n"
        "Final-Recipient: rfc822; reader@example.org\nOriginal-Recipient: rfc822;reader@example.org\n"
        f"Action: {action}\nStatus: {status}\nRemote-MTA: dns; mx.example.org\n"
        f"Diagnostic-Code: smtp; {said}\n\n"
        f"--b1\nContent-Type: text/rfc822-headers\n\n{back}\n--b1--\n"
    ).encode()


def complaint(to: str = "daily@papers.example", *, kind: str = "abuse", sender: str = "") -> bytes:
    """Return a complaint as mail providers send it (RFC 5965)."""
    return (
        f"Message-ID: <complaint-1@provider.example>\nFrom: staff@provider.example\nTo: {to}\n"
        "Subject: FW: papers\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type="feedback-report"; boundary="b2"\n\n'
        "--b2\nContent-Type: text/plain\n\nThis is an abuse report.\n\n"
        "--b2\nContent-Type: message/feedback-report\n\n"
        f"Feedback-Type: {kind}\nUser-Agent: Provider/1.0\nVersion: 1\n"
        f"{f'Original-Mail-From: <{sender}>' if sender else 'Arrival-Date: today'}\n\n"
        f"--b2\nContent-Type: message/rfc822\n\n{original()}\nThe mail.\n--b2--\n"
    ).encode()


def exim(to: str) -> bytes:
    """Return a report of an older Exim, which is meant for people."""
    return (
        f"X-Failed-Recipients: reader@example.org\nAuto-Submitted: auto-replied\nTo: {to}\n"
        "Message-Id: <E1abc-0001@host.example>\n"
        "From: Mail Delivery System <Mailer-Daemon@host.example>\n"
        "Subject: Mail delivery failed: returning message to sender\n\n"
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:\n\n"
        "  reader@example.org\n    Unrouteable address\n"
    ).encode()


def qmail(to: str) -> bytes:
    """Return a report of qmail."""
    return (
        f"Message-ID: <q1@host.example>\nFrom: MAILER-DAEMON@host.example\nTo: {to}\nSubject: failure notice\n\n"
        "Hi. This is the qmail-send program at host.example.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        "<reader@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        "--- Below this line is a copy of the message.\n\nReturn-Path: <x@y>\n"
    ).encode()


def letter(to: str, subject: str = "Re: papers", *, head: str = "", text: str = "Thank you!") -> bytes:
    """Return a mail from a person, or from a machine in a person's name."""
    return (
        f"Message-ID: <letter-1@example.org>\n{head}From: Reader <reader@example.org>\nTo: {to}\n"
        f"Subject: {subject}\n\n{text}\n"
    ).encode()
