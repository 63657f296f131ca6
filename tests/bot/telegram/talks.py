"""Shared by the tests of conversations: a bot without rate limits, and its next message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from bot.channel_setup import Intervals
from bot.telegram import messages, pacing
from tests.bot.telegram.world import RHYTHM, BotWorld, bot_world
from tests.bot.world import WEDNESDAY_NOON, publish
from tests.fakes import telegram_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_chats import Chat, Message
from tests.fakes.telegram_people import User

_FAULTS = frozenset(
    {
        "message_refused",
        "rich_message_refused",
        "answer_failed",
        "answer_not_sent",
        "update_failed",
        "request_failed",
        "work_failed",
    }
)
"""What the bot logs if Telegram rejects a message, or has a fault itself."""


@asynccontextmanager
async def talking(
    folder: Path,
    papers: int = 0,
    model: FakeModel | None = None,
    *,
    may_log: frozenset[str] = frozenset(),
    rhythm: Intervals = RHYTHM,
    **settings: object,
) -> AsyncIterator[BotWorld]:
    """A bot that runs at the pace of the test, its edition of `papers` made; at the end, nothing may be refused.

    It waits neither for its own rate nor for that of one chat. `may_log` are faults that the test provokes.
    """
    telegram = FakeTelegram(limits=False)
    with patch("bot.telegram.pacing._CHAT_SECONDS", 0.01), capture_logs() as logs:
        async with bot_world(
            folder, model, papers, telegram, rhythm=rhythm, telegram_rate=0, **settings
        ) as here:
            async with here.running():
                if papers:
                    await made(here)
                yield here
            assert telegram.refusals == []
            assert telegram.dropped_entities == 0
            assert not telegram.unknown_parameters
    faults = [each for each in logs if each["event"] in _FAULTS - may_log]
    assert faults == [], faults


def in_short_messages(monkeypatch: pytest.MonkeyPatch, units: int = 600) -> None:
    """Limit messages to that many UTF-16 units, so that few papers take several, and remove the pause in a chat.

    If the fake's limits would reject that, it needs `limits=False`.
    """
    monkeypatch.setattr(messages, "TEXT_LIMIT", units)
    monkeypatch.setattr(pacing, "_CHAT_SECONDS", 0.01)


def second_held(here: BotWorld, chat: int, until: asyncio.Event) -> None:
    """Hold the second message to `chat` from now on in flight until `until` is set."""
    here.telegram.fail(faults.slow(0), method="sendMessage", chat_id=chat)
    here.telegram.fail(faults.held(until), method="sendMessage", chat_id=chat)


async def tried(here: BotWorld, chat: int, times: int) -> None:
    """Wait until that many messages to `chat` were tried."""
    while times > sum(
        call.method == "sendMessage" and call.parameters["chat_id"] == chat for call in here.telegram.requests
    ):
        await here.telegram.is_asked("sendMessage", here.telegram.methods["sendMessage"] + 1)


async def made(here: BotWorld) -> None:
    """Wait until the edition is made and its campaign is queued."""
    await here.until("SELECT count(*) FROM dispatches", [(1,)])


async def told(user: User, text: str, chat: Chat | None = None, thread: int | None = None) -> Message:
    """Send `text` and return the bot's next message."""
    await user.says(text, chat=chat, thread=thread)
    return (await (chat or user.chat).waits_for(1))[0]


async def alerted(here: BotWorld, user: User, message: Message, data: str) -> str:
    """Tap and return the text of the alert that is shown."""
    before = len(here.telegram.answers)
    query = await user.sends_data(message, data)
    await here.telegram.is_asked("answerCallbackQuery", before + 1)
    while not (found := [each for each in here.telegram.answers if each.query_id == query]):
        await here.telegram.is_asked("answerCallbackQuery", here.telegram.methods["answerCallbackQuery"] + 1)
    assert found[0].show_alert
    return found[0].text


def old_paper(here: BotWorld, *numbers: int) -> None:
    """Add old papers to arXiv, which are in no edition."""
    for number in numbers:
        publish(here.machine.arxiv, number, submitted=WEDNESDAY_NOON - timedelta(days=100))
