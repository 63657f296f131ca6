"""Tests of Telegram's refusals, and their effect on the delivery and the subscription."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from bot.core.models import Preferences
from bot.delivery.worker import ChannelError
from bot.serve import serve
from bot.telegram.incoming import Address
from tests.bot.mail.people import READER
from tests.bot.telegram.crowd import people, reader, subscribe
from tests.bot.telegram.talks import in_short_messages
from tests.bot.telegram.world import IMPATIENT, OPERATOR, RHYTHM, BotWorld, bot_world
from tests.bot.test_alert_routes import mail
from tests.bot.world import QUICK
from tests.fakes import telegram_faults as faults
from tests.fakes.smtp import FakeSmtp
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_faults import Fault

STATES = "SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state"
STANDINGS = "SELECT address, standing, reason FROM subscribers ORDER BY address"


def sends(here: BotWorld, chat: int) -> int:
    """Return how often a message to that chat was tried."""
    return sum(
        call.method == "sendMessage" and call.parameters["chat_id"] == chat for call in here.telegram.requests
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.status(403, "Forbidden: bot was blocked by the user"), "blocked"),
        (faults.status(403, "Forbidden: user is deactivated"), "deactivated"),
        (faults.status(403, "Forbidden: bot was kicked from the group chat"), "kicked"),
        (faults.status(403, "Forbidden: the group chat was deleted"), "deleted"),
        (faults.status(400, "Bad Request: chat not found"), "not-found"),
        (faults.status(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), "no-rights"),
    ],
)
async def test_who_is_not_reached_any_more_is_asked_once_and_holds_no_other(
    tmp_path: Path, fault: Fault, reason: str
) -> None:
    async with bot_world(tmp_path) as here:
        first, second = people(here, 2)
        await subscribe(here, reader(first), reader(second))
        here.telegram.fail(fault, method="sendMessage", chat_id=first, times=100)
        async with here.running():
            await here.until(STATES, [("failed", 1), ("sent", 1)])
            here.clock.forward(hours=3)
            await here.until(STATES, [("failed", 1), ("sent", 1)])
        assert here.rows(STANDINGS) == [(str(first), "ended", reason), (str(second), "active", None)]
        assert sends(here, first) == 1


async def test_back_after_a_block_start_restores_the_earlier_settings(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await user.says("/start")
            await user.chat.waits_for(1)
            await user.says("/settings hour 07:45")
            await user.chat.waits_for(1)
            await user.blocks()
            await here.until(STANDINGS, [("1001", "ended", "blocked")])
            await user.unblocks()
            await user.says("/start")
            assert "欢迎回来" in (await user.chat.waits_for(lambda message: "欢迎回来" in message.text)).text
        assert here.rows("SELECT standing, hour, reason FROM subscribers") == [("active", "07:45", None)]


async def test_a_group_that_became_a_supergroup_is_sent_to_once_under_its_new_id(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        here.telegram.group(-500)
        await subscribe(here, reader(-500))
        here.telegram.fail(faults.migrated(-1_001_000_000_500), method="sendMessage", chat_id=-500, times=100)
        new = here.telegram.group(-1_001_000_000_500)
        async with here.running():
            await here.until(STATES, [("sent", 1)])
        assert here.rows(STANDINGS) == [("-1001000000500", "active", None)]
        assert len(new.shown) == 1


async def test_a_group_whose_new_id_is_subscribed_already_gets_one_digest(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        here.telegram.group(-500)
        new = here.telegram.group(-1_001_000_000_500)
        await subscribe(here, reader(-500), reader(-1_001_000_000_500))
        here.telegram.fail(faults.migrated(-1_001_000_000_500), method="sendMessage", chat_id=-500, times=100)
        async with here.running():
            await here.until(STATES, [("sent", 1), ("skipped", 1)])
        assert len(new.shown) == 1
        assert ("-500", "ended", "moved") in here.rows(STANDINGS)


async def test_a_message_that_cannot_be_parsed_goes_out_plain_and_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        refusal = "Bad Request: can't parse entities: Unsupported start tag"
        here.telegram.fail(faults.status(400, refusal), method="sendMessage", chat_id=first)
        async with here.running():
            await here.until(STATES, [("sent", 1)])
        (shown,) = here.telegram.chats[first].shown
        assert shown.entities == ()
        assert "EchoNet-1" in shown.text
        assert sends(here, first) == 2


async def test_a_refusal_of_every_form_ends_the_delivery_but_not_the_subscription(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        refusal = faults.status(400, "Bad Request: can't parse entities: no")
        here.telegram.fail(refusal, method="sendMessage", chat_id=first, times=100)
        async with here.running():
            await here.until(STATES, [("failed", 1)])
        assert sends(here, first) == 2
        assert here.rows(STANDINGS) == [(str(first), "active", None)]


@pytest.mark.parametrize("closed", [True, False])
async def test_a_topic_that_is_gone_ends_there_and_the_operator_hears_of_it_once(
    tmp_path: Path, closed: bool
) -> None:
    async with bot_world(tmp_path) as here:
        operator = here.telegram.user(OPERATOR, started=True)
        forum = here.telegram.group(-1_001_000_000_500, forum=True)
        topic = forum.opens_topic()
        await subscribe(here, reader(Address(forum.id, topic)))
        (forum.closes_topic if closed else forum.deletes_topic)(topic)
        async with here.running():
            await here.until(STATES, [("failed", 1)])
            (told,) = await operator.chat.waits_for(1)
        assert f"{forum.id}:{topic}" in told.text
        assert len(operator.chat.shown) == 1
        assert forum.shown == []
        reason = "topic-closed" if closed else "topic-deleted"
        assert here.rows(STANDINGS) == [(f"{forum.id}:{topic}", "ended", reason)]


@pytest.mark.parametrize("code", [500, 502])
async def test_a_fault_of_the_server_is_waited_out(tmp_path: Path, code: int) -> None:
    async with bot_world(tmp_path) as here:
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        here.telegram.fail(faults.status(code), method="sendMessage", chat_id=first)
        async with here.running():
            await here.until("SELECT state, tries FROM deliveries", [("due", 1)])
            here.clock.forward(minutes=1)
            await here.until(STATES, [("sent", 1)])
        assert len(here.telegram.chats[first].shown) == 1


@pytest.mark.parametrize("fault", [faults.status(429), faults.status(429, retry_after=1)])
async def test_a_short_pause_is_waited_out_where_the_message_stands(tmp_path: Path, fault: Fault) -> None:
    async with bot_world(tmp_path) as here:
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        here.telegram.fail(fault, method="sendMessage", chat_id=first)
        async with here.running():
            await here.until(STATES, [("sent", 1)])
        assert here.rows("SELECT tries, reason FROM deliveries") == [(0, None)]
        refused, taken = (call.at for call in here.telegram.requests if call.method == "sendMessage")
        assert taken - refused >= 1
        ((rate,),) = here.rows("SELECT per_second FROM learned_rates")
        assert 22 < rate < 23  # a tenth below the start: the next process continues from there


async def test_a_long_pause_moves_the_row_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        first, second = people(here, 2)
        await subscribe(here, reader(first), reader(second))
        here.telegram.fail(faults.status(429, retry_after=3600), method="sendMessage", chat_id=first)
        async with here.running():
            await here.until(
                "SELECT state, tries, reason FROM deliveries", [("due", 0, "flood"), ("sent", 0, None)]
            )
            (moment,) = here.rows("SELECT next_at FROM deliveries WHERE state = 'due'")[0]
        assert str(moment).startswith((here.clock() + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M"))


async def test_what_was_accepted_and_not_answered_is_unknown_and_only_the_operator_sends_it_again(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path, rhythm=IMPATIENT) as here:
        operator = here.telegram.user(OPERATOR, started=True)
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        here.telegram.fail(faults.accept_then_hang(), method="sendMessage", chat_id=first)
        async with here.running():
            await here.until(STATES, [("unknown", 1)])
            here.clock.forward(hours=2)
        async with here.running():
            await here.until(STATES, [("unknown", 1)])
            assert len(here.telegram.chats[first].shown) == 1
            await operator.says("/resend")
            offer = await operator.chat.waits_for(lambda message: "条推送的送达情况未知" in message.text)
            await operator.taps(offer, "重发")
            await here.until(STATES, [("sent", 1)])
        assert len(here.telegram.chats[first].shown) == 2


async def test_a_wrong_token_ends_everything_with_a_sentence_and_changes_no_subscriber(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path) as here:
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        with pytest.raises(ChannelError, match="does not accept TELEGRAM_BOT_TOKEN"):
            async with here.running(telegram_bot_token="123456:wrong-token-wrong-token"):
                pass
        assert here.rows(STANDINGS) == [(str(first), "active", None)]


async def test_a_token_that_is_revoked_in_mid_run_stops_telegram_alone_until_it_is_good_again(
    tmp_path: Path,
) -> None:
    async with bot_world(tmp_path) as here, FakeSmtp().serving() as smtp:
        (first,) = people(here, 1)
        evening = time(18, 0)
        by_mail = replace(READER, preferences=Preferences("zh-CN"), hour=evening)
        await subscribe(here, reader(first, hour=evening), by_mail)
        settings = here.settings(**mail(smtp), alert_mail="ops@daily.example")
        stop, quick = asyncio.Event(), replace(RHYTHM, pause_seconds=0.1)
        serving = asyncio.create_task(serve(settings, here.clock, stop, QUICK, quick))
        await here.until(STATES, [("due", 2)])
        here.telegram.token = "123456:another-token"
        here.clock.forward(hours=6)
        await here.until(
            "SELECT channel, state FROM deliveries ORDER BY id", [("telegram", "due"), ("mail", "sent")]
        )
        await here.until("SELECT subject, told_at IS NOT NULL FROM alerts", [("telegram", 1)])
        assert sorted(taken.to for taken in smtp.taken) == ["ops@daily.example", by_mail.address]
        assert here.rows(STANDINGS) == [(str(first), "active", None), (by_mail.address, "active", None)]
        here.telegram.token = TOKEN
        await here.until(STATES, [("sent", 2)])
        await here.until("SELECT over_at IS NOT NULL FROM alerts", [(1,)])
        stop.set()
        await serving
        assert len(here.telegram.chats[first].shown) == 1


async def test_the_second_of_three_messages_fails_for_a_while_and_they_come_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_short_messages(monkeypatch, units=400)
    async with bot_world(tmp_path, papers=8, telegram=FakeTelegram(limits=False)) as here:
        (first,) = people(here, 1)
        await subscribe(here, reader(first))
        here.telegram.fail(faults.slow(0), method="sendMessage", chat_id=first)
        here.telegram.fail(faults.status(502), method="sendMessage", chat_id=first)
        async with here.running():
            await here.until("SELECT part, tries FROM deliveries", [(1, 1)])
            here.clock.forward(minutes=1)
            await here.until("SELECT state FROM deliveries", [("sent",)])
        shown = here.telegram.chats[first].shown
        assert len(shown) >= 3
        numbers = [
            line.partition(".")[0]
            for message in shown
            for line in message.text.splitlines()
            if ". EchoNet" in line
        ]
        assert numbers == [str(number) for number in range(1, 9)]
