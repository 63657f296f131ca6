"""Tests of the envelope sender."""

from datetime import UTC, datetime

import pytest

from bot import settings
from bot.links import Links
from bot.mail import channel, return_path

LINKS = Links(
    "https://daily.example", "a-secret-of-thirty-two-characters-and-more", lambda: datetime.now(UTC)
)


def return_paths(**chosen: object) -> tuple[str, str]:
    """Return the envelope senders of the newsletter to subscriber 7, and of a transactional mail."""
    loaded = settings.given(
        **{
            "smtp_host": "mail.example.org",
            "smtp_username": "login@example.org",
            "smtp_password": "secret",
            "mail_from": "arXiv Daily <daily@example.org>",
            "public_url": "https://daily.example",
            "secret_key": LINKS.secret,
            **chosen,
        }
    )
    assert loaded.mail_from is not None
    head = channel.letterhead(loaded, loaded.mail_from, LINKS)
    return str(head.return_path(7)), str(head.letter_path)


def test_each_reader_has_an_address_of_their_own_where_there_is_a_mailbox_for_bounces() -> None:
    newsletter, letter = return_paths(mail_bounces="back@example.org")
    assert newsletter.startswith("back+b7.")
    assert letter == "back@example.org"
    assert return_paths() == ("daily@example.org", "daily@example.org")


@pytest.mark.parametrize(
    "host",
    ["smtp.qq.com", "smtp.exmail.qq.com", "smtp.163.com", "smtp.office365.com", "SMTP.gmail.com"],
)
def test_relays_that_take_the_login_alone_get_it_unless_told_otherwise(host: str) -> None:
    own = "login@example.org"
    assert return_paths(smtp_host=host, mail_bounces="back@example.org") == (own, own)
    verp = return_paths(smtp_host=host, mail_bounces="back@example.org", mail_verp=True)
    assert verp[0].startswith("back+b7.")


def test_mail_is_from_the_login_where_that_is_set_and_from_mail_from_where_the_login_is_no_address() -> None:
    assert return_paths(mail_bounces="back@example.org", mail_verp=False)[0] == "login@example.org"
    assert return_paths(mail_verp=False, smtp_username="login")[0] == "daily@example.org"


def test_spf_is_that_of_the_envelope() -> None:
    loaded = settings.given(mail_from="daily@example.org", smtp_username="a@qq.com", mail_verp=False)
    assert return_path.sender_domain(loaded) == "qq.com"


def test_the_login_is_a_mailbox_of_our_own_where_mail_is_from_it() -> None:
    chosen: dict[str, object] = {
        "mail_from": "daily@example.org",
        "mail_reply_to": "daily@example.org",
        "smtp_username": "login@example.org",
    }
    assert [str(each) for each in return_path.own_mailboxes(settings.given(**chosen, mail_verp=False))] == [
        "daily@example.org",
        "login@example.org",
    ]
    assert [str(each) for each in return_path.own_mailboxes(settings.given(**chosen, mail_verp=True))] == [
        "daily@example.org"
    ]
