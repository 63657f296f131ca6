"""Messages in a form that Telegram rejects: rich, then classic, then plain, and each message once."""

import asyncio
import re
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.core.models import Preferences
from tests.bot.telegram.crowd import people, reader, subscribe
from tests.bot.telegram.world import BotWorld, bot_world
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram_chats import Chat

STATES = "SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state"
RICH = Preferences("zh-CN", rich=True)
NOT_RICH = faults.status(400, "Bad Request: RICH_MESSAGE_INVALID")
UNPARSABLE = faults.status(400, "Bad Request: can't parse entities: no")
PAPERS = 26  # two rich messages, for one has no more than 24 buttons; the first is two classic ones


def numbers(chat: Chat) -> list[int]:
    """Return the numbers of the papers that the chat was shown, in the order of its messages."""
    return [
        int(found[1]) for message in chat.shown for found in re.finditer(r"(\d+)\. EchoNet", message.text)
    ]


def forms(chat: Chat) -> list[str]:
    return ["rich" if message.rich else "classic" if message.entities else "plain" for message in chat.shown]


def requests(here: BotWorld, method: str, chat: int) -> int:
    return sum(
        call.method == method and call.parameters["chat_id"] == chat for call in here.telegram.requests
    )


@pytest.mark.play
async def test_a_refused_rich_message_is_shown_once_in_classic_ones_whatever_comes_between(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path, papers=PAPERS, arxiv_request_interval=0) as here:
        first, second, sound = people(here, 3)
        await subscribe(here, *(reader(chat, preferences=RICH) for chat in (first, second, sound)))
        here.telegram.fail(NOT_RICH, method="sendRichMessage", chat_id=first)
        here.telegram.fail(faults.slow(0), method="sendMessage", chat_id=first)
        here.telegram.fail(faults.status(503), method="sendMessage", chat_id=first)
        here.telegram.fail(faults.slow(0), method="sendRichMessage", chat_id=second)
        here.telegram.fail(NOT_RICH, method="sendRichMessage", chat_id=second)
        async with here.running():
            await here.until(
                "SELECT state, part, tries FROM deliveries ORDER BY id",
                [("due", 1, 1), ("sent", 2, 0), ("sent", 2, 0)],
                seconds=40,
            )
        here.clock.forward(minutes=1)
        async with here.running():
            await here.until(STATES, [("sent", 3)])
        for chat in (first, second, sound):
            assert numbers(here.telegram.chats[chat]) == list(range(1, PAPERS + 1))
        assert forms(here.telegram.chats[sound]) == ["rich", "rich"]
        assert forms(here.telegram.chats[second]) == ["rich", "classic"]
        assert forms(here.telegram.chats[first]) == ["classic", "classic", "rich"]
        assert requests(here, "sendRichMessage", first) == 2
        sounds = [
            not call.parameters["disable_notification"]
            for call in here.telegram.requests
            if call.parameters.get("chat_id") == first
        ]
        assert sounds == [True, True, False, False, False]  # the refused one, then the first that came


async def test_one_rich_message_refused_goes_out_classic_and_the_next_is_rich_again(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        first, second = people(here, 2)
        await subscribe(here, reader(first, preferences=RICH), reader(second, preferences=RICH))
        refusal = faults.status(400, "Bad Request: RICH_MESSAGE_INVALID")
        here.telegram.fail(refusal, method="sendRichMessage", chat_id=first)
        async with here.running():
            await here.until(STATES, [("sent", 2)])
        (classic,), (rich,) = here.telegram.chats[first].shown, here.telegram.chats[second].shown
        assert classic.rich is None
        assert "EchoNet-1" in classic.text
        assert rich.rich is not None


async def test_a_server_that_knows_no_rich_messages_is_asked_for_one_only_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        here.telegram.rich = False
        chats = people(here, 3)
        now, *evening = (reader(chat, preferences=RICH) for chat in chats)
        await subscribe(here, now, *(replace(each, hour=time(18, 0)) for each in evening))
        async with here.running():
            await here.until(STATES, [("due", 2), ("sent", 1)])
            here.clock.forward(hours=6)
            await here.until(STATES, [("sent", 3)])
        assert all(here.telegram.chats[chat].shown[0].rich is None for chat in chats)
        assert here.telegram.methods["sendRichMessage"] == 1


async def test_those_that_wait_when_the_server_proves_to_know_no_rich_messages_do_not_ask_for_one(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path) as here:
        here.telegram.rich = False
        proven = asyncio.Event()
        here.telegram.fail(faults.held(proven), method="sendRichMessage")
        *chats, other = people(here, 4)
        await subscribe(here, *(reader(chat, preferences=RICH) for chat in chats), reader(other))
        with capture_logs() as logs:
            async with here.running():
                await here.telegram.chats[other].waits_for(1)  # last in the row: the others had their turn
                proven.set()
                await here.until(STATES, [("sent", 4)])
        assert all(forms(here.telegram.chats[chat]) == ["classic"] for chat in chats)
        assert here.telegram.methods["sendRichMessage"] == 1
        assert sum(each["event"] == "rich_messages_unsupported" for each in logs) == 1
        assert here.rows("SELECT count(*) FROM renderings") == [(3,)]  # rich, its stand-in, classic


async def test_what_is_refused_rich_and_classic_goes_out_plain_and_each_refusal_is_logged(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat, preferences=RICH))
        here.telegram.fail(NOT_RICH, method="sendRichMessage", chat_id=chat)
        here.telegram.fail(UNPARSABLE, method="sendMessage", chat_id=chat)
        with capture_logs() as logs:
            async with here.running():
                await here.until(STATES, [("sent", 1)])
        assert forms(here.telegram.chats[chat]) == ["plain"]
        assert numbers(here.telegram.chats[chat]) == [1, 2, 3]
        refused = [(each["event"], each["cause"]) for each in logs if each["event"].endswith("refused")]
        assert refused == [
            ("rich_message_refused", "Rich_message_invalid"),
            ("message_refused", "Can't parse entities"),
        ]


@pytest.mark.parametrize("why", ["Forbidden: bot was blocked by the user", "Bad Request: chat not found"])
async def test_a_rich_message_to_nobody_is_not_tried_in_another_form(tmp_path: Path, why: str) -> None:
    async with bot_world(tmp_path) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat, preferences=RICH))
        code = 403 if why.startswith("Forbidden") else 400
        here.telegram.fail(faults.status(code, why), method="sendRichMessage", chat_id=chat)
        async with here.running():
            await here.until(STATES, [("failed", 1)])
        assert here.rows("SELECT standing FROM subscribers") == [("ended",)]
        assert requests(here, "sendMessage", chat) == 0
