import re

import pytest

from bot.mail import composing, message
from tests.bot.mail.parts import HEAD, LINKS, NOW, READER, body, received


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_letter_has_its_link_in_both_bodies_and_no_way_out_of_what_nobody_is_in(language: str) -> None:
    for made, link in (
        (composing.confirmation_letter(LINKS, 5, language), LINKS.confirm(5)),
        (composing.known_address_letter(LINKS, 7, language), LINKS.preferences(7)),
    ):
        envelope = message.build_letter(made, HEAD, to=READER, number=5, at=NOW)
        read = received(envelope.content)
        assert envelope.sender == HEAD.sender.mailbox
        assert read["Subject"] == made["subject"]
        assert read["Auto-Submitted"] == "auto-generated"
        assert not [name for name in read if name.startswith(("List-", "Feedback", "Precedence"))]
        for kind in ("html", "plain"):
            assert link in body(read, kind)
            assert "unsubscribe/" not in body(read, kind)
            assert "daily@daily.example" in body(read, kind)
            assert not re.search(
                r"\{\w+\}", re.sub("<style>.*?</style>", "", body(read, kind), flags=re.DOTALL)
            )


def test_a_letter_that_is_sent_again_has_the_same_message_id_which_is_no_deliverys() -> None:
    made = composing.confirmation_letter(LINKS, 5, "en")
    first, again = (
        received(message.build_letter(made, HEAD, to=READER, number=5, at=NOW).content)["Message-ID"]
        for _ in range(2)
    )
    delivery = received(message.build(made, HEAD, to=READER, subscriber=5, delivery=5, at=NOW).content)[
        "Message-ID"
    ]
    assert first == again != delivery
