"""Tests of wrong, huge and hostile input: taken literally, harmless, and answered."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bot.telegram.talks import alerted, made, old_paper, talking, told
from tests.bot.telegram.world import OPERATOR, bot_world

COMMANDS = [
    *(
        "start",
        "help",
        "subscribe",
        "unsubscribe",
        "settings",
        "today",
        "digest",
        "paper",
        "ask",
        "search",
        "email",
    ),
    *("export", "forget", "stats", "status", "rebuild", "resend", "broadcast", "nonsense"),
]
ARGUMENTS = {
    "none": "",
    "wrong": " 2699.99999 -1 2026-02-30 ../../etc/passwd '; DROP TABLE subscribers; --",
    "huge": " " + "字" * 4080,
    "huge-and-wide": " " + "😀" * 2040,
    "html": " <b>x</b> <a href='tg://user?id=1'>y</a> &amp; &#1234; <script>",
    "markdown": " **b** _i_ `c` [l](http://x) ||s|| $x_1^2$ \\begin{x} {{ y }} {% z %}",
    "marks": " \u202eabc\u202c \u2066x\u2069 \u200b\u200d\ufeff z\u0301\u0301\u0301 \x07",
    "commands": " /start /forget@daily_bot @daily_bot #tag",
    "lines": "\n\n1\n2\t3\r\n",
}
ALIKE = {"huge-and-wide", "markdown", "commands", "lines"}
"""Those of which another is much like it."""
WEIRD = ("<b>\u202eRTL</b>", "\u200b", "/start", "{{ 7*7 }}", "x" * 64)
FORGED = (
    *(
        "s:detail=everything",
        "s:zone=../../etc/passwd",
        "s:with=cs.XX",
        "s:nonsense",
        "s:include=" + "x" * 54,
    ),
    *(
        "r:2602.00001v1:99999",
        "r:9999.99999v1:1",
        "r:2602.00001v1:0",
        "p:1v1",
        "p:",
        "q:9999.99999v9",
        "p:cs/0001v1",
    ),
    *(
        "resend:1:yes",
        "broadcast:1:yes",
        "broadcast:999999999:no",
        "forget:maybe",
        "sub:maybe",
        "s:language=tlh",
    ),
    *("s:hour=25:00", "s:pause=9999", "🙂", "\x00", "s:detail=titles\n", "' OR 1=1 --"),
)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(text, id=name, marks=pytest.mark.play if name in ALIKE else ())
        for name, text in ARGUMENTS.items()
    ],
)
async def test_every_command_is_answered_whatever_stands_behind_it(tmp_path: Path, arguments: str) -> None:
    async with talking(tmp_path, papers=1) as here:
        users = [
            here.telegram.user(OPERATOR if name == "broadcast" else 2000 + at, WEIRD[at % len(WEIRD)])
            for at, name in enumerate(COMMANDS)
        ]
        for user, name in zip(users, COMMANDS, strict=True):
            await user.says(f"/{name}{arguments}"[:4096])
        for user, name in zip(users, COMMANDS, strict=True):
            (answer,) = await user.chat.waits_for(1)
            assert answer.text or answer.document, name
            assert not any(mark in answer.text for mark in "\u202e\u2066\u200b\x07")
        assert here.rows("SELECT count(*) FROM editions") == [(1,)]


async def test_what_people_write_comes_back_to_the_letter(tmp_path: Path) -> None:
    written = "<b>x</b> &amp **y** `z` {{ 7*7 }} $a_1$"
    async with talking(tmp_path, papers=1) as here:
        users = [here.telegram.user(2000 + number) for number in range(4)]
        assert f"关键词：{written}" in (await told(users[0], f"/settings include {written}")).text
        assert f"“{written}”不是 arXiv 编号" in (await told(users[1], f"/paper {written}")).text
        assert (await told(users[2], f"/search {written}")).text.startswith(written)
        await users[3].says(f"/ask 2602.00001 {written}")
        answer = await users[3].chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
        assert answer.text.startswith(written)


async def test_forged_buttons_change_nothing_and_are_answered(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        welcome = await told(user, "/start")
        before = here.rows("SELECT * FROM subscribers")
        for data in FORGED:
            assert "已失效" in await alerted(here, user, welcome, data), data
        assert here.rows("SELECT * FROM subscribers") == before
        assert here.rows("SELECT count(*) FROM asks") == [(0,)]
        assert here.rows("SELECT count(*) FROM dispatches") == [(1,)]
        assert len(user.chat.shown) == 2


async def test_a_day_that_is_none_shows_the_newest_edition(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        welcome = await told(user, "/start")
        await user.sends_data(welcome, "day:2026-99-99")
        assert "2026-02-11" in (await user.chat.waits_for(1))[0].text


async def test_buttons_of_a_message_that_telegram_no_longer_shows_the_bot_still_work(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user = here.telegram.user(1001, started=True)
        for number, data in enumerate(("r:2602.00001v1:1", "s:menu", "sub:on"), start=1):
            lost = {"chat": user.chat.json, "message_id": 5000 + number, "date": 0}
            query = {
                "id": f"old-{number}",
                "from": user.json,
                "chat_instance": "1",
                "data": data,
                "message": lost,
            }
            await here.telegram.send_update({"callback_query": query})
        reading, menu, subscribed = await user.chat.waits_for(3)
        assert "核心方法如何解决这些问题" in reading.text
        assert menu.buttons
        assert "已订阅" in subscribed.text


async def test_the_menu_of_a_deleted_message_is_shown_anew(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        menu = await told(user, "/settings")
        del user.chat.messages[menu.id]
        await user.sends_data(menu, "s:silent=1")
        (again,) = await user.chat.waits_for(1)
        assert "静音：开" in [text for row in again.buttons for text, _ in row]


async def test_two_taps_at_once_do_what_one_does(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        menu = await told(user, "/settings")
        await user.taps(menu, "静音：关")
        await user.taps(menu, "静音：关")
        await here.telegram.is_asked("answerCallbackQuery", 2)
        await here.until("SELECT silent FROM subscribers", [(1,)])
        welcome = await told(user, "/start")
        for _ in range(2):
            await user.sends_data(welcome, "sub:off")
        first, second = await user.chat.waits_for(2)
        assert ["已退订" in first.text, "您尚未订阅" in second.text] == [True, True]


async def test_an_edited_message_is_not_acted_on(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await made(here)
            await told(user, "/help")
            mine = user.chat.shown[0]
            for number, text in enumerate(("/subscribe", "2602.00001", "秘密的词")):
                message = {"message_id": mine.id, "date": 1, "edit_date": 2, "chat": user.chat.json}
                entities = [{"type": "bot_command", "offset": 0, "length": 10}] if text[0] == "/" else []
                message |= {"from": user.json, "text": text, "entities": entities}
                here.telegram.updates._allowed = []  # as Telegram does before the bot sets its allowed updates
                await here.telegram.send_update({"edited_message": message, "update_id": 200_000 + number})
            assert "您尚未订阅" in (await told(user, "/unsubscribe")).text
            assert len([message for message in user.chat.shown if message.from_bot]) == 2


async def test_an_update_of_a_kind_unknown_today_and_one_of_nothing_are_left_alone(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        await told(user, "/help")
        here.telegram.updates._allowed = []
        await here.telegram.send_update({"telepathy": {"from": user.json, "thought": "42"}})
        await here.telegram.send_update({})
        assert "您尚未订阅" in (await told(user, "/unsubscribe")).text


async def test_an_update_that_the_library_cannot_read_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001, started=True)
        message = {"message_id": 99, "date": 1, "chat": user.chat.json, "from": user.json}
        await here.telegram.send_update({"message": {**message, "poll": {"id": "of an older server"}}})
        await here.telegram.send_update({"message": "of a newer one"})
        assert "/today" in (await told(user, "/help")).text


async def test_a_crowd_of_messages_of_one_person_is_answered_in_their_order(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        user = here.telegram.user(1001)
        for value in ("titles", "readings", "abstracts", "titles"):
            await user.says(f"/settings detail {value}")
        shown = await user.chat.waits_for(4)
        assert ["仅标题" in shown[0].text, "摘要与解读" in shown[1].text, "仅标题" in shown[3].text] == [
            True
        ] * 3
        assert here.rows("SELECT detail FROM subscribers") == [("titles",)]


async def test_a_paper_that_is_made_of_hostile_words_is_shown_literally(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        found = here.machine.arxiv.papers[0]
        title = "<b>EchoNet-9</b> & \u202eevil\u202c `code` $x<y$ </a><script>"
        here.machine.arxiv.papers[0] = replace(
            found, title=title, authors=("<i>Mallory</i> & Co", "\u202eEve")
        )
        user = here.telegram.user(1001)
        await user.says("2602.00009")
        card = await user.chat.waits_for(lambda message: bool(message.buttons))
        assert "<i>Mallory</i> & Co" in card.text
        assert "\u202e" not in card.text
        assert "<script>" in card.text
