"""One whole conversation from a person's side: from the first message through settings and a push to other papers."""

from datetime import timedelta
from pathlib import Path

from tests.bot.telegram import transcript
from tests.bot.telegram.world import bot_world
from tests.bot.world import WEDNESDAY_NOON, publish
from tests.fakes.telegram_chats import Message


def edited(message: Message) -> bool:
    return message.edits > 0


async def test_a_person_starts_chooses_gets_the_digest_and_asks_for_another_paper(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        li = here.telegram.user(1001, first_name="李雷")
        async with here.running():
            await li.says("/start")
            (welcome,) = await li.chat.waits_for(1)
            assert "您已订阅" in welcome.text
            (digest,) = await li.chat.waits_for(1)
            assert digest.text.startswith("arXiv Daily · 2026-02-11")
            assert digest.text.count("EchoNet-") > 3
            assert [text for row in digest.buttons for text, _ in row] == [
                "1 · 详细解读",
                "2 · 详细解读",
                "3 · 详细解读",
            ]

            await li.taps(digest, "2 · 详细解读")
            (reading,) = await li.chat.waits_for(1)
            assert reading.reply_to == digest.id
            assert "在哪些任务上取得了怎样的效果" in reading.text

            await li.taps(welcome, "设置")
            menu = await li.chat.waits_for(lambda message: "类别" in message.text)
            await li.taps(menu, "详细程度")
            menu = await li.chat.waits_for(edited)
            await li.taps(menu, "仅标题")
            menu = await li.chat.waits_for(edited)
            assert "详细程度：仅标题" in menu.text
            await li.taps(menu, "关键词")
            menu = await li.chat.waits_for(edited)
            await li.says("EchoNet-5，<b>语音</b>")
            menu = await li.chat.waits_for(lambda message: "关键词：EchoNet-5" in message.text)
            assert "<b>语音</b>" in menu.text
            (saved,) = await li.chat.waits_for(1)
            assert saved.text == "已保存。关键词：EchoNet-5、<b>语音</b>"

            publish(here.machine.arxiv, 4, submitted=WEDNESDAY_NOON - timedelta(hours=12))
            publish(here.machine.arxiv, 5, submitted=WEDNESDAY_NOON - timedelta(hours=12))
            here.clock.forward(days=1)
            (second,) = await li.chat.waits_for(1)
            assert second.text.startswith("arXiv Daily · 2026-02-12")
            assert "EchoNet-5" in second.text
            assert "EchoNet-4" not in second.text
            assert "mended" not in second.text  # an abstract

            publish(here.machine.arxiv, 7, submitted=WEDNESDAY_NOON - timedelta(days=100))
            await li.says("这篇呢？ https://www.alphaxiv.org/abs/2602.00007")
            status = await li.chat.waits_for(lambda message: "正在" in message.text)
            card = await li.chat.waits_for(
                lambda message: "EchoNet-7" in message.text and bool(message.buttons)
            )
            assert card.id == status.id
            below = await li.chat.waits_for(
                lambda message: "EchoNet-7" in message.text and message.id != card.id
            )
            assert "研究背景与既有方法的问题" in below.text

        assert here.telegram.refusals == []
        assert here.telegram.dropped_entities == 0
        assert here.rows("SELECT state, count(*) FROM deliveries GROUP BY state") == [("sent", 2)]
        assert transcript.picture(li.chat, tmp_path).stat().st_size > 20_000
