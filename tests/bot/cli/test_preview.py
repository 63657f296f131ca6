from dataclasses import replace
from datetime import date
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.cli.preview import Medium, write
from bot.container import App
from bot.core.models import ChatKind, Detail, Preferences, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.settings import Settings
from digest.core.errors import DigestError
from digest.core.keywords import keyword
from digest.db import engine as database
from tests.bot.world import WEDNESDAY_NOON, world

DAY = date(2026, 2, 11)
ADA = Subscriber(
    0,
    "mail",
    "ada@example.com",
    ChatKind.MAILBOX,
    Preferences("zh-CN", Detail.READINGS),
    ZoneInfo("UTC"),
    SubscriberStatus.ACTIVE,
)


async def joined(app: App, subscriber: Subscriber) -> None:
    async with database.writing(app.engine) as connection:
        await subscribers.add(connection, subscriber, WEDNESDAY_NOON)


async def test_a_preview_is_what_that_subscriber_gets_in_each_medium(tmp_path: Path) -> None:
    out = tmp_path / "shown" / "here"
    async with world(tmp_path, public_url="https://daily.example", secret_key="s" * 32) as here:
        await here.run()
        async with here.app(WEDNESDAY_NOON) as app:
            one = (keyword("Room 2"),)
            await joined(app, replace(ADA, preferences=replace(ADA.preferences, include=one)))
            await joined(
                app,
                replace(ADA, channel="telegram", address="1001", preferences=Preferences("en", rich=True)),
            )
            settings = here.settings()

            async def shown(medium: Medium, address: str | None) -> list[str]:
                paths = await write(app, settings, medium, DAY, address, out)
                return [path.read_bytes().decode() for path in paths]

            mail, page, text = await shown(Medium.MAIL, "Ada@Example.com")
            _, anyones, _ = await shown(Medium.MAIL, None)
            (chat,) = await shown(Medium.TELEGRAM, "1001")
            (chats,) = await shown(Medium.TELEGRAM, None)
    read = message_from_bytes(mail.encode(), policy=default)
    assert (read["To"], read["Subject"]) == ("ada@example.com", "arXiv 每日论文 · 2026-02-11 · 1 篇")
    assert read["List-Unsubscribe"].startswith("<https://daily.example/unsubscribe/")
    for said in ("EchoNet-2", "研究背景与既有方法的问题"):
        assert said in page
        assert said in text
    assert "EchoNet-1" not in page
    assert "EchoNet-1" in anyones
    assert "研究背景与既有方法的问题" not in anyones
    assert "3 papers" in chat
    assert ("<h3>" in chat, "<h3>" in chats) == (True, False)  # the form that the chat asked for
    assert "共 3 篇" in chats
    assert sorted(path.name for path in out.iterdir()) == [
        "2026-02-11-mail.eml", "2026-02-11-mail.html", "2026-02-11-mail.txt", "2026-02-11-telegram.html",
    ]  # fmt: skip


async def test_what_cannot_be_shown_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with world(tmp_path, papers=1) as here:
        await here.run()
        async with here.app(WEDNESDAY_NOON) as app:
            choosy = replace(ADA.preferences, categories=("math.AG",))
            await joined(app, replace(ADA, preferences=choosy))
            settings: Settings = here.settings()

            async def refused(
                medium: Medium, address: str | None, sentence: str, day: date = DAY, out: str = "out"
            ) -> None:
                with pytest.raises(DigestError, match=sentence):
                    await write(app, settings, medium, day, address, tmp_path / out)

            await refused(Medium.MAIL, None, "There is no edition of 2026-02-09", date(2026, 2, 9))
            await refused(Medium.MAIL, "eve@example.com", "There is no subscriber eve@example.com on mail")
            await refused(
                Medium.TELEGRAM, "ada@example.com", "There is no subscriber ada@example.com on telegram"
            )
            await refused(Medium.MAIL, "nonsense", "not a valid mail address")
            await refused(Medium.MAIL, "ada@example.com", "no paper that matches these preferences")
            await refused(Medium.MAIL, None, "cannot be created", out="file")
    assert not (tmp_path / "out").exists()
