"""Tests of groups, their topics, and channels: read messages, permissions, and the place of the digest."""

import asyncio
import re
from pathlib import Path

import pytest

from bot.core.models import Detail, Preferences, SubscriberStatus
from tests.bot.telegram.crowd import reader, subscribe
from tests.bot.telegram.talks import (
    alerted,
    in_short_messages,
    made,
    old_paper,
    second_held,
    talking,
    told,
    tried,
)
from tests.bot.telegram.world import BotWorld, bot_world
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_chats import Chat, Message
from tests.fakes.telegram_people import User

GROUP = -1_001_000_000_500
CHANNEL = -1_002_000_000_001


async def test_the_bot_speaks_in_a_group_only_when_it_is_addressed(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        here.telegram.privacy = False  # it hears everything
        boss, guest, group = people(here)
        await guest.says("a word about 2602.00001", chat=group)
        await guest.says("https://arxiv.org/abs/2602.00001", chat=group)
        await guest.says("/nonsense", chat=group)
        await guest.says("/help@another_bot", chat=group)
        asked = await guest.says("@daily_bot 2602.00002", chat=group)
        card, reading = await group.waits_for(2)
        assert "EchoNet-2" in card.text
        assert card.reply_to == reading.reply_to == asked.id
        assert "请发送 arXiv 编号" in (await told(guest, "@Daily_Bot 你好", group)).text
        assert "/today" in (await told(boss, "/help@daily_bot", group)).text
        assert len([message for message in group.shown if message.from_bot]) == 4


async def test_a_reply_to_a_paper_in_a_group_is_a_question_and_one_to_the_digest_is_talk(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, papers=3) as here:
        _, guest, group = people(here)
        digest = await told(guest, "/today", group)
        await guest.says("好多论文", chat=group, reply_to=digest)
        await guest.says("/paper 2602.00002", chat=group)
        card, _ = await group.waits_for(2)
        for talk in ("哈哈", "@someone have you seen this?", "和 2602.00003 很像", "？", "不错，收藏了"):
            await guest.says(talk, chat=group, reply_to=card)
        question = await guest.says("误差下降了吗？", chat=group, reply_to=card)
        answer = await group.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
        assert answer.reply_to == question.id
        assert here.rows("SELECT address, person, paper FROM asks WHERE wish = 'answer'") == [
            (str(GROUP), str(guest.id), "2602.00002v1")
        ]


async def test_only_administrators_change_settings_by_word_or_by_tap(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss, guest, group = people(here)
        menu = await told(boss, "/settings", group)
        for command in (
            "/subscribe",
            "/unsubscribe",
            "/settings silent 1",
            "/settings include",
            "/export",
            "/forget",
        ):
            assert "只有管理员可以更改设置" in (await told(guest, command, group)).text
        shown = len(group.shown)
        for data in ("s:silent=1", "s:detail", "s:open", "s:menu", "sub:on", "sub:off", "forget:yes"):
            assert "只有管理员" in await alerted(here, guest, menu, data)
        assert len(group.shown) == shown  # said to the one who tapped, not to all
        assert here.rows("SELECT standing, silent, awaited FROM subscribers") == [("new", 0, None)]
        await boss.taps(menu, "静音：关")
        await group.waits_for(lambda message: message.edits == 1)
        assert here.rows("SELECT standing, silent FROM subscribers") == [("new", 1)]


async def test_a_value_is_taken_only_from_the_administrator_who_was_asked_for_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss, guest, group = people(here)
        menu = await told(boss, "/settings", group)
        await boss.taps(menu, "关键词")
        prompt = await group.waits_for(lambda message: "请回复本消息" in message.text)
        await guest.says("坏词", chat=group, reply_to=prompt)
        await boss.says("EchoNet", chat=group, reply_to=prompt)
        await group.waits_for(lambda message: "关键词：EchoNet" in message.text)
        assert here.rows("SELECT include FROM subscribers") == [('["EchoNet"]',)]


async def test_each_administrator_is_asked_by_name_and_each_answer_is_of_its_own_question(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as here:
        boss, _, group = people(here)
        other = here.telegram.user(1003, "2602.00001")
        group.admins.add(other.id)
        menu = await told(boss, "/settings", group)
        await boss.taps(menu, "关键词")
        first = await group.waits_for(lambda message: "填写关键词" in message.text)
        await told(other, "/settings exclude", group)
        second = await group.waits_for(lambda message: "填写屏蔽词" in message.text)
        assert [asked(prompt) for prompt in (first, second)] == [boss.id, other.id]
        here.clock.forward(days=2)
        await boss.says("EchoNet", chat=group, reply_to=first)
        saved = await group.waits_for(lambda message: message.text == "已保存。关键词：EchoNet")
        await other.says("语音", chat=group, reply_to=second)
        await group.waits_for(lambda message: message.text == "已保存。屏蔽词：语音")
        assert here.rows("SELECT include, exclude FROM subscribers WHERE address = ?", str(GROUP)) == [
            ('["EchoNet"]', '["语音"]')
        ]
        assert "点击下方按钮即可修改" in group.messages[menu.id].text
        assert saved.reply_to == saved.id - 1


async def test_a_refused_value_in_a_group_is_asked_for_again_by_a_question_of_its_own(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss, guest, group = people(here)
        prompt = await told(boss, "/settings hour 25:00", group)
        assert "“25:00”不是有效的推送时间。请回复本消息" in prompt.text
        await guest.says("07:45", chat=group, reply_to=prompt)
        assert "只有管理员" in (await group.waits_for(1))[0].text
        await boss.says("07:45", chat=group, reply_to=prompt)
        assert "推送时间：07:45" in (await group.waits_for(1))[0].text


async def test_whoever_taps_for_a_question_in_a_group_is_asked_by_name(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        _, guest, group = people(here)
        card = await told(guest, "/paper 2602.00001", group)
        await guest.taps(card, "提问")
        prompt = await group.waits_for(lambda message: "请回复本消息" in message.text)
        assert asked(prompt) == guest.id
        await guest.says("误差下降了吗？", chat=group, reply_to=prompt)
        await group.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)


async def test_an_administrator_who_is_anonymous_is_one(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        _, _, group = people(here)
        anonymous = {
            "id": 1_087_968_824,
            "is_bot": True,
            "first_name": "Group",
            "username": "GroupAnonymousBot",
        }
        entity = {"type": "bot_command", "offset": 0, "length": 10}
        message = {"message_id": group.next_id(), "date": 1, "chat": group.json, "from": anonymous}
        message |= {"sender_chat": group.json, "text": "/subscribe", "entities": [entity]}
        await here.telegram.send_update({"message": message})
        assert "已订阅" in (await group.waits_for(1))[0].text
        assert here.rows("SELECT standing FROM subscribers") == [("active",)]


async def test_a_digest_goes_into_the_topic_that_wants_it_and_ends_with_the_topic(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        operator = here.telegram.user(42, started=True)
        boss, _, group = people(here, forum=True)
        topic, other = group.opens_topic(), group.opens_topic()
        async with here.running():
            for thread in (topic, other):
                await told(boss, "/subscribe", group, thread=thread)
            group.deletes_topic(other)
            digest = await group.waits_for(lambda message: "共 3 篇" in message.text)
            assert digest.thread == topic
            await here.until(
                "SELECT address, standing, reason FROM subscribers ORDER BY id",
                [(f"{GROUP}:{topic}", "active", None), (f"{GROUP}:{other}", "ended", "topic-deleted")],
            )
            await operator.chat.waits_for(lambda message: f"{GROUP}:{other}" in message.text)


async def test_a_channel_is_subscribed_by_the_settings_and_by_its_administrator(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        boss = here.telegram.user(1001)
        one, two = here.telegram.channel(CHANNEL), here.telegram.channel(CHANNEL - 1, username="daily_two")
        two.bot = "administrator"
        async with here.running(telegram_channels="@daily_two,@nowhere_known"):
            await here.until("SELECT address, standing FROM subscribers", [(str(two.id), "active")])
            await here.telegram.promote(one, by=boss)
            await here.until("SELECT count(*) FROM subscribers WHERE standing = 'active'", [(2,)])
            await two.waits_for(1)
            await here.until("SELECT DISTINCT state FROM deliveries", [("sent",)])
            await here.telegram.kick(one, by=boss)
            await here.until("SELECT standing, reason FROM subscribers WHERE id = 2", [("ended", "kicked")])
            await here.telegram.promote(one, by=boss)
            await here.until("SELECT standing, reason FROM subscribers WHERE id = 2", [("active", None)])


async def test_a_channel_that_unsubscribed_stays_so_when_the_bot_starts_again(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        boss, channel = here.telegram.user(1001), here.telegram.channel(CHANNEL, username="daily_one")
        channel.bot = "administrator"
        channel.members[boss.id], boss.chat.started = boss.json, True
        channel.admins.add(boss.id)
        async with here.running():
            await boss.says("/settings", chat=channel)  # known, and not subscribed
            await boss.chat.waits_for(1)
        async with here.running(telegram_channels="@daily_one"):
            await here.until("SELECT standing FROM subscribers", [("active",)])
            await boss.says("/unsubscribe", chat=channel)
            await boss.chat.waits_for(1)
        asked = here.telegram.methods["getChat"]
        async with here.running(telegram_channels="@daily_one"):
            await here.telegram.is_asked("getChat", asked + 1)
            await boss.says("/unsubscribe", chat=channel)
            assert "您尚未订阅" in (await boss.chat.waits_for(1))[0].text
            assert not any(message.from_bot for message in channel.shown)
            assert here.rows("SELECT standing FROM subscribers") == [("left",)]


async def test_a_reader_of_a_channel_changes_nothing_and_reads_on_in_a_chat_of_their_own(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, papers=1) as here:
        boss, reader, channel = (
            here.telegram.user(1001),
            here.telegram.user(1002),
            here.telegram.channel(CHANNEL),
        )
        await here.telegram.promote(channel, by=boss)
        await here.until("SELECT standing FROM subscribers", [("active",)])
        digest = menu = await told(boss, "/today", channel)
        shown, before = len(channel.shown), here.rows("SELECT * FROM subscribers")
        for data in ("s:silent=1", "s:open", "s:include", "sub:off", "forget:yes"):
            assert "只有管理员" in await alerted(here, reader, menu, data)
        count = here.telegram.methods["answerCallbackQuery"]
        await reader.taps(digest, "r:2602.00001v1:1")
        await reader.sends_data(menu, "day:")
        await here.telegram.is_asked("answerCallbackQuery", count + 2)
        urls = [answer.url for answer in here.telegram.answers]
        assert "https://t.me/daily_bot?start=paper_2602-00001v1" in urls
        assert "https://t.me/daily_bot?start=day" in urls
        link = next(filter(None, urls))
        assert len(channel.shown) == shown
        assert here.rows("SELECT * FROM subscribers") == before
        await reader.says(f"/start {link.partition('start=')[2]}")  # what the client does with the link
        assert "EchoNet-1" in (await reader.chat.waits_for(2))[0].text
        assert "共 1 篇" in (await told(reader, "/start day")).text
        assert "没有 2025-01-01 的日报" in (await told(reader, "/start day_2025-01-01")).text


async def test_a_channel_is_set_up_in_the_chats_of_its_administrators_and_not_before_its_readers(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as here:
        boss, guest, other = (here.telegram.user(1001 + at, started=at < 2) for at in range(3))
        channel = here.telegram.channel(CHANNEL)
        await here.telegram.promote(channel, by=boss)
        channel.members[other.id] = other.json  # an administrator who has never written to the bot
        channel.admins.add(other.id)
        await here.until("SELECT standing FROM subscribers", [("active",)])
        await boss.says("/settings", chat=channel)
        (menu,) = await boss.chat.waits_for(1)
        await boss.taps(menu, "语言")
        shown = await boss.chat.waits_for(lambda message: message.edits == 1)
        await boss.taps(shown, "English")
        assert "Settings" in (await boss.chat.waits_for(lambda message: message.edits == 2)).text
        of_channel = "SELECT language, hour, silent FROM subscribers WHERE kind = 'channel'"
        await here.until(of_channel, [("en", None, 0)])
        await boss.says("/settings hour 07:45", chat=channel)
        assert "07:45" in (await boss.chat.waits_for(1))[0].text
        await here.until(of_channel, [("en", "07:45", 0)])
        own = await told(guest, "/settings")
        assert "只有管理员" not in own.text
        for data in (f"s:silent=1@{CHANNEL}", f"sub:off@{CHANNEL}", f"forget:yes@{CHANNEL}"):
            assert await alerted(here, guest, own, data) == "Only administrators can change the settings."
        for command in (
            "/help",
            "/export",
            "/unsubscribe",
            "/forget",
            "/settings hour 99:99",
            "/paper",
            "/ask",
        ):
            await boss.says(command, chat=channel)
            await boss.chat.waits_for(1)
        await here.until("SELECT standing FROM subscribers WHERE kind = 'channel'", [("left",)])
        assert not any(message.from_bot for message in channel.shown)
        await boss.says("/forget", chat=channel)
        (sure,) = await boss.chat.waits_for(1)
        await boss.taps(sure, "Delete all")
        await here.until("SELECT count(*) FROM subscribers WHERE kind = 'channel'", [(0,)])


async def test_a_channel_is_offered_nothing_that_only_an_answer_could_give(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        boss, channel = here.telegram.user(1001, started=True), here.telegram.channel(CHANNEL)
        await here.telegram.promote(channel, by=boss)
        await here.until("SELECT standing FROM subscribers", [("active",)])
        await boss.says("/settings", chat=channel)
        (menu,) = await boss.chat.waits_for(1)
        for number, name in enumerate(("include", "exclude", "hour", "zone", "pause"), start=1):
            await boss.sends_data(menu, f"s:{name}@{CHANNEL}")
            await boss.chat.waits_for(lambda message, n=number: message.edits == n)  # type: ignore[misc]
        card, _ = await told(boss, "/paper 2602.00001", channel), await channel.waits_for(1)
        count = here.telegram.methods["answerCallbackQuery"]
        await boss.taps(card, "提问")
        await here.telegram.is_asked("answerCallbackQuery", count + 1)
        shown = [message for message in (*channel.shown, *boss.chat.shown) if message.from_bot]
        assert all("直接" not in message.text and "回复" not in message.text for message in shown)
        assert not any((message.markup or {}).get("force_reply") for message in shown)
        assert {answer.url for answer in here.telegram.answers if answer.url} == {
            "https://t.me/daily_bot?start=paper_2602-00001v1"
        }


async def test_a_group_that_becomes_a_supergroup_keeps_its_subscription(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss = here.telegram.user(1001)
        group = here.telegram.group(-500, admins=[boss])
        await told(boss, "/subscribe", group)
        await told(boss, "/settings include EchoNet", group)
        new = await here.telegram.migrate(group, GROUP)
        await here.until("SELECT address, standing FROM subscribers", [(str(GROUP), "active")])
        assert "关键词：EchoNet" in (await told(boss, "/settings", new)).text


async def test_who_throws_the_bot_out_ends_the_subscriptions_of_all_topics(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss, _, group = people(here, forum=True)
        topics = [group.opens_topic(), group.opens_topic()]
        for topic in topics:
            await told(boss, "/subscribe", group, topic)
        await told(boss, "/help", group)  # known, and not subscribed
        await here.telegram.kick(group, by=boss)
        await here.until(
            "SELECT address, standing, reason FROM subscribers ORDER BY id",
            [(f"{GROUP}:{topic}", "ended", "kicked") for topic in topics] + [(str(GROUP), "new", None)],
        )


async def test_what_a_group_asked_for_follows_it_when_it_becomes_a_supergroup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_short_messages(monkeypatch)
    async with bot_world(tmp_path, papers=5, telegram=FakeTelegram(limits=False)) as here:
        old_paper(here, 99)
        boss = here.telegram.user(1001)
        group = here.telegram.group(-500, admins=[boss])
        await subscribe(
            here,
            reader(-500, preferences=Preferences("zh-CN", Detail.READINGS), status=SubscriberStatus.LEFT),
        )
        async with here.running():
            await made(here)
            moved = asyncio.Event()
            second_held(here, group.id, moved)
            await boss.says("/today", chat=group)
            await tried(here, group.id, 2)
            here.telegram.fail(faults.held(moved), method="editMessageText", chat_id=group.id, times=100)
            await boss.says("/paper 2602.00099", chat=group)
            await group.waits_for(lambda message: message.text == "收到，正在查找……")
            new = await here.telegram.migrate(group, GROUP)
            moved.set()
            await new.waits_for(lambda message: "EchoNet-99" in message.text and bool(message.buttons))
            await here.until("SELECT count(*) FROM showings", [(0,)])
            await here.until("SELECT address, outcome FROM asks", [(str(GROUP), "answered")])
        shown = "\n".join(message.text for message in (*group.shown, *new.shown))
        assert re.findall(r"^(\d+)\. EchoNet", shown, re.MULTILINE) == list("12345")


def people(here: BotWorld, *, forum: bool = False) -> tuple[User, User, Chat]:
    """Return an administrator, a member, and their group."""
    boss, guest = here.telegram.user(1001), here.telegram.user(1002)
    return boss, guest, here.telegram.group(GROUP, admins=[boss], members=[guest], forum=forum)


def asked(prompt: Message) -> int:
    """Return the person who alone is shown the reply field: the one that the message mentions."""
    assert prompt.markup == {"force_reply": True, "selective": True}
    (mention,) = [each for each in prompt.entities if each["type"] == "text_mention"]
    return int(mention["user"]["id"])
