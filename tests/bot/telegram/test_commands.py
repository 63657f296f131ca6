"""Tests of every command, as people use it, in both languages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.telegram import templates
from tests.bot.telegram.talks import alerted, talking, told
from tests.bot.telegram.test_email import MAILING
from tests.bot.telegram.world import OPERATOR

COMMANDS = {
    "/start": ("您已订阅", "You are subscribed"),
    "/help": ("/today — 今日论文", "/today — Today's papers"),
    "/subscribe": ("已订阅，日报约 08:50（北京时间）推送", "You are subscribed."),
    "/unsubscribe": ("您尚未订阅", "You are not subscribed"),
    "/settings": ("关键词：无", "Keywords: none"),
    "/today": ("共 3 篇", "3 papers"),
    "/digest 2026-02-11": ("共 3 篇", "3 papers"),
    "/digest 2025-01-01": ("没有 2025-01-01 的日报", "There is no edition for 2025-01-01"),
    "/digest 昨天": ("“昨天”不是有效的日期", "“昨天” is not a valid date"),
    "/paper": ("请在命令后附上论文编号", "Please add an arXiv ID after the command"),
    "/paper Attention": ("“Attention”不是 arXiv 编号或链接", "“Attention” is not an arXiv ID or link"),
    "/ask": ("用法：/ask", "Usage: /ask"),
    "/ask 2602.00001": ("用法：/ask", "Usage: /ask"),
    "/search": ("用法：/search", "Usage: /search"),
    "/search EchoNet-2": ("1. ", "1. "),
    "/search 没有的词": ("往期日报中没有相关论文", "Nothing found in past editions"),
    "/settings nonsense 1": ("没有名为“nonsense”的设置", "There is no setting “nonsense”"),
    "/settings detail titles": ("详细程度：仅标题", "Level of detail: Titles"),
    "/settings zone Mars": ("“Mars”不是有效的时区", "“Mars” is not a valid value for “Time zone”"),
    "/email": ("未开通邮件订阅", "does not offer a newsletter"),
    "/export": ("全部数据", "All data that this bot stores"),
    "/forget": ("确定删除与此聊天有关的全部数据吗", "Delete everything about this chat"),
    "/stats": ("没有这个命令", "Unknown command"),
    "/nonsense": ("没有这个命令", "Unknown command"),
    "你好": ("请发送 arXiv 编号或链接", "Please send an arXiv ID or a link"),
}


async def test_every_command_is_answered_in_the_language_of_whoever_sends_it(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=3) as here:
        for at, (command, answers) in enumerate(COMMANDS.items()):
            for language, answer in zip(("zh-hans", "en"), answers, strict=True):
                user = here.telegram.user(3000 + 2 * at + (language == "en"), language_code=language)
                assert answer in (await told(user, command)).text, command


async def test_the_commands_are_in_the_menu_of_each_language_and_the_operators_have_theirs(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as here:
        await here.telegram.is_asked("setMyCommands", 7)
        calls = [each.parameters for each in here.telegram.requests if each.method == "setMyCommands"]
    assert {call.get("language_code") for call in calls} == {None, "zh", "en"}
    described = {str(call["commands"]) for call in calls}
    assert any("今日论文" in each for each in described)
    assert any("Today's papers" in each for each in described)
    assert sum("broadcast" in each for each in described) == 1


async def test_looking_at_a_setting_by_command_does_not_clear_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        await told(user, "/settings include EchoNet")
        assert "关键词：EchoNet" in (await told(user, "/settings include")).text
        assert "关键词：diffusion、语音" in (await told(user, "diffusion, 语音")).text
        assert "关键词：无" in (await told(user, "/settings include 清空")).text


async def test_a_value_that_cannot_be_is_asked_for_again_and_a_tapped_one_ends_the_asking(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        menu = await told(user, "/settings hour")
        assert "不是有效的推送时间" in (await told(user, "早上")).text
        assert "推送时间：07:45（北京时间）" in (await told(user, "7:45")).text
        menu = await told(user, "/settings hour")
        await user.taps(menu, "09:00")
        await user.chat.waits_for(lambda message: "推送时间：09:00" in message.text)
        assert "请发送 arXiv 编号" in (await told(user, "谢谢")).text


async def test_a_value_is_waited_for_ten_minutes_and_not_beyond_another_command_or_button(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        start = await told(user, "/start")
        menu = await told(user, "/settings include")
        await here.until("SELECT awaited FROM subscribers", [(json.dumps({"include": menu.id}),)])
        here.clock.forward(minutes=9)
        assert "关键词：EchoNet" in (await told(user, "EchoNet")).text
        menu = await told(user, "/settings include")
        await here.until("SELECT awaited FROM subscribers", [(json.dumps({"include": menu.id}),)])
        here.clock.forward(minutes=10)
        assert "请发送 arXiv 编号" in (await told(user, "谢谢")).text
        await told(user, "/settings include")
        await told(user, "/help")
        assert "请发送 arXiv 编号" in (await told(user, "谢谢")).text
        menu = await told(user, "/settings exclude")
        await user.taps(start, "今日论文")
        await user.chat.waits_for(lambda message: "暂无日报" in message.text)
        assert "请发送 arXiv 编号" in (await told(user, "谢谢")).text
        await told(user, "/settings exclude")
        await user.taps(menu, "‹ 返回")
        await user.chat.waits_for(lambda message: message.edits == 1)
        assert "请发送 arXiv 编号" in (await told(user, "谢谢")).text
        assert here.rows("SELECT include, exclude FROM subscribers") == [('["EchoNet"]', "[]")]


async def test_a_value_in_words_changes_the_menu_in_its_place(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        menu = await told(user, "/settings")
        await user.taps(menu, "推送时间")
        await user.chat.waits_for(lambda message: message.edits == 1)
        refused = await told(user, "25:00")
        assert refused.text == "“25:00”不是有效的推送时间。请直接发送时间，例如 07:45。"
        assert (await told(user, "7:45")).text == "已保存。推送时间：07:45（北京时间）"
        shown = user.chat.messages[menu.id]
        assert "推送时间：07:45" in shown.text
        assert [text for text, _ in shown.buttons[0]] == ["类别", "详细程度"]
        assert len([message for message in user.chat.shown if message.buttons]) == 1


async def test_a_refused_value_behind_a_command_may_be_given_again_without_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001, language_code="en")
        for name, wrong, right in (
            ("hour", "25:00", "07:45"),
            ("zone", "Moon", "UTC+8"),
            ("include", "!!!", "EchoNet"),
            ("pause", "2020-01-01", "3"),
        ):
            assert "Please send " in (await told(user, f"/settings {name} {wrong}")).text
            await told(user, right)
        assert here.rows("SELECT hour, zone, include, paused_until FROM subscribers") == [
            ("07:45", "Etc/GMT-8", '["EchoNet"]', "2026-02-14")
        ]
        assert "Delivery time: 07:45 (UTC+8)" in user.chat.shown[-1].text


async def test_a_value_that_is_none_is_answered_with_those_that_are(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        for value, answer in (
            ("silent maybe", "“maybe”不是有效的静音选项。可用的值：on、off。"),
            ("quiet x", "可用的值：on、off。"),
            ("rich", "显示公式、表格和折叠"),
            ("silent", "推送时不发出提示音"),
            ("with cs.XX", "“cs.XX”不是有效的类别。可用的值：cs.SD、eess.AS。"),
            ("categories cs.XX", "可用的值：cs.SD、eess.AS。"),
            ("detail x", "可用的值：titles、abstracts、readings。"),
            ("language fr", "可用的值：en、zh-CN。"),
            ("nonsense 1", "可用的名称：categories、detail、"),
        ):
            assert answer in (await told(user, f"/settings {value}")).text


async def test_the_last_category_cannot_be_taken_away(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        menu = await told(user, "/settings categories eess.AS")
        await user.taps(menu, "类别")
        menu = await user.chat.waits_for(lambda message: message.edits == 1)
        assert await alerted(here, user, menu, "s:without=eess.AS") == "至少保留一个类别。"
        assert here.rows("SELECT categories FROM subscribers") == [('["eess.AS"]',)]


async def test_what_is_told_of_a_subscription_is_when_the_digest_comes(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001, language_code="en")
        assert "The digest comes at about 08:50 (Asia/Shanghai)." in (await told(user, "/start")).text
        await told(user, "/settings hour 07:45")
        await told(user, "/settings zone UTC+8")
        assert "The digest comes at 07:45 (UTC+8)." in (await told(user, "/start")).text
        menu = await told(user, "/settings pause 1")
        assert "Paused until 2026-02-12" in menu.text
        assert "It is paused until 2026-02-12." in (await told(user, "/subscribe")).text
        here.clock.forward(days=1)
        assert "Paused" not in (await told(user, "/settings")).text
        assert "paused" not in (await told(user, "/subscribe")).text


async def test_each_command_is_a_button_where_a_thumb_looks_for_it(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, **MAILING) as here:
        user = here.telegram.user(1001)
        await user.taps(await told(user, "/start"), "帮助")
        (help_,) = await user.chat.waits_for(1)
        await user.taps(help_, "往期日报")
        (days,) = await user.chat.waits_for(1)
        await user.taps(days, "2026-02-11")
        assert "共 1 篇" in (await user.chat.waits_for(1))[0].text
        await user.taps(help_, "搜索")
        (prompt,) = await user.chat.waits_for(1)
        await user.says("echonet", reply_to=prompt)
        assert "1. " in (await user.chat.waits_for(1))[0].text
        await user.taps(help_, "设置")
        (menu,) = await user.chat.waits_for(1)
        await user.taps(menu, "邮件订阅")
        (prompt,) = await user.chat.waits_for(1)
        await user.says("li@example.org", reply_to=prompt)
        assert "请前往该邮箱查收" in (await user.chat.waits_for(1))[0].text
        assert here.rows("SELECT address FROM signups") == [("li@example.org",)]
        await user.taps(menu, "我的数据")
        menu = await user.chat.waits_for(lambda message: message.edits == 1)
        await user.taps(menu, "导出")
        assert (await user.chat.waits_for(1))[0].document
        await user.taps(menu, "删除")
        assert "确定删除" in (await user.chat.waits_for(1))[0].text


async def test_fifty_long_keywords_fit_into_the_menu_with_its_buttons(tmp_path: Path) -> None:
    words_ = ", ".join(f"{'x' * 60}{number}" for number in range(50))
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        assert (await told(user, f"/settings include {words_}")).buttons
        menu = await told(user, f"/settings exclude {words_}")
        assert "…" in menu.text
        assert menu.buttons
        assert len(here.rows("SELECT include FROM subscribers")[0][0]) > 3000


async def test_a_picture_without_a_word_and_a_file_are_answered(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        await user.says("photo", caption="")
        assert "请发送 arXiv 编号" in (await user.chat.waits_for(1))[0].text
        message = {"message_id": 99, "date": 1, "chat": user.chat.json, "from": user.json}
        document = {"file_id": "f", "file_unique_id": "f", "file_name": "paper.pdf"}
        await here.telegram.send_update({"message": {**message, "document": document}})
        assert "请发送 arXiv 编号" in (await user.chat.waits_for(1))[0].text


async def test_whoever_blocked_the_bot_is_welcomed_back_with_all_settings(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        await told(user, "/start")
        await told(user, "/settings detail titles")
        await user.blocks()
        await here.until("SELECT standing, reason FROM subscribers", [("ended", "blocked")])
        await user.unblocks()
        assert "欢迎回来" in (await told(user, "/start")).text
        assert "您已订阅" in (await user.chat.waits_for(1))[0].text
        assert here.rows("SELECT standing, reason, detail FROM subscribers") == [("active", None, "titles")]


async def test_another_language_is_a_tap_away(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        menu = await told(user, "/settings language")
        await user.taps(menu, "English")
        menu = await user.chat.waits_for(lambda message: "Language: English" in message.text)
        assert not re.search("[一-鿿：（）]", menu.text)
        labels = [text for row in menu.buttons for text, _ in row]
        assert "Silent: off" in labels
        assert "Unsubscribe" not in labels
        assert await alerted(here, user, menu, "s:detail=everything") == str(
            templates.words("en").stale_button
        )


async def test_whoever_chose_a_language_gets_it_everywhere(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user, operator = here.telegram.user(1001), here.telegram.user(OPERATOR)
        await told(operator, "/settings language en")
        menu = await told(user, "/settings language en")
        assert await alerted(here, user, menu, "nonsense") == str(templates.words("en").stale_button)
        (hit,) = await user.asks_inline("EchoNet-1")
        text = hit["input_message_content"]["message_text"]
        assert text.count("EchoNet-1") == 1
        assert "arXiv:2602.00001v1" in text
        assert "摘要" not in text
        commands = dict(here.telegram.profile.commands_for(OPERATOR, "zh"))
        assert (commands["today"], commands["status"]) == ("Today's papers", "Status")


def test_english_counts_one_paper_and_two_papers() -> None:
    says = templates.words("en")
    assert [str(says.days(count)) for count in (1, 2)] == ["1 day", "2 days"]
    assert "Your one reading on demand for today is used up" in says.person_quota(1)
    assert "1 message may not have arrived" in says.unknown_sends("2026-02-11", 1)


def test_each_language_has_every_word() -> None:
    (first, *others) = [_names(language) for language in templates.languages()]
    assert others
    for other in others:
        assert other == first


@pytest.mark.parametrize("language", templates.languages())
def test_no_word_of_a_language_is_empty(language: str) -> None:
    for name, value in _words(language).items():
        for each in value.values() if isinstance(value, dict) else [value]:
            assert each, name


def _words(language: str) -> dict[str, Any]:
    spoken = templates.words(language)
    return {name: value for name, value in vars(spoken).items() if not name.startswith("_")}


def _names(language: str) -> dict[str, object]:
    """Return the names of a language's texts, with the rows of tables and the parameters of sentences."""
    return {
        name: sorted(value) if isinstance(value, dict) else getattr(value, "arguments", None)
        for name, value in _words(language).items()
    }
