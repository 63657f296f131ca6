"""Tests of pushes to subscribers: their contents, their time and their form."""

import re
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.core.models import Detail, Preferences, SubscriberStatus
from digest.core.keywords import keyword
from tests.bot.telegram.crowd import broadcast, people, reader, subscribe
from tests.bot.telegram.world import BotWorld, bot_world
from tests.bot.world import WEDNESDAY_NOON, publish
from tests.fakes.documents import html_page
from tests.fakes.telegram_chats import Message
from tests.papers import paper

STATES = "SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state"
OUTCOMES = (
    "SELECT s.address, d.state, d.reason FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id"
)
RENDERINGS = "SELECT count(*) FROM renderings"
TOKYO = ZoneInfo("Asia/Tokyo")
SUNDAY_NOON = WEDNESDAY_NOON + timedelta(days=4)


def only(here: BotWorld, chat: int) -> Message:
    """Return the only message in that chat."""
    [message] = here.telegram.chats[chat].shown
    return message


def choosing(**changes: object) -> Preferences:
    return Preferences("zh-CN", **changes)  # type: ignore[arg-type]


async def test_each_detail_level_shows_its_own_part_of_every_paper(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        titles, abstracts, readings = people(here, 3)
        levels = {titles: Detail.TITLES, abstracts: Detail.ABSTRACTS, readings: Detail.READINGS}
        await subscribe(
            here, *(reader(chat, preferences=choosing(detail=each)) for chat, each in levels.items())
        )
        async with here.running():
            await here.until(STATES, [("sent", 3)])
        for chat in levels:
            shown = only(here, chat).text
            assert shown.startswith("arXiv Daily · 2026-02-11\ncs.SD · eess.AS\n共 3 篇\n\n1. EchoNet-3")
            assert [line[:2] for line in shown.splitlines() if ". EchoNet-" in line] == ["1.", "2.", "3."]
        assert "Lovelace" not in only(here, titles).text
        assert "Lovelace" in only(here, abstracts).text
        assert "研究背景与既有方法的问题" not in only(here, abstracts).text
        assert only(here, readings).text.count("研究背景与既有方法的问题") == 3
        buttons = [text for row in only(here, abstracts).buttons for text, _ in row]
        assert buttons == ["1 · 详细解读", "2 · 详细解读", "3 · 详细解读"]
        assert [text for row in only(here, titles).buttons for text, _ in row] == ["1", "2", "3"]
        assert only(here, readings).buttons == []


async def test_filters_leave_papers_out_and_what_is_left_is_numbered_from_one(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=2) as here:
        speech = paper(7, title="Whispered Vowels", categories=("eess.AS",))
        here.machine.arxiv.papers.append(speech)
        here.machine.arxiv.html[str(speech.version)] = html_page(speech.title, 7)
        by_category, by_word, without, nothing = people(here, 4)
        await subscribe(
            here,
            reader(by_category, preferences=choosing(categories=("cs.SD",))),
            reader(by_word, preferences=choosing(include=(keyword("whispered vowel"),))),
            reader(without, preferences=choosing(exclude=(keyword("EchoNet-2"), keyword("vowels")))),
            reader(nothing, preferences=choosing(include=(keyword("pharmacology"),))),
        )
        async with here.running():
            await here.until(STATES, [("sent", 3), ("skipped", 1)])
        assert "Vowels" not in only(here, by_category).text
        assert "共 2 篇" in only(here, by_category).text
        assert re.search(r"共 1 篇\n\n1\. .*\nWhispered Vowels\n", only(here, by_word).text)
        assert "共 1 篇\n\n1. EchoNet-1" in only(here, without).text
        assert here.telegram.chats[nothing].shown == []
        assert (str(nothing), "skipped", "nothing") in here.rows(OUTCOMES)


async def test_an_edition_is_rendered_once_for_all_who_chose_alike(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        chats = people(here, 12)
        await subscribe(
            here,
            *(reader(chat, silent=bool(at % 2)) for at, chat in enumerate(chats[:6])),
            *(reader(chat, preferences=choosing(detail=Detail.TITLES)) for chat in chats[6:]),
        )
        async with here.running():
            await here.until(STATES, [("sent", 12)])
        assert here.rows(RENDERINGS) == [(2,)]
        assert len({only(here, chat).html for chat in chats[:6]}) == 1


async def test_another_language_gets_its_own_words(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (english,) = people(here, 1)
        await subscribe(here, reader(english, preferences=Preferences("en")))
        async with here.running():
            await here.until(STATES, [("sent", 1)])
        assert "3 papers" in only(here, english).text
        assert "We present EchoNet-3" in only(here, english).text


async def test_a_filter_that_leaves_nothing_gives_one_line_to_those_who_asked_for_it(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        told, untold = people(here, 2)
        nothing = choosing(include=(keyword("pharmacology"),))
        await subscribe(
            here, reader(told, preferences=nothing, quiet_line=True), reader(untold, preferences=nothing)
        )
        async with here.running():
            await here.until(STATES, [("sent", 1), ("skipped", 1)])
        assert only(here, told).text == "2026-02-11：没有符合您设置的新论文。"
        assert here.telegram.chats[untold].shown == []


async def test_a_day_without_a_batch_gives_one_line_to_those_who_asked_for_it(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        await here.machine.run()
        told, untold = people(here, 2)
        await subscribe(here, reader(told, quiet_line=True), reader(untold))
        here.clock.now = SUNDAY_NOON
        async with here.running():
            [line] = await here.telegram.chats[told].waits_for(1)
            assert here.rows("SELECT count(*) FROM dispatches WHERE subject = 'quiet'") == [(1,)]
        assert line.text.startswith("2026-02-15：")
        assert all("2026-02-15" not in message.text for message in here.telegram.chats[untold].shown)


async def test_silent_messages_make_no_sound_and_others_do(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        loud, silent = people(here, 2)
        await subscribe(here, reader(loud), reader(silent, silent=True))
        async with here.running():
            await here.until(STATES, [("sent", 2)])
        sounds = {
            call.parameters["chat_id"]: not call.parameters["disable_notification"]
            for call in here.telegram.requests
            if call.method == "sendMessage"
        }
        assert sounds == {loud: True, silent: False}


async def test_who_paused_gets_nothing_until_that_day_and_the_next_edition_then(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat, paused_until=date(2026, 2, 12)))
        async with here.running():
            await here.until(OUTCOMES, [(str(chat), "skipped", "paused")])
            publish(here.machine.arxiv, 4, submitted=WEDNESDAY_NOON - timedelta(hours=12))
            here.clock.forward(days=1)
            await here.until(STATES, [("sent", 1), ("skipped", 1)])
        assert only(here, chat).text.startswith("arXiv Daily · 2026-02-12")


async def test_an_hour_is_waited_for_and_the_others_are_not_kept(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        at_once, evening, tokyo = people(here, 3)
        await subscribe(
            here,
            reader(at_once),
            reader(evening, hour=time(18, 0)),
            reader(tokyo, hour=time(18, 0), zone=TOKYO),
        )
        async with here.running():
            await here.until(STATES, [("due", 2), ("sent", 1)])
            here.clock.now = WEDNESDAY_NOON + timedelta(hours=5)
            await here.until(STATES, [("due", 1), ("sent", 2)])
            assert only(here, tokyo).text.startswith("arXiv Daily")
            assert here.telegram.chats[evening].shown == []
            here.clock.forward(hours=1)
            await here.until(STATES, [("sent", 3)])
        assert only(here, evening).text == only(here, at_once).text


async def test_an_hour_chosen_after_the_digest_brings_no_second_one_that_day(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001, started=True)
        await subscribe(here, reader(user.id, hour=time(13, 0)))
        async with here.running():
            here.clock.forward(hours=1)
            await here.until(STATES, [("sent", 1)])
            await user.says("/settings zone Asia/Tokyo")
            await user.chat.waits_for(lambda message: "Asia/Tokyo" in message.text)
            await user.says("/settings hour 15:00")
            await user.chat.waits_for(lambda message: "15:00" in message.text)
            here.clock.forward(hours=4)
            await broadcast(here, "Still here.")
            await user.chat.waits_for(lambda message: message.text == "Still here.")
        assert here.rows(STATES) == [("sent", 2)]
        assert sum(message.text.startswith("arXiv Daily") for message in user.chat.shown) == 1


async def test_a_zone_in_which_the_hour_has_passed_moves_the_digest_to_its_next_one(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001, started=True)
        await subscribe(here, reader(user.id, hour=time(12, 30)))
        async with here.running():
            await here.until(STATES, [("due", 1)])
            await user.says("/settings zone America/New_York")
            await user.chat.waits_for(lambda message: "New_York" in message.text)
            here.clock.forward(hours=1)  # 13:00 in Shanghai, midnight in New York
            await here.until("SELECT state, next_at FROM deliveries", [("due", "2026-02-11 17:30:00.000000")])
            here.clock.forward(hours=13)
            await here.until(STATES, [("sent", 1)])


async def test_an_earlier_hour_moves_the_digest_of_the_day_and_one_that_has_passed_brings_it_now(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path) as here:
        soon, now, next_day = (here.telegram.user(1001 + at, started=True) for at in range(3))
        await subscribe(here, *(reader(each.id, hour=time(20, 0)) for each in (soon, now, next_day)))
        async with here.running():
            await here.until(STATES, [("due", 3)])
            for user, hour in ((soon, "13:00"), (now, "09:00"), (next_day, "08:00")):
                await user.says(f"/settings hour {hour}")
            await now.chat.waits_for(lambda message: message.text.startswith("arXiv Daily"))
            await here.until(
                "SELECT next_at FROM deliveries WHERE state = 'due' ORDER BY 1",
                [("2026-02-11 05:00:00.000000",), ("2026-02-12 00:00:00.000000",)],
            )
            here.clock.forward(hours=1)
            await soon.chat.waits_for(lambda message: message.text.startswith("arXiv Daily"))
            for user in (soon, now):
                await user.says("/settings hour 21:00")
                await user.chat.waits_for(lambda message: "21:00" in message.text)
            here.clock.now = WEDNESDAY_NOON + timedelta(hours=20)
            await here.until(STATES, [("sent", 3)])
            await broadcast(here, "Still here.")
            await here.until(STATES, [("sent", 6)])
        for user in (soon, now, next_day):
            assert (
                sum(message.text.startswith("arXiv Daily · 2026-02-11") for message in user.chat.shown) == 1
            )


async def test_two_hours_tapped_at_once_leave_the_last_one(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        user = here.telegram.user(1001, started=True)
        await subscribe(here, reader(user.id, hour=time(20, 0)))
        async with here.running():
            await here.until(STATES, [("due", 1)])
            await user.says("/settings hour")
            menu = await user.chat.waits_for(lambda message: bool(message.buttons))
            for hour in ("22:00", "13:00", "18:00"):
                await user.sends_data(menu, f"s:hour={hour}")
            await here.until("SELECT hour FROM subscribers", [("18:00",)])
            await here.until("SELECT state, next_at FROM deliveries", [("due", "2026-02-11 10:00:00.000000")])


async def test_who_subscribes_in_mid_run_waits_for_the_next_edition_and_who_leaves_gets_nothing(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path) as here:
        late, leaving = here.telegram.user(1001), here.telegram.user(1002, started=True)
        await subscribe(here, reader(leaving.id, hour=time(18, 0)))
        async with here.running():
            await here.until(STATES, [("due", 1)])
            await late.says("/start")
            await late.chat.waits_for(1)
            await leaving.says("/unsubscribe")
            await leaving.chat.waits_for(1)
            here.clock.forward(hours=7)
            await here.until(OUTCOMES, [(str(leaving.id), "skipped", "left")])
        assert here.rows("SELECT address, standing FROM subscribers ORDER BY 1") == [
            ("1001", SubscriberStatus.ACTIVE),
            ("1002", SubscriberStatus.LEFT),
        ]
        assert len(late.chat.shown) == 2  # what was said, and the welcome


async def test_who_leaves_while_the_message_waits_for_its_turn_does_not_get_it(tmp_path: Path) -> None:
    async with bot_world(tmp_path, telegram_rate=1) as here:
        users = [here.telegram.user(1001 + at, started=True) for at in range(4)]
        await subscribe(here, *(reader(user.id) for user in users))
        async with here.running():
            await here.telegram.is_asked("sendMessage")
            await users[3].says("/unsubscribe")
            await here.until(STATES, [("sent", 3), ("skipped", 1)])
        assert (str(users[3].id), "skipped", "left") in here.rows(OUTCOMES)
        assert all("arXiv Daily" not in message.text for message in users[3].chat.shown)


async def test_a_clock_that_steps_back_an_hour_sends_nothing_twice(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat, hour=time(12, 30)))
        async with here.running():
            here.clock.forward(hours=1)
            await here.until(STATES, [("sent", 1)])
            here.clock.forward(hours=-1)
            await broadcast(here, "Still here.")
            await here.until(STATES, [("sent", 2)])
            here.clock.forward(hours=1)
            await broadcast(here, "Here again.")
            await here.until(STATES, [("sent", 3)])
        texts = [message.text.split(" · ")[0] for message in here.telegram.chats[chat].shown]
        assert texts == ["arXiv Daily", "Still here.", "Here again."]


async def test_what_was_due_while_the_program_was_down_goes_out_the_same_day(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        at_once, evening = people(here, 2)
        await subscribe(here, reader(at_once), reader(evening, hour=time(18, 0)))
        async with here.running():
            await here.until(STATES, [("due", 1), ("sent", 1)])
        here.clock.now = WEDNESDAY_NOON + timedelta(hours=10)
        async with here.running():
            await here.until(STATES, [("sent", 2)])
        assert only(here, evening).text == only(here, at_once).text


async def test_what_is_older_than_three_days_is_recorded_and_goes_to_nobody(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        at_once, evening = people(here, 2)
        await subscribe(here, reader(at_once), reader(evening, hour=time(18, 0)))
        async with here.running():
            await here.until(STATES, [("due", 1), ("sent", 1)])
        publish(here.machine.arxiv, 4, submitted=WEDNESDAY_NOON + timedelta(hours=36))
        here.clock.now = WEDNESDAY_NOON + timedelta(days=3, hours=12)
        async with here.running():
            await here.until(
                f"{OUTCOMES} WHERE d.dispatch_id = 1 AND d.reason IS NOT NULL",
                [(str(evening), "skipped", "too-late")],
            )
            await here.telegram.chats[at_once].waits_for(
                lambda message: message.text.startswith("arXiv Daily · 2026-02-14")
            )
        assert not any("2026-02-11" in message.text for message in here.telegram.chats[evening].shown)
