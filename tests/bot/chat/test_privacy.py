"""What the bot knows of a chat: shown as a file, and deleted to the last row."""

import json
from pathlib import Path
from typing import Any

from tests.bot.chat.talks import made, old_paper, talking, told
from tests.bot.chat.world import BotWorld, bot_world
from tests.fakes.model import FakeModel
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
            await user.chat.waits_for(lambda message: "关注词：秘密" in message.text)
            await user.says("/ask 2602.00001 误差下降了吗？")
            await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text, timeout=10)
            await here.until("SELECT outcome FROM asks", [("answered",)])
            known = await exported(user)
    chat = known["chat"]
    assert (chat["id"], chat["kind"], chat["subscription"]) == ("1001", "private", "active")
    assert (chat["include"], chat["zone"], chat["language"]) == (
        ["秘密", "<b>词</b>"],
        "Asia/Shanghai",
        "zh-CN",
    )
    assert [(each["edition_date"], each["state"]) for each in known["deliveries"]] == [("2026-02-11", "sent")]
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
            await each.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text, timeout=10)
        await user.says("/ask 2602.00001 群里的问题？", chat=group)
        await group.waits_for(lambda message: "误差在每种情况下都下降了" in message.text, timeout=10)
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
            await here.until("SELECT state FROM deliveries", [("sent",)], seconds=20)
            await user.says("/settings detail titles")
            await user.says("/forget")
            sure = await user.chat.waits_for(lambda message: "要删除" in message.text)
            await user.taps(sure, "取消")
            await user.chat.waits_for(lambda message: message.text == "没有删除任何数据。")
            assert here.rows("SELECT count(*) FROM deliveries") == [(1,)]
            await user.sends_data(sure, "forget:yes")
            await user.sends_data(sure, "forget:yes")
            await here.until("SELECT count(*) FROM deliveries", [(0,)])
            await user.says("/settings")
            await user.chat.waits_for(lambda message: "内容：摘要" in message.text)


async def test_what_is_being_made_for_who_is_forgotten_leaves_no_row_and_is_not_sent(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=1)) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await told(user, "2602.00009")
        sure = await told(user, "/forget")
        await user.taps(sure, "全部删除")
        await here.until("SELECT count(*) FROM readings", [(1,)])
        await user.chat.waits_for(lambda message: "已全部删除" in message.text)
        assert here.rows("SELECT count(*) FROM asks") == [(0,)]
        assert here.rows("SELECT count(*) FROM subscribers") == [(0,)]
        await told(user, "/help")
        assert not any("EchoNet-9" in message.text and message.buttons for message in user.chat.shown)


async def exported(user: User) -> dict[str, Any]:
    """What the file holds."""
    await user.says("/export")
    message = await user.chat.waits_for(lambda message: message.document is not None, timeout=10)
    assert message.document is not None
    assert message.document.name == "arxiv-daily.json"
    found = json.loads(message.document.content)
    assert isinstance(found, dict)
    return found


def leaks(here: BotWorld, value: str) -> list[str]:
    """The tables in which a row still holds that value."""
    tables = [name for (name,) in here.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [
        table
        for table in tables
        if any(value in map(str, row) for row in here.rows(f'SELECT * FROM "{table}"'))
    ]
