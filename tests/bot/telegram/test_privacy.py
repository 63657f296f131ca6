"""Tests of a chat's stored data: exported as a file, and deleted to the last row."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.core.models import Detail, Preferences
from tests.bot.telegram.crowd import reader, subscribe
from tests.bot.telegram.talks import in_short_messages, made, old_paper, second_held, talking, told, tried
from tests.bot.telegram.world import BotWorld, bot_world
from tests.fakes.model import FakeModel
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_chats import Message
from tests.fakes.telegram_people import User

GROUP = -1_001_000_000_500


async def test_the_export_holds_settings_deliveries_and_requests(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await told(user, "/start")
            await made(here)
            await here.until("SELECT state FROM deliveries", [("sent",)])
            await user.says("/settings include 秘密, <b>词</b>")
            await user.chat.waits_for(lambda message: "关键词：秘密" in message.text)
            await user.says("/ask 2602.00001 误差下降了吗？")
            await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
            await here.until("SELECT outcome FROM asks", [("answered",)])
            known = await exported(user)
    [chat] = known["subscriptions"]
    assert (chat["address"], chat["kind"], chat["subscription"]) == ("1001", "private", "active")
    assert (chat["include"], chat["zone"], chat["language"]) == (
        ["秘密", "<b>词</b>"],
        "Asia/Shanghai",
        "zh-CN",
    )
    assert [(each["edition_date"], each["state"]) for each in chat["deliveries"]] == [("2026-02-11", "sent")]
    assert [(each["paper"], each["question"], each["outcome"]) for each in known["requests"]] == [
        ("2602.00001", "误差下降了吗？", "answered")
    ]


async def test_the_export_of_one_chat_tells_nothing_of_another(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        one, other = here.telegram.user(1001), here.telegram.user(1002)
        await told(other, "/settings include 别人的词")
        await told(one, "/start")
        assert "别人的词" not in json.dumps(await exported(one), ensure_ascii=False)


async def test_forgetting_deletes_every_row_of_the_person_and_no_one_else_s(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        group = here.telegram.group(GROUP, admins=[other], members=[user])
        for each in (user, other):
            await told(each, "/start")
            await each.says("/ask 2602.00001 我的问题？")
            await each.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
        await user.says("/ask 2602.00001 群里的问题？", chat=group)
        await group.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
        await here.until("SELECT count(*) FROM asks WHERE outcome IS NOT NULL", [(3,)])
        assert "群里的问题" in json.dumps(await exported(user), ensure_ascii=False)
        sure = await told(user, "/forget")
        await user.taps(sure, "全部删除")
        await user.chat.waits_for(lambda message: "已全部删除" in message.text)
        assert here.rows("SELECT address, person FROM asks") == [("1002", "1002")]
        assert here.rows("SELECT address FROM subscribers ORDER BY id") == [("1002",), (str(GROUP),)]
        assert leaks(here, "1001") == []


async def test_forgetting_takes_the_deliveries_with_it_and_the_next_word_begins_anew(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await told(user, "/start")
            await here.until("SELECT state FROM deliveries", [("sent",)])
            await user.says("/settings detail titles")
            await user.says("/forget")
            sure = await user.chat.waits_for(lambda message: "确定删除" in message.text)
            await user.taps(sure, "取消")
            await user.chat.waits_for(lambda message: message.text == "没有删除任何数据。")
            assert here.rows("SELECT count(*) FROM deliveries") == [(1,)]
            await user.sends_data(sure, "forget:yes")
            await user.sends_data(sure, "forget:yes")
            await here.until("SELECT count(*) FROM deliveries", [(0,)])
            await user.says("/settings")
            await user.chat.waits_for(lambda message: "详细程度：摘要" in message.text)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"quota_person": 1}, "您今天的 1 次按需解读已用完"), ({"quota_day": 1}, "今天的按需解读次数已用完")],
)
async def test_forgetting_brings_nobody_a_new_quota_and_the_next_day_does(
    tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    async with talking(tmp_path, **settings) as here:
        old_paper(here, 7, 8)
        user = here.telegram.user(1001)
        await user.says("2602.00007")
        await user.chat.waits_for(lambda message: "EchoNet-7" in message.text and bool(message.buttons))
        await here.until("SELECT outcome FROM asks", [("answered",)])
        for _ in range(2):
            sure = await asked_whether_to_forget(user)
            await user.taps(sure, "全部删除")
            await user.chat.waits_for(lambda message: "已全部删除" in message.text)
            await user.says("2602.00008")
            await user.chat.waits_for(lambda message: sentence in message.text)
        assert here.rows("SELECT count(*) FROM asks") == [(0,)]
        assert (await exported(user))["forgotten_requests_today"] == 1
        assert [table for table in leaks(here, "1001") if table != "subscribers"] == []  # of the last words
        here.clock.forward(days=1)
        await user.says("2602.00008")
        await user.chat.waits_for(lambda message: "EchoNet-8" in message.text and bool(message.buttons))
        here.clock.forward(days=2)
        await here.until("SELECT count(*) FROM spent", [(0,)])


async def test_forgetting_in_one_topic_takes_all_topics_of_the_group_and_says_so(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss, guest = here.telegram.user(1001), here.telegram.user(1002)
        group = here.telegram.group(GROUP, admins=[boss], members=[guest], forum=True)
        one, two = group.opens_topic(), group.opens_topic()
        for thread in (one, two):
            await told(boss, "/subscribe", group, thread)
        assert "所有话题" not in (await told(guest, "/forget")).text
        sure = await told(boss, "/forget", group, one)
        assert "所有话题的数据会一并删除" in sure.text
        await boss.taps(sure, "全部删除")
        await group.waits_for(lambda message: "已全部删除" in message.text)
        assert here.rows("SELECT address FROM subscribers") == [("1002",)]


async def test_the_export_of_a_group_holds_all_its_topics(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss = here.telegram.user(1001)
        group = here.telegram.group(GROUP, admins=[boss], forum=True)
        one, two = group.opens_topic(), group.opens_topic()
        for thread in (one, two):
            await told(boss, "/subscribe", group, thread)
        await boss.says("/export", chat=group, thread=two)
        message = await group.waits_for(lambda message: message.document is not None)
        assert message.thread == two
        assert message.document is not None
        known = json.loads(message.document.content)
        assert [each["address"] for each in known["subscriptions"]] == [f"{GROUP}:{one}", f"{GROUP}:{two}"]


async def test_who_is_forgotten_amid_a_push_gets_no_more_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_short_messages(monkeypatch)
    async with bot_world(tmp_path, papers=4, telegram=FakeTelegram(limits=False)) as here:
        user, other = (here.telegram.user(1001 + at, started=True) for at in range(2))
        detail = Preferences("zh-CN", Detail.READINGS)
        await subscribe(here, *(reader(each.id, preferences=detail) for each in (user, other)))
        forgotten = asyncio.Event()
        second_held(here, user.id, forgotten)
        async with here.running():
            await tried(here, user.id, 2)
            sure = await asked_whether_to_forget(user)
            await user.taps(sure, "全部删除")
            await user.chat.waits_for(lambda message: "已全部删除" in message.text)
            forgotten.set()
            await here.until("SELECT state FROM deliveries", [("sent",)])
        first, second, *later = (message.text for message in other.chat.shown)
        assert later
        said = [message.text for message in user.chat.shown if message.from_bot]
        assert [text for text in said if text in (first, second, *later)] == [first, second]
        assert leaks(here, "1001") == []


async def test_what_is_being_made_for_who_is_forgotten_leaves_no_row_and_is_not_sent(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=1)) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        status = await told(user, "2602.00009")
        sure = await told(user, "/forget")
        await user.taps(sure, "全部删除")
        await here.until("SELECT count(*) FROM readings", [(1,)])
        await user.chat.waits_for(lambda message: "已全部删除" in message.text)
        assert here.rows("SELECT count(*) FROM asks") == [(0,)]
        assert here.rows("SELECT count(*) FROM subscribers") == [(0,)]
        await here.telegram.is_asked("deleteMessage", 1)
        await told(user, "/help")
        assert status.id not in user.chat.messages
        assert not any("EchoNet-9" in message.text and message.buttons for message in user.chat.shown)


async def asked_whether_to_forget(user: User) -> Message:
    """Return the message with the buttons that delete."""
    await user.says("/forget")
    return await user.chat.waits_for(lambda message: "确定删除" in message.text and message.edits == 0)


async def exported(user: User) -> dict[str, Any]:
    """Return the contents of the exported file."""
    await user.says("/export")
    message = await user.chat.waits_for(lambda message: message.document is not None)
    assert message.document is not None
    assert message.document.name == "arxiv-daily.json"
    found = json.loads(message.document.content)
    assert isinstance(found, dict)
    return found


def leaks(here: BotWorld, value: str) -> list[str]:
    """Return the tables in which a row still holds that value."""
    tables = [name for (name,) in here.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [
        table
        for table in tables
        if any(value in map(str, row) for row in here.rows(f'SELECT * FROM "{table}"'))
    ]
