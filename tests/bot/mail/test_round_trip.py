"""Round trip of a mail that is sent and returned: the parsed data equal the written data."""

import re
from dataclasses import replace
from email import message_from_bytes
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from bot.mail import message
from bot.mail.bounces import ReportKind, read
from bot.mail.message import Envelope, Letterhead
from tests.bot.mail.parts import HEAD, LINKS, NOW, READER
from tests.bot.mail.reports import BASE, complaint, dsn, letter, original

WITH_ADDRESSES = replace(HEAD, bounces=BASE)


def sent(head: Letterhead) -> Envelope:
    """Return the mail of delivery 900 to subscriber 7."""
    made = message.part("Papers", ("<p>A paper.</p>", ""), ("A paper.", ""))
    return message.build(made, head, to=READER, subscriber=7, delivery=900, at=NOW)


@pytest.mark.parametrize("head", [HEAD, WITH_ADDRESSES])
def test_a_report_with_the_whole_mail_names_whom_it_was_for(head: Letterhead) -> None:
    mail = sent(head)
    returned = dsn(str(mail.sender), returned="").replace(
        b"text/rfc822-headers\n\n", b"message/rfc822\n\n" + mail.content
    )
    report = read(returned, LINKS)
    assert (report.kind, report.delivery) == (ReportKind.GONE, 900)
    assert report.subscriber == 7


@pytest.mark.parametrize("head", [HEAD, replace(WITH_ADDRESSES, envelope=BASE)])
def test_a_report_by_way_of_a_relay_with_message_ids_of_its_own_names_whom_it_was_for(
    head: Letterhead,
) -> None:
    mail = sent(head)
    own = re.sub(rb"Message-ID: <[^>]*>", b"Message-ID: <0102018@relay.example>", mail.content)
    returned = dsn(str(mail.sender), returned="").replace(
        b"text/rfc822-headers\n\n", b"message/rfc822\n\n" + own
    )
    report = read(returned, LINKS)
    assert (report.kind, report.subscriber, report.delivery) == (ReportKind.GONE, 7, None)


def test_a_complaint_with_the_whole_mail_names_whom_it_was_for() -> None:
    mail = sent(HEAD).content
    report = read(
        complaint("staff@papers.example").replace(original().encode(), mail.partition(b"\r\n\r\n")[0]), LINKS
    )
    assert (report.kind, report.delivery) == (ReportKind.COMPLAINT, 900)


@pytest.mark.parametrize("head", [HEAD, WITH_ADDRESSES])
def test_a_mail_program_that_follows_mailto_unsubscribes(head: Letterhead) -> None:
    _, link = message_from_bytes(sent(head).content)["List-Unsubscribe"].split(",")
    mailto = urlsplit(link.strip().strip("<>"))
    subject = parse_qs(mailto.query)["subject"][0]
    report = read(letter(unquote(mailto.path), subject, text=""), LINKS)
    assert (report.kind, report.subscriber) == (ReportKind.UNSUBSCRIBE, 7)
