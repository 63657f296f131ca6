"""Tests of incoming updates: none is lost, handled twice, or delayed by another chat."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.serve import serve
from bot.telegram import pacing, update_queue
from tests.bot.telegram.talks import talking, told
from tests.bot.telegram.test_webhook import pushed
from tests.bot.telegram.world import RHYTHM, bot_world
from tests.bot.world import QUICK
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_chats import Chat

KEPT = "SELECT count(*), count(content) FROM updates"


def answers(chat: Chat) -> int:
    return sum(message.from_bot for message in chat.shown)


@pytest.mark.parametrize("way", ["getUpdates", "setWebhook"])
async def test_what_waits_at_a_stop_is_handled_once_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with bot_world(tmp_path, papers=0, telegram=FakeTelegram(limits=False)) as here:
        settings = pushed(here)[1] if way == "setWebhook" else {}
        user = here.telegram.user(1001)
        monkeypatch.setattr(pacing, "_CHAT_SECONDS", 600)  # the chat has to wait after the first answer
        async with here.running(listens_by=way, **settings):
            for number in range(6):
                await user.says(f"/settings include word{number}")
            await user.chat.waits_for(1)
            await here.until("SELECT count(*) FROM updates", [(6,)])
        assert here.telegram.updates.pending == [] or way == "getUpdates"
        assert answers(user.chat) == 1
        assert here.rows(KEPT) == [(6, 5)]
        monkeypatch.setattr(pacing, "_CHAT_SECONDS", 0.01)
        async with here.running(listens_by=way, **settings):
            await user.chat.waits_for(5)
            await here.until(KEPT, [(6, 0)])
            assert here.rows("SELECT include FROM subscribers") == [('["word5"]',)]
        assert answers(user.chat) == 6


async def test_what_a_stop_cuts_off_is_handled_after_the_next_start(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        async with here.running():
            here.telegram.fail(faults.status(429, retry_after=8), method="sendMessage", chat_id=1001)
            await user.says("/start")
            await here.until("SELECT count(*) FROM updates", [(1,)])
        assert answers(user.chat) == 0
        async with here.running():
            assert await user.chat.waits_for(1)
            await here.until(KEPT, [(1, 0)])
            await here.until("SELECT count(*) FROM showings", [(0,)])


async def test_who_sends_hundreds_of_messages_holds_nobody_up(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        flooder, other = here.telegram.user(1001), here.telegram.user(1002)
        async with here.running():
            for _ in range(300):
                await flooder.says("hello")
            await here.until("SELECT count(*) >= 100 FROM updates", [(1,)])
            await other.says("/help")
            assert await other.chat.waits_for(1)


async def test_who_sends_more_than_can_be_answered_hears_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_queue, "_BACKLOG", 2)
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        group = here.telegram.group(members=[user])
        all_have_come = asyncio.Event()
        here.telegram.fail(faults.held(all_have_come), method="sendMessage", times=2)
        for number in range(7):
            await user.says(f"/search word{number}")
            await user.says(f"/search@daily_bot word{number}", chat=group)
            if not number:
                await here.telegram.is_asked("sendMessage", 2)  # what follows waits behind these
        await here.until("SELECT count(*) FROM updates", [(14,)])
        all_have_come.set()
        assert "发送过于频繁" in (await user.chat.waits_for(4))[-1].text
        await here.until(KEPT, [(14, 0)])
        assert "word9" in (await told(user, "/search word9")).text
        assert answers(user.chat) == 5
        assert answers(group) == 3


async def test_updates_that_are_refused_for_a_while_are_fetched_again(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        stop = asyncio.Event()
        quick = replace(RHYTHM, pause_seconds=0.05)
        serving = asyncio.create_task(serve(here.settings(), here.clock, stop, QUICK, quick))
        await told(here.telegram.user(1001), "/help")
        here.telegram.fail(faults.status(401), method="getUpdates", times=2)
        user = here.telegram.user(1002)
        await user.says("/help")
        assert "/today" in (await user.chat.waits_for(1))[0].text
        stop.set()
        await serving
        assert here.rows("SELECT reason FROM alerts WHERE subject = 'telegram'") == [
            ("Telegram does not accept TELEGRAM_BOT_TOKEN.",)
        ]


async def test_telegrams_outages_and_another_process_that_polls_are_waited_out(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        async with here.running():
            for fault in (faults.status(409), faults.status(502), faults.status(429, retry_after=1)):
                here.telegram.fail(fault, method="getUpdates")
            await user.says("/help")
            await user.says("/help")
            assert await user.chat.waits_for(2)
