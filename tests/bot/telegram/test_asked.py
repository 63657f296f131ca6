"""Requests are answered once: after a kill, an outage of Telegram, and a pause that Telegram asks for."""

import signal
from pathlib import Path

import pytest

from tests.bot.cli.test_main import environment
from tests.bot.telegram.talks import made, talking, told
from tests.bot.telegram.world import BotWorld, bot_world
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_chats import Chat
from tests.fakes.telegram_people import User
from tests.programs import start

WAITING = "SELECT count(*) FROM showings"
REFUSED = frozenset({"answer_not_sent"})


def bot_says(chat: Chat, part: str) -> int:
    return sum(part in message.text for message in chat.shown if message.from_bot)


async def served(here: BotWorld, users: list[User], *, kill: bool) -> None:
    """Run the program until all requests are stored, or until all are answered."""
    env = environment(
        here.machine, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_API_URL=here.telegram.url, WEB_PORT="0"
    )
    process = await start(here.machine.folder, "serve", env=env)
    try:
        if kill:
            await here.until("SELECT count(*) FROM updates", [(len(users),)])
        else:
            await here.until("SELECT count(*) FROM updates WHERE content IS NOT NULL", [(0,)])
            await here.until("SELECT count(*) FROM asks WHERE outcome IS NULL", [(0,)])
            await here.until(WAITING, [(0,)])
    finally:
        process.send_signal(signal.SIGKILL)
        await process.status()


@pytest.mark.play
async def test_a_kill_just_after_ten_people_asked_costs_nobody_the_answer(tmp_path: Path) -> None:
    telegram = FakeTelegram(limits=False, latency_seconds=0.3)
    async with bot_world(tmp_path, papers=1, telegram=telegram) as here:
        async with here.running():
            await made(here)
        users = [telegram.user(1001 + number) for number in range(10)]
        asked = ["2602.00001"] * 5 + ["/today"] * 2 + ["/search EchoNet"] * 2 + ["/settings"]
        for user, text in zip(users, asked, strict=True):
            await user.says(text)
        await served(here, users, kill=True)
        await served(here, users, kill=False)
        for user in users[:5]:
            assert bot_says(user.chat, "核心方法") == 1
            assert len([each for each in user.chat.shown if each.from_bot]) == 2
        for user in users[5:]:
            assert len([each for each in user.chat.shown if each.from_bot]) == 1


async def test_an_outage_keeps_answers_back_and_loses_none(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        menu = await told(user, "/settings")
        here.telegram.fail(faults.status(502), method="sendMessage", times=10_000)
        here.telegram.fail(faults.status(502), method="editMessageText", times=10_000)
        await user.says("/today")
        await user.says("/search EchoNet")
        await user.taps(menu, "语言")
        await user.says("hello")
        await other.says("2602.00001")
        await here.until(WAITING, [(4,)])
        here.telegram.mend()
        await here.until(WAITING, [(0,)])
        await here.until("SELECT count(*) FROM asks WHERE outcome IS NULL", [(0,)])
        answers = [message.text for message in user.chat.shown if message.from_bot and message.id > menu.id]
        assert len(answers) == 4
        edition = next(text for text in answers if "共 1 篇" in text)
        found, language, unreadable = (text for text in answers if text != edition)
        assert "EchoNet-1" in found
        assert "语言" in language
        assert "请发送 arXiv 编号" in unreadable
        assert bot_says(other.chat, "核心方法") == 1


async def test_a_pause_of_one_chat_delays_its_answers_over_a_restart(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        async with here.running():
            here.telegram.fail(
                faults.status(429, retry_after=43_838), method="sendMessage", chat_id=user.id, times=3
            )
            await user.says("/help")
            await user.says("/search EchoNet")
            await here.until(WAITING, [(2,)])
            await other.says("/help")
            await other.chat.waits_for(1)
        here.telegram.mend()
        async with here.running():
            answers = await user.chat.waits_for(2)
            await here.until(WAITING, [(0,)])
        assert "/today" in answers[0].text
        assert "往期日报中没有相关论文" in answers[1].text
