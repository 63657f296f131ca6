"""A requested edition in several messages: complete and in order, whatever comes between."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.core.models import Detail, Preferences, SubscriberStatus
from bot.telegram import pacing
from tests.bot.telegram.crowd import reader, subscribe
from tests.bot.telegram.talks import in_short_messages, made, second_held, tried
from tests.bot.telegram.world import IMPATIENT, BotWorld, bot_world
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_chats import Chat, Message
from tests.fakes.telegram_people import User

PAPERS = 5
LEFT = "SELECT count(*) FROM showings"


@pytest.fixture(autouse=True)
def _short_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    in_short_messages(monkeypatch)


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[tuple[BotWorld, User]]:
    """A person who is not subscribed, and whose editions take several messages; the edition is made."""
    telegram = FakeTelegram(limits=False)
    async with bot_world(folder, papers=PAPERS, telegram=telegram, rhythm=IMPATIENT) as here:
        user = here.telegram.user(1001, started=True)
        choices = Preferences("zh-CN", Detail.READINGS)
        await subscribe(here, reader(user.id, preferences=choices, status=SubscriberStatus.LEFT))
        async with here.running():
            await made(here)
        yield here, user


def answers(chat: Chat) -> list[Message]:
    """Return the bot's messages in the chat."""
    return [message for message in chat.shown if message.from_bot]


def papers_of(message: Message) -> list[int]:
    """Return the papers that the message shows, by their places in the edition."""
    return [int(found) for found in re.findall(r"^(\d+)\. EchoNet", message.text, re.MULTILINE)]


def numbers(chat: Chat) -> list[int]:
    """Return the papers that the chat shows, in the order of its messages."""
    return [number for message in chat.shown for number in papers_of(message)]


async def test_an_edition_that_a_restart_cuts_short_goes_on_with_the_next_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asking(tmp_path) as (here, user):
        monkeypatch.setattr(pacing, "_CHAT_SECONDS", 600)
        async with here.running():
            await user.says("/today")
            await user.chat.waits_for(1)
        assert len(answers(user.chat)) == 1
        assert here.rows(LEFT) == [(1,)]
        monkeypatch.setattr(pacing, "_CHAT_SECONDS", 0.01)
        async with here.running():
            await here.until(LEFT, [(0,)])
        assert numbers(user.chat) == list(range(1, PAPERS + 1))
        async with here.running():
            await user.says("/help")
            await user.chat.waits_for(lambda message: "/today" in message.text)
        assert numbers(user.chat) == list(range(1, PAPERS + 1))


async def test_an_edition_that_is_on_its_way_is_not_sent_a_second_time(tmp_path: Path) -> None:
    async with asking(tmp_path) as (here, user):
        async with here.running():
            await user.says("/help")
            (help_,) = await user.chat.waits_for(1)
            both_were_tapped = asyncio.Event()
            here.telegram.fail(faults.held(both_were_tapped), method="sendMessage", chat_id=user.id)
            await user.taps(help_, "今日论文")
            await user.taps(help_, "今日论文")
            await here.until("SELECT count(*) FROM updates WHERE content IS NULL", [(3,)])
            both_were_tapped.set()
            await here.until(LEFT, [(0,)])
            await user.says("/settings detail titles")
            await user.chat.waits_for(lambda message: "设置" in message.text)
        assert numbers(user.chat) == list(range(1, PAPERS + 1))


async def test_a_message_that_was_not_taken_comes_again_and_one_that_may_have_been_does_not(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path) as (here, user), here.running():
        here.telegram.fail(faults.status(502), method="sendMessage", chat_id=user.id)
        here.telegram.fail(faults.accept_then_hang(), method="sendMessage", chat_id=user.id)
        await user.says("/digest 2026-02-11")
        await here.until(LEFT, [(1,)])
        await here.until(LEFT, [(0,)])
        assert numbers(user.chat) == list(range(1, PAPERS + 1))


async def test_a_message_that_was_on_its_way_at_the_end_does_not_come_twice(tmp_path: Path) -> None:
    async with asking(tmp_path) as (here, user):
        async with here.running():
            here.telegram.fail(faults.accept_then_hang(), method="sendMessage", chat_id=user.id)
            await user.says("/today")
            await user.chat.waits_for(1)
        async with here.running():
            await here.until(LEFT, [(0,)])
        assert numbers(user.chat) == list(range(1, PAPERS + 1))


async def test_two_who_tap_at_once_and_one_who_is_forgotten_or_blocks_get_what_is_theirs(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path) as (here, user):
        other, leaving = here.telegram.user(1002, started=True), here.telegram.user(1003, started=True)
        choices = Preferences("zh-CN", Detail.READINGS)
        await subscribe(
            here,
            *(
                reader(each.id, preferences=choices, status=SubscriberStatus.LEFT)
                for each in (other, leaving)
            ),
        )
        forgotten = asyncio.Event()
        async with here.running():
            for each in (user, other, leaving):
                second_held(here, each.id, forgotten)
                await each.says("/today")
            for each in (user, other, leaving):
                await tried(here, each.id, 2)
            await leaving.blocks()
            await user.says("/forget")
            sure = await user.chat.waits_for(lambda message: "确定删除" in message.text)
            await user.taps(sure, "全部删除")
            await user.chat.waits_for(lambda message: "已全部删除" in message.text)
            forgotten.set()
            await here.until(LEFT, [(0,)])
        assert numbers(other.chat) == list(range(1, PAPERS + 1))
        first, second, *_ = (len(papers_of(message)) for message in answers(other.chat))
        assert len(numbers(user.chat)) == first + second < PAPERS
        assert len(numbers(leaving.chat)) == first
