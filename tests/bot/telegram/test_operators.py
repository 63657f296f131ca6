"""Tests of the operators' commands, which are refused to everybody else."""

from dataclasses import replace
from pathlib import Path

from bot.core.models import ChatKind, SubscriberStatus
from tests.bot.telegram.crowd import reader, subscribe
from tests.bot.telegram.talks import alerted, made, talking, told
from tests.bot.telegram.world import IMPATIENT, OPERATOR, bot_world
from tests.fakes.telegram_chats import Message
from tests.fakes.telegram_faults import accept_then_hang
from tests.fakes.telegram_people import User

COMMANDS = ("/stats", "/status", "/rebuild 2026-02-11", "/resend", "/broadcast hello")


async def test_others_get_the_answer_of_an_unknown_command(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        unknown = (await told(user, "/nonsense")).text
        for command in COMMANDS:
            assert (await told(user, command)).text == unknown
        assert "broadcast" not in (await told(user, "/help")).text
        assert here.rows("SELECT count(*) FROM dispatches") == [(0,)]


async def test_in_groups_and_channels_others_get_no_answer_at_all(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        boss, group = here.telegram.user(1001, started=True), here.telegram.group(-1_001_000_000_500)
        channel = here.telegram.channel()
        await here.telegram.promote(channel, by=boss)
        for place, answered in ((group, group), (channel, boss.chat)):
            for command in COMMANDS:
                await boss.says(command, chat=place)
            await boss.says("/help", chat=place)
            assert "/today" in (await answered.waits_for(1))[0].text
            assert len([message for message in answered.shown if message.from_bot]) == 1
        assert not any(message.from_bot for message in channel.shown)


async def test_others_cannot_use_the_operators_buttons(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        operator, user = here.telegram.user(OPERATOR), here.telegram.user(1001)
        await preview(operator, "今晚维护")
        welcome = await told(user, "/start")
        for data in ("broadcast:1:yes", "broadcast:1:no", "resend:1:yes"):
            assert "已失效" in await alerted(here, user, welcome, data)
        assert here.rows("SELECT subject FROM dispatches") == [("draft",)]


async def test_the_standings_and_the_deliveries_are_counted(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        operator, user, gone = (here.telegram.user(number) for number in (OPERATOR, 1001, 1002))
        await told(user, "/start")
        await told(gone, "/start")
        await told(gone, "/unsubscribe")
        stats = await told(operator, "/stats")
        assert "Telegram · 已订阅：1" in stats.text
        assert "已退订：1" in stats.text
        assert "2026-02-11：没有推送对象" in stats.text
        status = await told(operator, "/status")
        assert "最近一期：2026-02-11，抓取 3 篇，收录 3 篇" in status.text
        assert "送达情况未知的推送：0 条" in status.text
        assert "broadcast" in (await told(operator, "/help")).text


async def test_the_operator_s_words_are_english_where_the_operator_is(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        operator = here.telegram.user(OPERATOR, language_code="en")
        assert "Last edition: 2026-02-11, 1 fetched, 1 included" in (await told(operator, "/status")).text
        assert "not subscribed: 1" in (await told(operator, "/stats")).text


async def test_an_edition_is_made_anew_and_what_cannot_be_is_told(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=2) as here:
        operator = here.telegram.user(OPERATOR)
        assert "正在重新生成 2026-02-11 的日报" in (await told(operator, "/rebuild 2026-02-11")).text
        assert "译文 2 篇，解读 2 篇，失败 0 篇" in (await operator.chat.waits_for(1))[0].text
        await told(operator, "/rebuild 2020-01-01")
        assert "没有 2020-01-01 的日报" in (await operator.chat.waits_for(1))[0].text
        assert "不是有效的日期" in (await told(operator, "/rebuild")).text


async def test_a_broadcast_is_seen_confirmed_and_sent_once_though_tapped_twice(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        operator, user, gone = (here.telegram.user(number) for number in (OPERATOR, 1001, 1002))
        for each in (user, gone):
            await told(each, "/start")
        await told(gone, "/unsubscribe")
        sure = await preview(operator, "今晚 <b>维护</b> {{x}}\n**第二行**")
        assert operator.chat.messages[sure.id - 1].text == "今晚 <b>维护</b> {{x}}\n第二行"
        assert "将发送给 1 位订阅者（Telegram 1）" in sure.text
        await operator.taps(sure, "发送")
        assert "已失效" in await alerted(here, operator, sure, "broadcast:1:yes")
        assert "已失效" in await alerted(here, operator, sure, "broadcast:1:no")
        assert (await user.chat.waits_for(1))[0].text == "今晚 <b>维护</b> {{x}}\n第二行"
        await here.until("SELECT state, count(*) FROM deliveries GROUP BY state", [("sent", 1)])
        assert operator.chat.messages[sure.id].text == "已确认，正在发送。"


async def test_a_broadcast_is_confirmed_for_all_whom_it_reaches_by_mail_too(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        operator = here.telegram.user(OPERATOR, language_code="en")
        mailbox = replace(reader(1002), channel="mail", address="li@example.org", kind=ChatKind.MAILBOX)
        await subscribe(here, reader(1001), mailbox, replace(reader(1003), status=SubscriberStatus.LEFT))
        async with here.running():
            sure = await preview(operator, "hello")
            assert sure.text == "This will be sent to 2 subscribers (Email 1, Telegram 1). Send it?"


async def test_a_broadcast_of_what_nobody_sees_is_none(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        operator = here.telegram.user(OPERATOR)
        await operator.says("/broadcast \u200b \u200b")
        await operator.chat.waits_for(lambda message: "用法：/broadcast" in message.text)
        assert here.rows("SELECT count(*) FROM dispatches") == [(0,)]


async def test_a_broadcast_that_was_dropped_cannot_be_sent_any_more(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        operator, user = here.telegram.user(OPERATOR), here.telegram.user(1001)
        await told(user, "/start")
        sure = await preview(operator, "一时冲动")
        await operator.taps(sure, "不处理")
        await operator.chat.waits_for(lambda message: message.text == "已取消，未发送。")
        assert "已失效" in await alerted(here, operator, sure, "broadcast:1:yes")
        assert here.rows("SELECT count(*) FROM dispatches") == [(0,)]


async def test_a_broadcast_that_nobody_confirmed_for_a_day_is_gone(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        operator = here.telegram.user(OPERATOR)
        sure = await preview(operator, "昨天的话")
        here.clock.forward(days=1, seconds=1)
        assert "已失效" in await alerted(here, operator, sure, "broadcast:1:yes")
        await here.until("SELECT count(*) FROM dispatches WHERE subject <> 'quiet'", [(0,)])


async def test_what_may_not_have_arrived_is_sent_again_only_when_the_operator_says_so(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1, rhythm=IMPATIENT) as here:
        operator = here.telegram.user(OPERATOR, started=True)
        lost = here.telegram.user(1001, started=True)
        await subscribe(here, reader(lost.id))
        here.telegram.fail(accept_then_hang(), method="sendMessage", chat_id=lost.id)
        async with here.running():
            await made(here)
            await here.until("SELECT state FROM deliveries", [("unknown",)])
            await operator.chat.waits_for(lambda message: "2026-02-11 有 1 条消息" in message.text)
            offer = await told(operator, "/resend")
            assert "2026-02-11：1 条推送的送达情况未知" in offer.text
            await operator.taps(offer, "重发")
            await operator.chat.waits_for(lambda message: "正在重发 1 条" in message.text)
            await here.until("SELECT state FROM deliveries", [("sent",)])
            for data in ("resend:1:yes", "resend:1:no"):
                assert "已失效" in await alerted(here, operator, offer, data)
            assert operator.chat.messages[offer.id].text == "正在重发 1 条。"
            assert "没有送达情况未知的推送" in (await told(operator, "/resend")).text


async def test_what_the_operator_leaves_unknown_is_not_offered_again(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1, rhythm=IMPATIENT) as here:
        operator, lost = here.telegram.user(OPERATOR, started=True), here.telegram.user(1001, started=True)
        await subscribe(here, reader(lost.id))
        here.telegram.fail(accept_then_hang(), method="sendMessage", chat_id=lost.id)
        async with here.running():
            await made(here)
            await here.until("SELECT state FROM deliveries", [("unknown",)])
            await operator.chat.waits_for(lambda message: "2026-02-11 有 1 条消息" in message.text)
            offer = await told(operator, "/resend")
            await operator.taps(offer, "不处理")
            await operator.chat.waits_for(lambda message: message.text == "已取消，未发送。")
            assert "没有送达情况未知的推送" in (await told(operator, "/resend")).text
            assert "已失效" in await alerted(here, operator, offer, "resend:1:yes")
            assert here.rows("SELECT state FROM deliveries") == [("unknown",)]


async def test_an_edition_that_fails_is_told_to_every_operator_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1, telegram_admins=f"41,{OPERATOR}") as here:
        here.machine.arxiv.faults.extend(["503"] * 500)
        operator = here.telegram.user(OPERATOR, started=True)  # 41 never wrote to the bot
        async with here.running(telegram_admins=f"41,{OPERATOR}"):
            alert = await operator.chat.waits_for(lambda message: message.text.startswith("⚠️"))
            assert "arXiv" in alert.text
            here.machine.arxiv.faults.clear()
            here.clock.forward(hours=1)
            await made(here)
        assert [message.text.startswith("⚠️") for message in operator.chat.shown] == [True]


async def test_each_alert_is_told_in_the_language_of_the_operator_who_hears_it(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1, telegram_admins=f"41,{OPERATOR}") as here:
        chinese, english = here.telegram.user(41, started=True), here.telegram.user(OPERATOR)
        async with here.running():
            await made(here)
            await told(english, "/settings language en")  # 41 is known to no table: TARGET_LANGUAGE
            here.clock.forward(days=1)
            alert = await english.chat.waits_for(lambda message: message.text.startswith("⚠️"))
            assert alert.text == "⚠️ arXiv does not show the papers of the edition of 2026-02-12."
            (alert,) = await chinese.chat.waits_for(1)
            assert alert.text == "⚠️ arXiv 尚未显示 2026-02-12 这一期的论文。"


async def preview(operator: User, text: str) -> Message:
    """Return the message with the buttons that confirm the broadcast of `text`."""
    await operator.says(f"/broadcast {text}")
    return await operator.chat.waits_for(lambda message: bool(message.buttons))
