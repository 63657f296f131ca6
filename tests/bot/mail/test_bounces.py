"""Tests of parsing returned mail: its report, and its subscriber."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.mail import bounces
from bot.mail.bounces import LIMIT_BYTES, Report, ReportKind, read
from tests.bot.mail.reports import (
    LINKS,
    came_back_to,
    complaint,
    dsn,
    exim,
    leave_to,
    letter,
    original,
    qmail,
)


@pytest.mark.parametrize(
    ("status", "action", "kind"),
    [
        ("5.1.1", "failed", ReportKind.GONE),
        ("5.1.10", "failed (null MX)", ReportKind.GONE),
        ("5.0.0", "failed", ReportKind.UNCLEAR),
        ("5.2.2", "failed", ReportKind.HARD),
        ("5.4.4", "error", ReportKind.HARD),
        ("5.7.1", "failed", ReportKind.REFUSED),
        ("5.2.3", "failed", ReportKind.REFUSED),
        ("5.1.8", "failed", ReportKind.REFUSED),
        ("4.4.1", "failed", ReportKind.SOFT),
        ("4.2.2", "delayed", ReportKind.LATE),
        ("5.1.1", "delayed", ReportKind.LATE),
        ("2.0.0", "delivered", ReportKind.OTHER),
        ("2.1.5", "relayed", ReportKind.OTHER),
        ("no status", "failed", ReportKind.UNCLEAR),
    ],
)
def test_the_status_says_what_is_meant(status: str, action: str, kind: ReportKind) -> None:
    report = read(dsn(status=status, action=action), LINKS)
    assert report.kind is kind
    if kind is not ReportKind.OTHER:
        assert report.detail == (status if status[0].isdigit() else None)
        assert report.delivery == 900


def test_the_address_that_it_came_back_to_names_the_subscriber_in_any_header_of_delivery() -> None:
    address = came_back_to(7)
    assert read(dsn(address), LINKS).subscriber == 7
    assert read(dsn(f'"Bounces, all" <{address.upper()}>, other@example.org'), LINKS).subscriber == 7
    for name in ("Delivered-To", "X-Original-To"):
        assert read(f"{name}: {address}\n".encode() + dsn(), LINKS).subscriber == 7


def test_the_message_id_of_the_original_names_the_delivery_in_its_headers_or_the_whole_of_it() -> None:
    assert read(dsn(), LINKS) == Report("<report-1@mx.example.org>", ReportKind.GONE, "5.1.1", None, 900)
    whole = dsn().replace(b"text/rfc822-headers", b"message/rfc822")
    assert read(whole, LINKS).delivery == 900


def test_nothing_else_names_anybody() -> None:
    forged = original().replace("Message-ID: <900.", "Message-ID: <901.")
    assert read(dsn(returned=forged), LINKS).delivery is None
    mine, theirs = came_back_to(7).split("+b7")[1], "back+b8"
    assert read(dsn(theirs + mine, returned=""), LINKS).subscriber is None
    quoted = dsn(returned="").replace(b"unknown user", f"{came_back_to(7)} {original()}".encode())
    assert read(quoted, LINKS) == Report("<report-1@mx.example.org>", ReportKind.GONE, "5.1.1")
    other = replace(LINKS, secret="another secret of thirty-two chars")
    assert read(dsn(came_back_to(7)), other) == Report("<report-1@mx.example.org>", ReportKind.GONE, "5.1.1")
    assert read(dsn(leave_to(7).replace("+u7", "+b7")), LINKS).subscriber is None


@pytest.mark.parametrize("kind", ["abuse", "Fraud", "opt-out"])
def test_a_complaint_names_the_subscriber_or_the_delivery(kind: str) -> None:
    assert read(complaint(kind=kind), LINKS) == Report(
        "<complaint-1@provider.example>", ReportKind.COMPLAINT, kind.lower(), None, 900
    )
    assert read(complaint(kind=kind, sender=came_back_to(7)), LINKS).subscriber == 7


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other", ""])
def test_other_feedback_is_no_complaint(kind: str) -> None:
    assert read(complaint(came_back_to(7), kind=kind), LINKS).kind is ReportKind.OTHER


def test_servers_with_a_form_of_their_own_are_understood() -> None:
    for report in (read(exim(came_back_to(7)), LINKS), read(qmail(came_back_to(7)), LINKS)):
        assert (report.kind, report.subscriber) == (ReportKind.GONE, 7)


@pytest.mark.parametrize(
    ("notice", "kind"),
    [
        (
            {"notificationType": "Delivery", "delivery": {"recipients": ["reader@example.org"]}},
            ReportKind.OTHER,
        ),
        (
            {
                "notificationType": "Bounce",
                "bounce": {
                    "bounceType": "Permanent",
                    "bouncedRecipients": [
                        {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
                    ],
                },
            },
            ReportKind.GONE,
        ),
        ({"notificationType": "Complaint", "complaint": {}}, ReportKind.COMPLAINT),
        ({"notificationType": "Bounce", "bounce": "broken"}, ReportKind.OTHER),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_notice_of_amazon_ses_is_read_as_it_is_or_in_that_of_sns(
    notice: dict[str, object], kind: ReportKind, wrapped: bool
) -> None:
    text = json.dumps(notice | {"mail": {"source": came_back_to(7), "headers": []}})
    if wrapped:
        text = json.dumps({"Type": "Notification", "Message": text})
    report = read(letter("daily@papers.example", "AWS Notification", text=text), LINKS)
    assert report.kind is kind
    assert report.subscriber == (7 if kind is not ReportKind.OTHER else None)


def test_a_notice_of_amazon_ses_is_read_whatever_characters_a_server_put_into_it() -> None:
    bounced = {
        "bouncedRecipients": [{"status": "5.1.1", "diagnosticCode": "smtp; 550 user\x00 \ud800unknown"}]
    }
    headers = [{"name": "Subject", "value": "\udfff\x00"}]
    notice = {
        "notificationType": "Bounce", "bounce": bounced, "mail": {"source": came_back_to(7), "headers": headers},
    }  # fmt: skip
    report = read(letter("daily@papers.example", "AWS Notification", text=json.dumps(notice)), LINKS)
    assert (report.kind, report.subscriber) == (ReportKind.GONE, 7)
    assert report.likeness.encode()


def test_leaving_takes_the_address_or_the_subject_of_the_link() -> None:
    assert read(letter(leave_to(7), "whatever"), LINKS) == Report(
        "<letter-1@example.org>", ReportKind.UNSUBSCRIBE, None, 7
    )
    subject = f"unsubscribe {leave_to(7).split('+u')[1].split('@')[0]}"
    assert read(letter("daily@papers.example", subject), LINKS).subscriber == 7
    assert read(letter("daily@papers.example", f"{subject[:-1]}0"), LINKS).kind is ReportKind.OTHER
    assert read(letter("daily@papers.example", "unsubscribe"), LINKS).kind is ReportKind.OTHER


def test_answers_of_people_and_of_machines_in_their_name_report_nothing() -> None:
    away = letter(
        came_back_to(7), "Out of office", head="Auto-Submitted: auto-replied\n", text="Back on Monday."
    )
    assert read(away, LINKS).kind is ReportKind.OTHER
    receipt = dsn(came_back_to(7)).replace(b"message/delivery-status", b"message/disposition-notification")
    assert read(receipt, LINKS).kind is ReportKind.OTHER
    assert read(letter(came_back_to(7), "buy <b>this</b>"), LINKS).kind is ReportKind.OTHER


def test_without_a_usable_message_id_the_report_is_named_by_its_content() -> None:
    for message_id in (None, "<" + "x" * 300 + ">", "two words", "<ä@ö>"):
        first, second = (read(dsn(came_back_to(each), message_id=message_id), LINKS) for each in (7, 7))
        assert first == second
        assert first.id.startswith("sha256:")
        assert read(dsn(came_back_to(8), message_id=message_id), LINKS).id != first.id


def test_html_in_a_report_is_text_like_any_other() -> None:
    page = "<html><script>alert(1)</script>&lt;b&gt;</html>"
    quoted = dsn(came_back_to(7)).replace(b"unknown user", page.encode())
    assert read(quoted, LINKS).subscriber == 7
    assert read(dsn(came_back_to(7), status=f"{page} 5.1.1"), LINKS).detail is None


def test_a_mail_of_50_mb_is_read_no_further_than_its_beginning() -> None:
    huge = dsn(came_back_to(7))
    huge = huge.replace(b"text/rfc822-headers", b"message/rfc822") + b"x" * 76 * 700_000
    assert read(huge, LINKS) == read(huge[:LIMIT_BYTES], LINKS)
    assert read(huge, LINKS).subscriber == 7


def test_mail_in_mail_in_mail_is_put_aside() -> None:
    levels = 3000
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels))
    assert read(opened.encode() + b"\n" * 100_000, LINKS) == Report(
        read(opened.encode() + b"\n" * 100_000, LINKS).id, ReportKind.OTHER, "nested"
    )
    assert read(b"Content-Type: message/rfc822\n\n" * 2000, LINKS).detail == "nested"


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\0\0\0",
        b"From: \xff\xfe\nTo: \xe4@\xf6\n\n\x80",
        b"Content-Type: multipart/report\n\nno boundary",
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n",
        b"Content-Type: text/plain; charset=klingon\nContent-Transfer-Encoding: base64\n\n!!!",
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin 666 a\nM\nend",
        b"Subject: =?utf-8?b?//8?=\nMessage-ID: =?x?q?\n\n",
        b"Content-Type: " + b"a;" * 50_000 + b"\n\nx",
        b"To: " + b"<" * 100_000 + b"\n\nx",
        b"To: " + b"(" * 100_000 + b"\nFrom: " + b"(" * 100_000 + b"\n\nx",
    ],
)
def test_broken_mail_reports_nothing(mail: bytes) -> None:
    assert read(mail, LINKS).kind is ReportKind.OTHER


def test_a_parser_that_fails_costs_no_more_than_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(bounces, "all_failures", fails)
    assert read(qmail(came_back_to(7)), LINKS).detail == "unreadable"


@given(st.binary(max_size=2000), st.integers(0, 1500))
def test_whatever_is_put_into_a_report_nobody_else_is_named(noise: bytes, at: int) -> None:
    mail = dsn(came_back_to(7))
    report = read(mail[:at] + noise + mail[at:], LINKS)
    assert report.subscriber in (None, 7)
    assert report.delivery in (None, 900)
    assert len(report.id) <= 250
