"""An answer that is delayed by an outage of Telegram: it arrives, each message of it once."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from digest.core.models import Purpose
from tests.bot.telegram.talks import old_paper, talking, told
from tests.bot.telegram.test_on_demand import done
from tests.bot.telegram.world import IMPATIENT, BotWorld, bot_world
from tests.fakes import telegram_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.telegram_chats import Chat
from tests.fakes.telegram_people import User

SLOW = 0.3  # seconds of the fake model, in which the test plans its faults
UNSENT = frozenset({"answer_not_sent"})
READING = "核心方法"


def readings(chat: Chat) -> int:
    return sum(READING in message.text for message in chat.shown)


def sends(here: BotWorld, user: User) -> int:
    """Return the number of attempts to send a message to that person."""
    return [
        call.parameters["chat_id"] for call in here.telegram.requests if call.method == "sendMessage"
    ].count(user.id)


async def sent(here: BotWorld, user: User, times: int) -> None:
    async with asyncio.timeout(300):
        while sends(here, user) < times:
            await here.telegram.is_asked("sendMessage", here.telegram.methods["sendMessage"] + 1)


async def test_what_an_outage_keeps_back_arrives_after_it_and_once(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=SLOW)) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        first = await told(user, "2602.00009")
        here.telegram.fail(faults.status(502), method="sendMessage", chat_id=user.id)
        here.telegram.fail(faults.garbage(), method="editMessageText", chat_id=user.id, times=2)
        card = await user.chat.waits_for(done(9))
        (below,) = await user.chat.waits_for(1)
        assert card.id == first.id
        assert READING in below.text
        await here.until("SELECT outcome, part FROM asks", [("answered", 2)])
        assert readings(user.chat) == 1


async def test_what_may_have_arrived_is_not_sent_again_but_what_stands_in_place_of_another_is(
    tmp_path: Path,
) -> None:
    model = FakeModel(reading_seconds=SLOW)
    async with talking(tmp_path, model=model, may_log=UNSENT, rhythm=IMPATIENT) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        first = await told(user, "2602.00009")
        here.telegram.fail(faults.accept_then_hang(), method="sendMessage", chat_id=user.id)
        here.telegram.fail(faults.accept_then_hang(), method="editMessageText", chat_id=user.id, times=2)
        await here.until("SELECT outcome, part FROM asks", [("unanswered", 2)])
        assert done(9)(user.chat.messages[first.id])
        assert readings(user.chat) == 1
        assert sends(here, user) == 2


async def test_a_restart_within_an_outage_goes_on_behind_what_was_sent(tmp_path: Path) -> None:
    async with bot_world(tmp_path, FakeModel(reading_seconds=SLOW), papers=0) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        async with here.running():
            first = await told(user, "2602.00009")
            here.telegram.fail(faults.status(500), method="sendMessage", chat_id=user.id, times=1000)
            await user.chat.waits_for(done(9))
            await sent(here, user, 4)  # the pauses are longer by then
            await here.until("SELECT part FROM asks", [(1,)])
        assert here.rows("SELECT answered_at, part FROM asks") == [(None, 1)]
        here.telegram.mend()
        edits = user.chat.messages[first.id].edits
        async with here.running():
            (below,) = await user.chat.waits_for(1)
            assert READING in below.text
            await here.until("SELECT outcome, part FROM asks", [("answered", 2)])
        assert user.chat.messages[first.id].edits == edits
        assert readings(user.chat) == 1


async def test_after_a_day_it_is_given_up(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=SLOW), may_log=UNSENT) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await told(user, "2602.00009")
        here.telegram.fail(faults.status(500), method="sendMessage", chat_id=user.id, times=1000)
        await sent(here, user, 2)
        here.clock.forward(days=1)
        await here.until("SELECT outcome, part FROM asks", [("ServerFaultError", 1)])


async def test_an_answer_that_was_being_told_when_the_program_died_is_not_made_anew(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        async with here.running():
            await user.says("/ask 2602.00009 误差下降了吗？")
            await here.until("SELECT outcome FROM asks", [("answered",)])
        with closing(sqlite3.connect(tmp_path / "arxiv-daily.db")) as database:
            database.execute("UPDATE asks SET answered_at = NULL, outcome = NULL, part = 1")
            database.commit()
        async with here.running():
            await here.until("SELECT outcome FROM asks", [("cut-off",)])
        assert here.machine.model.asked_for[Purpose.ANSWER, "2602.00009v1"] == 1
