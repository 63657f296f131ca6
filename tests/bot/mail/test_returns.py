from datetime import UTC, datetime

import pytest

from bot.core.mailboxes import Mailbox
from bot.links import Links
from bot.mail import return_path

LINKS = Links(
    "https://daily.example", "a-secret-of-thirty-two-characters-and-more", lambda: datetime.now(UTC)
)
BASE = Mailbox("bounces", "daily.example")


def test_an_address_that_takes_what_comes_back_names_its_subscriber() -> None:
    bounce, leave = return_path.bounce_address(BASE, LINKS, 7), return_path.leave_address(BASE, LINKS, 8)
    assert (bounce.domain, bounce.local[:11]) == ("daily.example", "bounces+b7.")
    assert return_path.read_address(str(bounce), LINKS) == (return_path.BOUNCE, 7)
    assert return_path.read_address(str(leave), LINKS) == (return_path.LEAVE, 8)
    assert return_path.read_address(f" {bounce}\n".upper(), LINKS) == (
        return_path.BOUNCE,
        7,
    )  # servers change the case


def test_a_mailbox_with_a_plus_of_its_own_is_one_too() -> None:
    address = return_path.bounce_address(Mailbox("ada+list", "daily.example"), LINKS, 7)
    assert return_path.read_address(str(address), LINKS) == (return_path.BOUNCE, 7)


def test_an_address_of_the_largest_number_is_within_the_limit_of_servers() -> None:
    address = return_path.bounce_address(BASE, LINKS, 2**31 - 1)
    assert len(address.local) <= 64  # RFC 5321 §4.5.3.1.1


def test_a_subject_and_a_message_id_name_one_too() -> None:
    subject, message = return_path.leave_subject(LINKS, 7), return_path.message_id("daily.example", LINKS, 9)
    assert return_path.read_subject(subject, LINKS) == 7
    assert return_path.read_subject(f"  {subject.capitalize()} ", LINKS) == 7
    assert return_path.read_message_id(message, LINKS) == 9
    assert return_path.read_message_id(message.strip("<>"), LINKS) == 9


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "bounces@daily.example",
        "bounces+b7@daily.example",
        "bounces+b7.aaaaaaaaaaaaaaaa@daily.example",
        "bounces+u7.{bounce}@daily.example",  # of another purpose
        "bounces+b8.{bounce}@daily.example",
        "bounces+b\u0667.{bounce}@daily.example",
        "bounces+b" + "7" * 5000 + ".{bounce}@daily.example",
        "bounces+b7.{bounce}@daily.example\r\nBcc: all@daily.example",
        "bounces+b7.{bounce}@daily.example, other@daily.example",
    ],
)
def test_what_is_forged_names_nobody(forged: str) -> None:
    text = forged.format(bounce=LINKS.tag(return_path.BOUNCE, 7))
    assert return_path.read_address(text, LINKS) is None
    assert return_path.read_subject(text, LINKS) is None
    assert return_path.read_message_id(text, LINKS) is None
