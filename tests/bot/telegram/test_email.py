"""Tests of `/email`: subscribing to the newsletter in a chat."""

import json
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.bot.telegram.talks import talking, told
from tests.bot.telegram.world import BotWorld

GROUP = -1_001_000_000_500
MAILING: dict[str, Any] = {
    "smtp_host": "127.0.0.1",
    "smtp_port": 9,
    "smtp_security": "none",
    "mail_from": "daily@papers.example",
    "public_url": "https://papers.example",
    "secret_key": "a secret of thirty-two characters",
}
SENT = "邮件已发出，请前往该邮箱查收，并按邮件中的说明操作。未经邮箱主人确认，不会再发送其他邮件。"


def signed_up(here: BotWorld) -> list[tuple[Any, ...]]:
    return here.rows("SELECT address, letter, how FROM signups ORDER BY id")


async def test_an_address_is_signed_up_with_the_choices_of_the_chat(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with talking(tmp_path, **MAILING) as here:
            user = here.telegram.user(1001)
            await told(user, "/settings detail titles")
            await told(user, "/settings include 语音")
            await told(user, "/settings hour 07:45")
            await told(user, "/settings quiet on")
            assert (await told(user, "/email  Li@Example.ORG ")).text == SENT
            assert signed_up(here) == [("li@example.org", "confirm", "telegram")]
            [(wishes,)] = here.rows("SELECT wishes FROM signups")
    chosen = json.loads(wishes)
    assert (chosen["detail"], chosen["include"], chosen["hour"], chosen["zone"], chosen["language"]) == (
        "titles", ["语音"], "07:45", "Asia/Shanghai", "zh-CN",
    )  # fmt: skip
    assert chosen["quiet_line"]
    assert "example.org" not in str(logs).lower()


async def test_the_answer_is_the_same_for_every_address_and_beyond_the_limit(tmp_path: Path) -> None:
    async with talking(tmp_path, **MAILING) as here:
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        for number in range(6):
            assert (await told(user, f"/email a{number}@example.org")).text == SENT
        assert len(signed_up(here)) == 3
        assert (await told(other, "/email a9@example.org")).text == SENT
        assert len(signed_up(here)) == 4
        here.clock.forward(hours=2)
        for number in range(6):
            await told(user, f"/email b{number}@example.org")
        assert len(signed_up(here)) == 6


async def test_the_newsletters_own_address_gets_no_letter(tmp_path: Path) -> None:
    async with talking(tmp_path, **MAILING) as here:
        assert (await told(here.telegram.user(1001), "/email daily@papers.example")).text == SENT
        assert here.rows("SELECT address FROM signups WHERE next_at IS NOT NULL") == []


async def test_what_is_no_address_is_answered_with_how_to_give_one(tmp_path: Path) -> None:
    async with talking(tmp_path, **MAILING) as here:
        user = here.telegram.user(1001, language_code="en")
        for words in ("", "nobody", "a@b@c", "li@example.org\nBcc: x@example.org", '"a b"@example.org'):
            assert (await told(user, f"/email {words}")).text.startswith("Usage: /email you@example.org")
        assert signed_up(here) == []


async def test_in_a_group_nobody_is_signed_up(tmp_path: Path) -> None:
    async with talking(tmp_path, **MAILING) as here:
        user = here.telegram.user(1001)
        group = here.telegram.group(GROUP, admins=[user])
        assert "请在私聊中" in (await told(user, "/email li@example.org", group)).text
        assert signed_up(here) == []


async def test_where_no_mail_is_sent_that_is_said(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        answer = await told(here.telegram.user(1001), "/email li@example.org")
        assert answer.text == "本机器人未开通邮件订阅。"
        assert signed_up(here) == []


async def test_a_bot_without_a_newsletter_offers_none(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        shown = [await told(user, text) for text in ("/start", "/help", "/settings")]
        assert not any("/email" in message.text for message in shown)
        labels = {text for message in shown for row in message.buttons for text, _ in row}
        assert "邮件订阅" not in labels
        offered = [
            command["command"]
            for call in here.telegram.requests
            if call.method == "setMyCommands"
            for command in call.parameters["commands"]
        ]
        assert "help" in offered
        assert "email" not in offered
