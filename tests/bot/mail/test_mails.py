"""Tests of splitting piped input into mails."""

from io import BytesIO

from bot.mail.apply_bounces import mails_in
from bot.mail.bounces import LIMIT_BYTES


def found(content: bytes) -> list[bytes]:
    return list(mails_in(BytesIO(content)))


def test_a_mail_comes_out_as_it_came_in() -> None:
    mail = b"Subject: one\r\n\r\nFrom here on\r\n\r\nFrom there on\r\n"
    assert found(mail) == [mail]
    assert found(b"From daemon Wed Feb 11\n" + mail[:20]) == [mail[:20]]


def test_an_mbox_holds_many() -> None:
    mbox = b"From a Wed\nSubject: 1\n\n>From now\n\nFrom b Thu\r\nSubject: 2\r\n\r\nx\n\nFrom c Fri\n"
    assert found(mbox) == [b"Subject: 1\n\n>From now\n\n", b"Subject: 2\r\n\r\nx\n\n"]


def test_nothing_piped_in_is_no_mail() -> None:
    assert found(b"") == found(b"\n\n") == found(b"From nobody\n") == []


def test_of_a_large_mail_no_more_is_held_than_is_read() -> None:
    first, second = found(b"From a\n" + b"x" * 3 * LIMIT_BYTES + b"\n\nFrom b\nSubject: 2\n\n")
    assert first == b"x" * LIMIT_BYTES
    assert second == b"Subject: 2\n\n"
