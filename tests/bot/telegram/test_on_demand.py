"""A paper on demand: made once for all who ask, with live progress for each, and within limits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digest.core.models import Purpose
from tests.bot.telegram.talks import old_paper, talking, told
from tests.bot.telegram.world import OPERATOR, BotWorld, bot_world
from tests.fakes import telegram_faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import status
from tests.fakes.model_mistranslations import Mistranslates, changed

STAGES = ("正在获取全文……", "正在翻译……", "正在解读……")
SLOW = 1.5  # seconds, of the fake model; the status message changes about once a second


def done(number: int) -> Any:
    """Return whether a message is the card of that paper."""
    return lambda message: f"EchoNet-{number}" in message.text and bool(message.buttons)


async def test_the_status_message_tells_each_stage_and_becomes_the_paper(tmp_path: Path) -> None:
    model = FakeModel(translation_seconds=SLOW, reading_seconds=2 * SLOW)
    async with talking(tmp_path, model=model) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        first = await told(user, "2602.00009")
        assert first.text == "收到，正在查找……"
        making = await user.chat.waits_for(lambda message: message.text in STAGES)
        reading = await user.chat.waits_for(
            lambda message: "EchoNet-9" in message.text and "正在" in message.text
        )
        assert "不我们用EchoNet-9，" in reading.text  # the translation is read while the reading is made
        card = await user.chat.waits_for(done(9))
        assert {first.id, making.id, reading.id, card.id} == {first.id}
        (below,) = await user.chat.waits_for(1)
        assert "核心方法如何解决这些问题" in below.text
        assert "typing" in user.chat.actions


async def test_ten_chats_that_ask_for_the_same_paper_have_it_made_once(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=1)) as here:
        old_paper(here, 9)
        users = [here.telegram.user(2000 + number) for number in range(10)]
        for user in users:
            await user.says("2602.00009")
        for user in users:
            await user.chat.waits_for(done(9))
        assert made_of(here, "2602.00009v1") == {Purpose.TRANSLATION: 1, Purpose.READING: 1}
        await here.until("SELECT DISTINCT outcome FROM asks", [("answered",)])


async def test_a_restart_goes_on_and_ends_in_the_same_message(tmp_path: Path) -> None:
    async with bot_world(tmp_path, FakeModel(reading_seconds=1), papers=0) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        async with here.running():
            first = await told(user, "2602.00009")
            await here.until("SELECT count(*) FROM asks WHERE status_message IS NOT NULL", [(1,)])
        assert here.rows("SELECT answered_at FROM asks") == [(None,)]
        async with here.running():
            assert (await user.chat.waits_for(done(9))).id == first.id
            await user.chat.waits_for(1)
            await here.until("SELECT outcome FROM asks", [("answered",)])
        async with here.running():
            assert "您尚未订阅" in (await told(user, "/unsubscribe")).text
        assert sum("核心方法" in message.text for message in user.chat.shown) == 1


async def test_a_status_message_that_was_deleted_is_replaced(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=SLOW)) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        first = await told(user, "2602.00009")
        del user.chat.messages[first.id]
        assert (await user.chat.waits_for(done(9))).id != first.id


async def test_a_second_tap_or_message_while_it_is_made_costs_nothing(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, model=FakeModel(reading_seconds=SLOW)) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        digest = await told(user, "/today")
        await user.sends_data(digest, "p:2602.00009v1")
        await user.sends_data(digest, "p:2602.00009v1")
        await user.chat.waits_for(lambda message: "2602.00009v1 正在处理中" in message.text)
        await user.chat.waits_for(done(9))
        assert here.rows("SELECT count(*) FROM asks") == [(1,)]


async def test_a_paper_with_and_without_its_version_is_made_counted_and_shown_once(tmp_path: Path) -> None:
    async with talking(tmp_path, model=FakeModel(reading_seconds=2 * SLOW)) as here:
        old_paper(here, 8, 9)
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        for asking, first, then in (
            (user, "2602.00009", "2602.00009v1"),
            (other, "2602.00008v1", "2602.00008"),
        ):
            await asking.says(first)
            await asking.chat.waits_for(lambda message: "正在解读" in message.text)
            await asking.says(then)
            await asking.chat.waits_for(lambda message: "正在处理中" in message.text)
        await here.until("SELECT count(*) FROM asks WHERE answered_at IS NULL", [(0,)])
        assert here.rows("SELECT count(*) FROM asks WHERE made") == [(2,)]
        for asking in (user, other):
            assert sum("核心方法" in message.text for message in asking.chat.shown) == 1


@pytest.mark.parametrize(
    ("settings", "who", "sentence"),
    [
        ({"quota_person": 1}, 1001, "您今天的 1 次按需解读已用完"),
        ({"quota_day": 1}, 1002, "今天的按需解读次数已用完"),
    ],
)
async def test_quotas_bound_what_is_made_but_not_what_is_known_nor_the_operators(
    tmp_path: Path, settings: dict[str, Any], who: int, sentence: str
) -> None:
    async with talking(tmp_path, papers=1, **settings) as here:
        old_paper(here, 7, 8, 9)
        users = {number: here.telegram.user(number) for number in (1001, 1002, OPERATOR)}
        await users[1001].says("2602.00007")
        await users[1001].chat.waits_for(done(7))
        await users[who].says("2602.00008")
        await users[who].chat.waits_for(lambda message: sentence in message.text)
        await users[who].says("/ask 2602.00001 误差下降了吗？")
        await users[who].chat.waits_for(lambda message: sentence in message.text)
        await users[who].says("2602.00001")
        await users[who].chat.waits_for(done(1))
        await users[OPERATOR].says("2602.00009")
        await users[OPERATOR].chat.waits_for(done(9))
        here.clock.forward(days=1)
        await users[who].says("2602.00008")
        await users[who].chat.waits_for(done(8))


async def test_several_papers_beyond_the_quota_are_refused_in_one_sentence(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, quota_person=1) as here:
        old_paper(here, 9, 10, 11, 12)
        user = here.telegram.user(1001)
        await user.says("2602.00009 2602.00010 2602.00001 2602.00011 2602.00012")
        await here.until("SELECT count(*) FROM asks WHERE outcome IS NOT NULL", [(2,)])
        await user.says("/help")  # which is answered after that
        await user.chat.waits_for(lambda message: "/today" in message.text)
        shown = [message.text for message in user.chat.shown if message.from_bot]
        assert sum("已用完" in text for text in shown) == 1
        assert any("EchoNet-1:" in text for text in shown)  # what is stored is shown all the same


async def test_a_paper_that_is_not_there_costs_no_quota(tmp_path: Path) -> None:
    async with talking(tmp_path, quota_person=1) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await user.says("2511.99998")
        await user.chat.waits_for(lambda message: "arXiv 上没有 2511.99998" in message.text)
        await user.says("2602.00009v7")
        await user.chat.waits_for(
            lambda message: "2602.00009v7 不存在，最新版本是 2602.00009v1" in message.text
        )
        await user.says("2602.00009")
        await user.chat.waits_for(done(9))


async def test_a_withdrawn_paper_and_one_without_a_text_say_so(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 8, 9)
        here.machine.arxiv.papers[0] = replace(
            here.machine.arxiv.papers[0], abstract="This paper has been withdrawn by the authors."
        )
        del here.machine.arxiv.html["2602.00009v1"]
        withdrawn, textless = here.telegram.user(1001), here.telegram.user(1002)
        await withdrawn.says("2602.00008")
        await withdrawn.chat.waits_for(lambda message: "本文已撤稿" in message.text)
        await textless.says("2602.00009")
        card = await textless.chat.waits_for(lambda message: "全文暂不可用" in message.text)
        assert "不我们用EchoNet-9，" in card.text
        await textless.says("误差下降了吗？", reply_to=card)  # the abstract is asked
        await textless.chat.waits_for(lambda message: "EchoNet-9" in message.text and message.id != card.id)
        assert made_of(here, "2602.00008v1").get(Purpose.READING) is None


async def test_a_spent_budget_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    may = frozenset({"answer_failed"})  # as the library logs it
    async with talking(tmp_path, papers=1, may_log=may, llm_daily_tokens=1) as here:
        old_paper(here, 9)
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        await user.says("2602.00009")
        await user.chat.waits_for(lambda message: "今天的用量已用完，暂时无法解读" in message.text)
        await other.says("/ask 2602.00009 误差下降了吗？")
        await other.chat.waits_for(lambda message: "今天的用量已用完，暂时无法回答" in message.text)


async def test_without_a_model_the_original_is_shown_and_the_gap_is_told(tmp_path: Path) -> None:
    async with talking(tmp_path, openai_api_key=None) as here:
        old_paper(here, 9)
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        await user.says("2602.00009")
        card = await user.chat.waits_for(lambda message: "未配置语言模型，暂无解读" in message.text)
        assert "which lowers the error of room 9" in card.text
        await other.says("/ask 2602.00009 误差下降了吗？")
        await other.chat.waits_for(lambda message: "未配置语言模型，无法回答" in message.text)


async def test_a_model_that_fails_and_an_arxiv_that_is_silent_are_told_apart(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 8, 9)
        one, two = here.telegram.user(1001), here.telegram.user(1002)
        here.machine.model.always = status(400)
        await one.says("2602.00008")
        await one.chat.waits_for(lambda message: "没有给出可用的解读" in message.text)
        here.machine.arxiv.faults.extend(["503"] * 20)
        await two.says("2602.00009")
        await two.chat.waits_for(lambda message: "arXiv 暂时没有回应" in message.text)
        await here.until("SELECT count(*) FROM asks WHERE answered_at IS NULL", [(0,)])
        here.machine.arxiv.faults.clear()
        here.machine.model.always = None
        await two.says("2602.00009")
        await two.chat.waits_for(done(9))
        outcomes = [("model",), ("unreachable",), ("answered",)]
        await here.until("SELECT outcome FROM asks ORDER BY id", outcomes)


async def test_an_answer_that_cannot_be_sent_ends_the_request(tmp_path: Path) -> None:
    may = frozenset({"answer_not_sent"})
    async with talking(tmp_path, model=FakeModel(reading_seconds=1), may_log=may) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await told(user, "2602.00009")
        await user.blocks()
        await here.until("SELECT count(*) FROM asks WHERE answered_at IS NOT NULL", [(1,)])
        assert here.rows("SELECT outcome FROM asks") == [("Forbidden",)]


async def test_the_answer_comes_where_the_word_that_it_is_coming_was_lost(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001, started=True)
        here.telegram.fail(telegram_faults.status(500), method="sendMessage", chat_id=user.id)
        await user.says("2602.00009")
        await user.chat.waits_for(done(9))


def made_of(here: BotWorld, version: str) -> dict[Purpose, int]:
    """Return how often the model was called for each part of that paper."""
    return {key[0]: count for key, count in here.machine.model.asked_for.items() if key[1] == version}


async def test_what_cannot_be_made_costs_no_quota_however_often_it_is_asked_for(tmp_path: Path) -> None:
    model = FakeModel(always=Mistranslates(changed("12.5", "97.5")))
    async with talking(tmp_path, model=model, quota_person=2) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        for number in range(1, 6):
            await user.says("2602.00009")
            await here.until("SELECT count(*) FROM asks WHERE outcome IS NOT NULL", [(number,)], seconds=30)
        assert here.rows("SELECT count(*) FROM asks WHERE made") == [(1,)]  # the reading, once
