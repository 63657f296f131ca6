"""Tests of SMTP replies, and their effect on the delivery."""

import pytest

from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    DeliveryRefusedError,
    EndedError,
    HaltedError,
    StruckError,
    UnansweredError,
)
from bot.mail import smtp
from bot.mail.smtp import ClosedError, SmtpStage

SENDER, RECIPIENT, DATA, CONTENT = SmtpStage.SENDER, SmtpStage.RECIPIENT, SmtpStage.DATA, SmtpStage.CONTENT


@pytest.mark.parametrize(
    ("stage", "code", "text", "meaning", "reason"),
    [
        (RECIPIENT, 550, "5.1.1 <ada@reader.example>: User unknown", EndedError, "recipient 550 5.1.1"),
        (RECIPIENT, 556, "5.1.10 Null MX", EndedError, "recipient 556 5.1.10"),
        (RECIPIENT, 551, "5.1.6 Moved", EndedError, "recipient 551 5.1.6"),
        (RECIPIENT, 550, "5.1.2 Bad destination system", StruckError, "recipient 550 5.1.2"),
        (RECIPIENT, 550, "5.1.11 x", StruckError, "recipient 550 5.1.11"),
        (RECIPIENT, 550, "No such user here", EndedError, "recipient 550"),
        (RECIPIENT, 552, "5.2.2 Over quota", StruckError, "recipient 552 5.2.2"),
        (RECIPIENT, 550, "5.7.1 Not from you", StruckError, "recipient 550 5.7.1"),
        (RECIPIENT, 554, "5.7.1 <ada@reader.example>: Relay access denied", HaltedError, None),
        (RECIPIENT, 554, "5.7.1 <a@b>: Recipient address rejected: Access denied", HaltedError, None),
        (RECIPIENT, 550, "5.4.1 Recipient address rejected: Access denied.", StruckError, None),
        (RECIPIENT, 550, "relaying denied", HaltedError, None),
        (RECIPIENT, 530, "5.7.0 Must issue a STARTTLS command first", HaltedError, None),
        (RECIPIENT, 554, "5.7.1 Client host [192.0.2.1] blocked using bl.example", HaltedError, None),
        (RECIPIENT, 450, "4.2.0 Greylisted", DeferredError, "recipient 450 4.2.0"),
        (RECIPIENT, 452, "4.5.3 Too many recipients", HaltedError, None),
        (RECIPIENT, 421, "4.7.0 Enough", ClosedError, "recipient 421 4.7.0"),
        (RECIPIENT, -1, "Malformed SMTP response line", ClosedError, "recipient -1"),
        (SENDER, 550, "5.7.1 No", HaltedError, None),
        (SENDER, 553, "5.1.1 <daily@daily.example>: Sender address rejected", HaltedError, None),
        (SENDER, 450, "4.7.1 Try again", DeferredError, "sender 450 4.7.1"),
        (SENDER, 450, "4.7.1 Slow down", HaltedError, None),
        (DATA, 554, "5.5.1 No", HaltedError, None),
        (DATA, 451, "4.3.0 Later", DeferredError, "data 451 4.3.0"),
        (CONTENT, 554, "5.7.1 Looks like spam", HaltedError, None),
        (CONTENT, 552, "5.3.4 Too big", DeliveryRefusedError, "content 552 5.3.4"),
        (CONTENT, 554, "Transaction failed", HaltedError, None),
        (CONTENT, 550, "5.1.1 Unknown", EndedError, "content 550 5.1.1"),
        (CONTENT, 552, "5.2.2 Over quota", StruckError, "content 552 5.2.2"),
        (CONTENT, 451, "4.3.0 Later", DeferredError, "content 451 4.3.0"),
        (CONTENT, 421, "4.3.2 Going down", ClosedError, "content 421 4.3.2"),
        (CONTENT, -1, "Malformed SMTP response line", UnansweredError, "content -1"),
    ],
)
def test_a_refusal_is_about_the_address_about_us_or_about_the_moment(
    stage: SmtpStage, code: int, text: str, meaning: type[DeliveryError], reason: str | None
) -> None:
    error = smtp.refusal_of(stage, code, text)
    assert type(error) is meaning
    assert reason is None or str(error) == reason


def test_a_broken_connection_leaves_only_a_message_in_doubt_that_had_gone_out() -> None:
    assert [type(smtp.lost(stage)) for stage in SmtpStage] == [ClosedError] * 3 + [UnansweredError]


def test_an_operator_reads_the_servers_words_without_addresses_on_one_line() -> None:
    text = "5.7.1 <daily@daily.example>: Sender address\nrejected: " + "not owned by user " * 20
    error = str(smtp.refusal_of(SENDER, 553, text))
    assert "553 5.7.1 … Sender address rejected: not owned" in error
    assert "@" not in error
    assert "\n" not in error
    assert len(error) < 300


@pytest.mark.parametrize(
    ("stage", "code", "goes_along"),
    [
        (SENDER, 250, True),
        (RECIPIENT, 251, True),
        (RECIPIENT, 354, False),
        (DATA, 354, True),
        (DATA, 250, False),
        (CONTENT, 250, True),
        (CONTENT, 354, False),
    ],
)
def test_the_server_goes_along_by_the_code_of_the_stage(
    stage: SmtpStage, code: int, goes_along: bool
) -> None:
    assert smtp.is_accepted(stage, code) is goes_along


@pytest.mark.parametrize(
    ("text", "is_about_us"),
    [
        ("4.7.0 mx.example enough of this connection", False),
        ("4.7.28 Gmail has detected an unusual rate of unsolicited mail", True),
        ("HL:REP 163 mx5,x 1700000000 http://mail.163.com/help/help_spam_16.htm", True),
    ],
)
def test_who_hangs_up_tells_whether_it_is_about_us(text: str, is_about_us: bool) -> None:
    error = smtp.refusal_of(RECIPIENT, 421, text)
    assert isinstance(error, ClosedError)
    assert (error.about_us is not None) is is_about_us


def test_greylisting_is_held_against_nobody_else() -> None:
    assert smtp.refusal_of(RECIPIENT, 450, "4.2.0 Greylisted").likeness == ""
    assert smtp.refusal_of(RECIPIENT, 450, "4.7.1 Try again").likeness == "450 try again"


def test_the_operator_reads_what_to_set() -> None:
    error = smtp.refusal_of(RECIPIENT, 553, "5.7.1 <b@c>: Sender address rejected: not owned by user daily")
    assert str(error).endswith("not owned by user daily (MAIL_VERP=false sends from the login's address).")
