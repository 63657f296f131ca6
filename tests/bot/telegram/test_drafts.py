"""Message drafts of a reading while it is written, which never delay the answer."""

import asyncio
import itertools
from pathlib import Path

import pytest

from digest.core.models import Purpose
from tests.bot.telegram.talks import old_paper, talking, told
from tests.bot.telegram.test_on_demand import done, made_of
from tests.bot.telegram.world import IMPATIENT, BotWorld, bot_world
from tests.fakes import telegram_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Fault, all_at_once, breaks_off, error_in_stream, in_step, stalls
from tests.fakes.model_stream import told as told_at_once
from tests.fakes.telegram_chats import Chat

SECONDS = 2.5  # of a reading; drafts come once a second
END = "错误率最多下降12.5%"


async def drafted(here: BotWorld, chat: Chat, count: int = 1) -> None:
    """Wait until the chat has seen that many drafts."""
    async with asyncio.timeout(300):
        while len(chat.drafts) < count:
            await here.telegram.is_asked("sendMessageDraft", here.telegram.methods["sendMessageDraft"] + 1)


async def test_in_a_private_chat_the_reading_is_seen_as_it_grows_and_is_then_sent_as_ever(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        here.machine.model.always = reading(in_step(lambda count: drafted(here, user.chat, count)))
        first = await told(user, "2602.00009")
        card = await user.chat.waits_for(done(9))
        (below,) = await user.chat.waits_for(1)
        assert card.id == first.id
        drafts = user.chat.drafts
        assert len(drafts) >= 2
        assert len({draft.id for draft in drafts}) == 1
        texts = [draft.text for draft in drafts]
        assert all(len(sooner) < len(later) for sooner, later in itertools.pairwise(texts))
        assert len(texts[-1]) <= len(below.text)
        assert all("EchoNet-9" in text and "{" not in text for text in texts)
        assert drafts[0].entities
        assert END not in texts[0]
        assert END in below.text
        assert drafts[-1].at < below.at
        spaces = [later.at - sooner.at for sooner, later in itertools.pairwise(drafts)]
        assert min(spaces) > 0.9
        assert here.rows("SELECT purpose, outcome FROM calls WHERE purpose = 'reading'") == [
            ("reading", "ok")
        ]


async def test_with_a_judge_the_status_says_that_it_is_being_read_and_nothing_unjudged_is_seen(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, judge_model="judge") as here:
        old_paper(here, 9)
        user, is_told = here.telegram.user(1001), asyncio.Event()

        async def seen(_: int) -> None:
            await is_told.wait()

        here.machine.model.always = reading(in_step(seen))
        await user.says("2602.00009")
        await user.chat.waits_for(lambda message: "正在解读" in message.text)
        is_told.set()
        await user.chat.waits_for(done(9))
        assert not user.chat.drafts
        assert here.machine.model.asked_for[Purpose.JUDGEMENT, "2602.00009v1"] > 0


async def test_all_who_wait_see_it_and_a_group_does_not(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        users = [here.telegram.user(2000 + number) for number in range(10)]
        all_have_seen_it = asyncio.Event()

        async def seen(_: int) -> None:
            await all_have_seen_it.wait()

        here.machine.model.always = reading(in_step(seen))
        group = here.telegram.group(members=users[:1])
        for user in users[:9]:
            await user.says("2602.00009")
        await users[0].says("/paper 2602.00009", chat=group)
        await drafted(here, users[0].chat)
        await users[9].says("2602.00009")
        for user in users:
            await drafted(here, user.chat)
        all_have_seen_it.set()
        for user in users:
            await user.chat.waits_for(done(9))
        await group.waits_for(done(9))
        assert not group.drafts
        assert made_of(here, "2602.00009v1") == {Purpose.TRANSLATION: 1, Purpose.READING: 1}


async def test_where_nobody_can_see_it_nothing_is_streamed(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 8, 9)
        here.telegram.drafts = False
        user = here.telegram.user(1001)
        group = here.telegram.group(members=[user])
        await user.says("/paper 2602.00008", chat=group)
        await group.waits_for(done(8))
        assert not any(request.get("stream") for request in here.machine.model.requests)


async def test_a_server_without_drafts_is_remembered(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=0.5)) as here:
        old_paper(here, 8, 9)
        here.telegram.drafts = False
        user = here.telegram.user(1001)
        for number in (8, 9):
            await user.says(f"2602.0000{number}")
            await user.chat.waits_for(done(number))
        assert here.telegram.methods["sendMessageDraft"] == 1
        assert [bool(request.get("stream")) for request in here.machine.model.requests].count(True) == 1


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        (faults.status(429, retry_after=60), 1),
        (faults.status(400, "Bad Request: TEXTDRAFT_PEER_INVALID"), 1),
        (faults.status(500), 5),
        (faults.hang(), 5),
    ],
)
async def test_a_draft_that_fails_costs_neither_the_answer_nor_its_time(
    tmp_path: Path, fault: faults.Fault, most: int
) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=SECONDS), rhythm=IMPATIENT) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        here.telegram.fail(fault, method="sendMessageDraft", times=100)
        await user.says("2602.00009")
        await user.chat.waits_for(done(9))
        (below,) = await user.chat.waits_for(1)
        assert END in below.text
        assert 1 <= here.telegram.methods["sendMessageDraft"] <= most
        here.telegram.refusals.clear()


@pytest.mark.parametrize("fault", [breaks_off(0.5), error_in_stream({"message": "gone"}), all_at_once])
async def test_what_happens_to_the_stream_is_not_seen_in_the_answer(tmp_path: Path, fault: Fault) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await told(user, "2602.00009")
        here.machine.model.faults.extend([fault, fault])
        await user.chat.waits_for(done(9))
        (below,) = await user.chat.waits_for(1)
        assert END in below.text


async def test_a_stop_amid_the_stream_leaves_it_to_the_next_process(tmp_path: Path) -> None:
    model = FakeModel()
    async with bot_world(tmp_path, model, papers=0) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        async with here.running():
            model.always = reading(stalls)
            first = await told(user, "2602.00009")
            await drafted(here, user.chat)
        assert here.rows("SELECT answered_at FROM asks") == [(None,)]
        model.always = None
        async with here.running():
            assert (await user.chat.waits_for(done(9))).id == first.id
            await here.until("SELECT outcome FROM asks", [("answered",)])
        assert {draft.id for draft in user.chat.drafts} == {1}
        assert sum(END in message.text for message in user.chat.shown) == 1


def reading(fault: Fault) -> Fault:
    """Apply the fault to streamed answers, which are readings; any other answer is valid."""
    return lambda asked: fault(asked) if asked.body.get("stream") else told_at_once(asked, asked.completion)
