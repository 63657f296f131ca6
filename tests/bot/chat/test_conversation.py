"""What people say and tap, and what they are told."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.bot.chat.world import OPERATOR, BotWorld, bot_world
from tests.bot.world import WEDNESDAY_NOON, publish
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import status
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_chats import Chat, Message
from tests.fakes.telegram_people import User

FORGED = [
    "s:detail=everything",
    "s:zone=../../etc/passwd",
    "s:with=cs.XX",
    "s:nonsense",
    "r:2602.00001v1:99999",
    "r:9999.99999v1:1",
    "p:1v1",
    "q:9999.99999v9",
    "resend:1:yes",
    "broadcast:1:yes",
    "forget:maybe",
    "day:2026-99-99",
    "🙂",
]
COMMANDS = (
    "start help subscribe unsubscribe settings today digest paper ask search email export forget stats status rebuild "
    "resend broadcast nonsense"
)


async def told(user: User, text: str, chat: Chat | None = None, thread: int | None = None) -> Message:
    """The next message after that was said."""
    await user.says(text, chat=chat, thread=thread)
    return (await (chat or user.chat).waits_for(1))[0]


async def edition(here: BotWorld) -> None:
    """Returns once the edition is made and given out."""
    await here.until("SELECT count(*) FROM dispatches", [(1,)], seconds=20)


@pytest.mark.parametrize(
    "name",
    [
        "2602.00002",
        "2602.00002v1",
        "arXiv:2602.00002",
        "https://arxiv.org/abs/2602.00002",
        "看看 https://arxiv.org/pdf/2602.00002v1.pdf，很好",
        "https://arxiv.org/html/2602.00002v1",
        "https://www.alphaxiv.org/abs/2602.00002",
        "https://huggingface.co/papers/2602.00002",
        "https://doi.org/10.48550/arXiv.2602.00002",
        "/paper 2602.00002",
        "/start paper_2602-00002",
    ],
)
async def test_a_paper_is_known_by_each_of_its_names_and_answered_without_the_model(
    tmp_path: Path, name: str
) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await edition(here)
            asked = len(here.machine.model.requests)
            await user.says(name)
            card, reading = await user.chat.waits_for(2)
            assert "EchoNet-2" in card.text
            assert "核心方法如何解决这些问题" in reading.text
            assert len(here.machine.model.requests) == asked


async def test_several_papers_at_once_in_a_forwarded_caption(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await edition(here)
            await user.says("photo", caption="2602.00001 arxiv.org/abs/2602.00003", forwarded=True)
            shown = await user.chat.waits_for(4, timeout=30)
        assert "EchoNet-1" in shown[0].text
        assert "EchoNet-3" in shown[2].text


async def test_the_same_paper_asked_by_ten_is_made_once_and_the_answer_takes_the_place_of_the_status(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path, FakeModel(reading_seconds=1)) as here:
        users = [here.telegram.user(2000 + number) for number in range(10)]
        publish(here.machine.arxiv, 9, submitted=WEDNESDAY_NOON - timedelta(days=100))
        async with here.running():
            await edition(here)
            for user in users:
                await user.says("2602.00009")
            for user in users:
                await user.chat.waits_for(
                    lambda message: "EchoNet-9" in message.text and bool(message.buttons), timeout=30
                )
            first = users[0].chat.shown[1]
            assert (first.edits > 0, "EchoNet-9" in first.text) == (True, True)
        made = {key: count for key, count in here.machine.model.asked_for.items() if key[1] == "2602.00009v1"}
        assert list(made.values()) == [1, 1]


async def test_a_restart_goes_on_with_what_was_asked(tmp_path: Path) -> None:
    async with bot_world(tmp_path, FakeModel(reading_seconds=1)) as here:
        user = here.telegram.user(1001)
        publish(here.machine.arxiv, 9, submitted=WEDNESDAY_NOON - timedelta(days=100))
        async with here.running():
            await edition(here)
            (status_,) = (await told(user, "2602.00009"),)
        assert here.rows("SELECT answered_at FROM asks") == [(None,)]
        async with here.running():
            done = await user.chat.waits_for(
                lambda message: "EchoNet-9" in message.text and bool(message.buttons), timeout=30
            )
            assert done.id == status_.id


@pytest.mark.parametrize(
    ("settings", "who", "sentence"),
    [
        ({"quota_person": 1}, 1001, "您今天的 1 次按需解读已用完"),
        ({"quota_day": 1}, 1002, "今天的按需解读额度已用完"),
    ],
)
async def test_quotas_end_with_a_clear_sentence_and_operators_have_none(
    tmp_path: Path, settings: dict[str, Any], who: int, sentence: str
) -> None:
    async with bot_world(tmp_path, **settings) as here:
        users = {number: here.telegram.user(number) for number in (1001, 1002, OPERATOR)}
        for number in (7, 8, 9):
            publish(here.machine.arxiv, number, submitted=WEDNESDAY_NOON - timedelta(days=100))
        async with here.running():
            await edition(here)
            await users[1001].says("2602.00007")
            await users[1001].chat.waits_for(lambda message: "EchoNet-7" in message.text, timeout=30)
            await users[who].says("2602.00008")
            assert sentence in (await users[who].chat.waits_for(lambda message: "用完" in message.text)).text
            await users[OPERATOR].says("2602.00009")
            await users[OPERATOR].chat.waits_for(lambda message: "EchoNet-9" in message.text, timeout=30)


async def test_each_way_to_fail_has_its_sentence(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        publish(here.machine.arxiv, 9, submitted=WEDNESDAY_NOON - timedelta(days=100))
        publish(here.machine.arxiv, 8, submitted=WEDNESDAY_NOON - timedelta(days=100))
        del here.machine.arxiv.html["2602.00009v1"]
        async with here.running():
            await edition(here)
            await user.says("2511.99998")
            await user.chat.waits_for(lambda message: "arXiv 上没有 2511.99998" in message.text)
            await user.says("2602.00009")
            await user.chat.waits_for(lambda message: "全文暂不可用" in message.text, timeout=30)
            here.machine.model.always = status(500)
            await user.says("2602.00008")
            await user.chat.waits_for(lambda message: "没有给出可用的解读" in message.text, timeout=40)
            here.machine.arxiv.faults.extend(["hang"] * 20)
            await user.says("2510.00001")
            await user.chat.waits_for(lambda message: "arXiv 暂时没有回应" in message.text, timeout=30)


async def test_an_answer_quotes_its_passages_and_what_is_not_told_is_said(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await edition(here)
            await user.says("/ask 2602.00001 <b>误差</b>下降了吗？")
            answer = await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
            assert answer.text.startswith("<b>误差</b>下降了吗？")
            assert any(entity["type"] == "blockquote" for entity in answer.entities)
            await user.says("How is the weather?", reply_to=answer)
            await user.chat.waits_for(lambda message: "论文未说明" in message.text)


async def test_in_a_group_the_bot_answers_when_it_is_addressed_and_admins_decide(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        boss, guest = here.telegram.user(1001), here.telegram.user(1002)
        group = here.telegram.group(-1_001_000_000_500, admins=[boss], members=[guest], forum=True)
        topic = group.opens_topic()
        async with here.running():
            await edition(here)
            assert "只有" in (await told(guest, "/subscribe", group, thread=topic)).text
            menu = await told(boss, "/settings", group, thread=topic)
            await guest.taps(menu, "s:silent=1")
            await here.telegram.is_asked("answerCallbackQuery")
            assert here.telegram.answers[-1].show_alert
            assert "已订阅" in (await told(boss, "/subscribe", group, thread=topic)).text
            await guest.says("a word about 2602.00001", chat=group)
            assert "EchoNet-1" in (await told(guest, "@daily_bot 2602.00001", group)).text
        assert here.rows(
            "SELECT address, standing, silent FROM subscribers WHERE kind = 'group' ORDER BY id"
        ) == [
            (f"{group.id}:{topic}", "active", 0),
            (str(group.id), "new", 0),
        ]


async def test_a_channel_is_subscribed_by_its_administrator_and_by_the_settings(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        boss = here.telegram.user(1001)
        one = here.telegram.channel(-1_002_000_000_001)
        two = here.telegram.channel(-1_002_000_000_002, username="daily_two")
        two.bot = "administrator"
        async with here.running(telegram_channels="@daily_two"):
            await here.until("SELECT address, standing FROM subscribers", [(str(two.id), "active")])
            await here.telegram.promote(one, by=boss)
            await here.until("SELECT count(*) FROM subscribers WHERE standing = 'active'", [(2,)])
            await two.waits_for(1, timeout=30)
            await here.telegram.kick(one, by=boss)
            await here.until("SELECT count(*) FROM subscribers WHERE standing = 'ended'", [(1,)])


async def test_a_broadcast_is_seen_confirmed_and_sent_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        operator, user = here.telegram.user(OPERATOR), here.telegram.user(1001)
        async with here.running():
            await told(user, "/start")
            await told(operator, "/broadcast 今晚 <b>维护</b> {{x}}")
            ask = await operator.chat.waits_for(lambda message: bool(message.buttons))
            await operator.sends_data(ask, ask.buttons[0][0][1])
            await operator.sends_data(ask, ask.buttons[0][0][1])
            (got,) = await user.chat.waits_for(1)
            assert got.text == "今晚 <b>维护</b> {{x}}"
            await here.until("SELECT state, count(*) FROM deliveries GROUP BY state", [("sent", 1)])
        assert [message.text for message in user.chat.shown].count(got.text) == 1


async def test_everything_about_a_chat_is_shown_and_deleted(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await told(user, "/start")
            await user.chat.waits_for(1, timeout=30)
            await told(user, "/settings include 秘密")
            export = await told(user, "/export")
            assert export.document
            known = json.loads(export.document.content)
            assert known["chat"]["include"] == ["秘密"]
            assert known["deliveries"][0]["state"] == "sent"
            sure = await told(user, "/forget")
            await user.taps(sure, "全部删除")
            await user.chat.waits_for(lambda message: "已全部删除" in message.text)
        for table in ("subscribers", "deliveries", "asks"):
            assert here.rows(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_inline_mode_offers_papers_of_past_editions(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await edition(here)
            results = await user.asks_inline("echonet-2 room")
            assert [result["id"] for result in results] == ["2602.00002v1"]
            assert await user.asks_inline("%_'\"; DROP TABLE papers") == []
            assert len(await user.asks_inline("")) == 3


async def test_forged_and_stale_buttons_change_nothing_and_are_answered(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001)
        async with here.running():
            welcome = await told(user, "/start")
            await user.chat.waits_for(1, timeout=30)
            before = here.rows("SELECT * FROM subscribers")
            for number, data in enumerate(FORGED, start=1):
                await user.sends_data(welcome, data)
                await here.telegram.is_asked("answerCallbackQuery", number)
            assert here.rows("SELECT * FROM subscribers") == before
            assert here.rows("SELECT count(*) FROM asks") == [(0,)]


async def test_hostile_words_come_back_as_they_are(tmp_path: Path) -> None:
    hostile = ("<a href='x'>", "**bold** `code` $x_1$ {{y}} {% z %}", "\u202eabc\u200b\u2066", "A" * 4000)
    commands = ("/digest", "/paper", "/search", "/settings include", "/settings", "/rebuild", "")
    async with bot_world(tmp_path, telegram=FakeTelegram(limits=False), telegram_rate=0) as here:
        async with here.running():
            said = [f"{command} {words}"[:4096] for command in commands for words in hostile]
            users = [here.telegram.user(2000 + n, "<b>\u202eRTL</b>") for n, _ in enumerate(said)]
            for user, text in zip(users, said, strict=True):
                await user.says(text)
            answers = [(await user.chat.waits_for(1))[0].text for user in users]
        assert not any(sign in answer for answer in answers for sign in "\u202e\u200b\u2066")
        assert "“<a href='x'>”" in answers[0]
        assert here.telegram.refusals == []
        assert here.telegram.dropped_entities == 0


@pytest.mark.parametrize("arguments", ["", " " + "x" * 4000, " \u202e<b>&{{}}"])
async def test_every_command_answers_to_no_wrong_and_hostile_arguments(
    tmp_path: Path, arguments: str
) -> None:
    async with bot_world(tmp_path, papers=0, telegram=FakeTelegram(limits=False), telegram_rate=0) as here:
        users = {name: here.telegram.user(2000 + n) for n, name in enumerate(COMMANDS.split())}
        async with here.running():
            for name, user in users.items():
                await user.says(f"/{name}{arguments}")
            for user in users.values():
                await user.chat.waits_for(1)


async def test_an_edited_message_and_an_update_of_an_unknown_kind_are_left_alone(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        async with here.running():
            said = await user.says("/help")
            await user.chat.waits_for(1)
            await user.edits(said, "/unsubscribe")
            await here.telegram.send_update({"telepathy": {"from": user.json, "thought": "42"}})
            assert "您没有订阅" in (await told(user, "/unsubscribe")).text
