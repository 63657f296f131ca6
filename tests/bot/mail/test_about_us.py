"""A server refuses us in words that usually refuse an address: no subscription ends, however long it lasts."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.core.models import Delivery
from bot.db import deliveries
from bot.delivery.worker import ChannelError
from digest.db.engine import open_engine
from tests.bot.mail.mail_fixture import MailFixture
from tests.bot.mail.test_refusals import ABOUT_US
from tests.cases import some_of
from tests.fakes.smtp import FakeSmtp, Says, Stage

DOMAINS = ("a.example", "b.example", "c.example", "d.example")
UNKNOWN = "550 5.1.1 <{to}>: Recipient address rejected: User unknown"


@pytest_asyncio.fixture
async def smtp() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp().serving() as server:
        yield server


@pytest_asyncio.fixture
async def fixture(tmp_path: Path, sqlite_template: Path, smtp: FakeSmtp) -> AsyncIterator[MailFixture]:
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    yield MailFixture(engine, smtp.port)
    await engine.dispose()


async def subscribed(fixture: MailFixture, count: int, domains: tuple[str, ...] = DOMAINS) -> list[str]:
    """Add that many subscribers, to whom something is due."""
    readers = [f"reader{each}@{domains[each % len(domains)]}" for each in range(count)]
    await fixture.subscribe(*readers)
    await fixture.broadcast()
    return readers


async def refused(fixture: MailFixture) -> str:
    """Return the operator's message about a run that fails."""
    with pytest.raises(ChannelError) as error:
        async with fixture.outbox() as outbox:
            await outbox.drain()
    return str(error.value)


async def all_active(fixture: MailFixture) -> bool:
    return {standing[:1] for standing in await fixture.statuses()} == {("active",)}


@pytest.mark.parametrize("answer", some_of(ABOUT_US, 9))
async def test_what_is_about_us_pauses_the_channel_at_once(
    fixture: MailFixture, smtp: FakeSmtp, answer: str
) -> None:
    await subscribed(fixture, 10)
    smtp.fail(Stage.RCPT, Says(answer), times=1000)
    assert await refused(fixture)
    assert smtp.commands["RCPT"] <= 4
    assert set(await fixture.deliveries()) == {("due", None)}
    assert {tuple(each) for each in await fixture.statuses()} == {("active", None, 0)}


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.play), 10])
@pytest.mark.parametrize("answer", [UNKNOWN, "552 5.2.2 full", "550 no", "554 5.6.0 bad"])
async def test_what_all_readers_hear_is_about_us_whatever_it_says(
    fixture: MailFixture, smtp: FakeSmtp, count: int, answer: str
) -> None:
    readers = await subscribed(fixture, count)
    for reader in readers:
        smtp.fail(Stage.RCPT, Says(answer.format(to=reader)), to=reader, times=1000)
    for _ in range(2):  # runs
        assert "no subscription ends" in await refused(fixture)
        fixture.now += fixture.now.resolution  # of the same run
        assert {tuple(each) for each in await fixture.statuses()} == {("active", None, 0)}
        assert {state for state, _ in await fixture.deliveries()} == {"due"}
    assert smtp.taken == []


@pytest.mark.parametrize("stage", [Stage.DATA, Stage.CONTENT])
async def test_the_brake_holds_after_the_recipient_was_taken_too(
    fixture: MailFixture, smtp: FakeSmtp, stage: Stage
) -> None:
    await subscribed(fixture, 10)
    smtp.fail(stage, Says("550 5.1.1 User unknown"), times=1000)
    assert "no subscription ends" in await refused(fixture)
    assert await all_active(fixture)


async def test_a_relay_that_knows_nobody_of_the_only_domain_ends_nobody(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    await subscribed(fixture, 10, ("only.example",))
    smtp.fail(Stage.RCPT, Says("550 5.1.1 User unknown"), times=1000)
    assert await refused(fixture)
    assert await all_active(fixture)


async def test_those_refused_before_the_relay_works_are_served_at_the_end_of_the_run(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    readers = await subscribed(fixture, 10)
    smtp.fail(Stage.RCPT, Says("550 5.1.1 User unknown"), times=4)
    await fixture.send()
    assert smtp.mailboxes == dict.fromkeys(readers, 1)
    assert {tuple(each) for each in await fixture.statuses()} == {("active", None, 0)}


async def test_a_stop_in_the_midst_of_a_run_counts_against_nobody(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    fixture.overrides["mail_connections"] = 1
    readers = await subscribed(fixture, 8)
    for reader in readers[1:3]:
        smtp.fail(Stage.RCPT, Says(UNKNOWN.format(to=reader)), to=reader)
    smtp.fail(Stage.RCPT, Says("450 4.2.0 greylisted"), to=readers[3])
    async with fixture.outbox() as outbox:
        running = asyncio.create_task(outbox.run())
        async with asyncio.timeout(300):
            while smtp.met < 3:  # noqa: ASYNC110 - another task makes it so
                await asyncio.sleep(0.005)
        outbox.close()
        await running
    assert await all_active(fixture)
    await fixture.send(hours=2)
    assert smtp.mailboxes == dict.fromkeys(readers, 1)


async def test_a_quota_is_asked_about_once_in_a_pause_not_by_each_row(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    await subscribed(fixture, 43)
    smtp.fail(Stage.RCPT, Says("450 4.7.0 daily quota exceeded"), times=1000)
    async with fixture.outbox() as outbox:
        for _ in range(5):
            with pytest.raises(ChannelError, match="daily quota"):
                await outbox.run()
    assert smtp.commands["RCPT"] <= 4 + 4 * 1  # those in flight, then one each time
    assert set(await fixture.deliveries()) == {("due", None)}


async def test_words_that_nobody_knows_pause_the_channel_once_many_hear_them(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    await subscribed(fixture, 43)
    smtp.fail(Stage.RCPT, Says("450 4.3.0 not now"), times=1000)
    assert "not now" in await refused(fixture)
    assert smtp.commands["RCPT"] <= 2 * 8 + 4  # those begun, and two that try again
    assert await all_active(fixture)


@pytest.mark.parametrize("answer", ["553 5.7.1 Sender address rejected: not owned by user", UNKNOWN])
@pytest.mark.parametrize("count", [1, 2])
async def test_a_relay_that_refuses_us_is_asked_once_for_a_mailbox_however_much_is_due(
    fixture: MailFixture, smtp: FakeSmtp, count: int, answer: str
) -> None:
    readers = await subscribed(fixture, count)
    for day in ("Tuesday", "Wednesday"):
        await fixture.broadcast(day)
    smtp.fail(Stage.RCPT, Says(answer.format(to="reader")), times=1000)
    if count > 1 or answer is not UNKNOWN:  # a single recipient's refusal is taken as an unknown address
        async with fixture.outbox() as outbox:
            for _ in range(2):
                with pytest.raises(ChannelError):
                    await outbox.run()
                fixture.now += timedelta(minutes=1)
        assert await all_active(fixture)
    else:
        await fixture.send()
    assert set(smtp.asked) == set(readers)
    assert max(smtp.asked.values()) <= 2


async def test_what_was_looked_up_before_a_refusal_is_not_begun_after_it(
    fixture: MailFixture, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reader,) = await subscribed(fixture, 1)
    await fixture.broadcast("Tuesday")
    smtp.fail(Stage.RCPT, Says("553 5.7.1 Sender address rejected: not owned by user"), times=1000)
    look_up = deliveries.due

    async with fixture.outbox() as outbox:

        async def slow(*asked: Any, **named: Any) -> list[Delivery]:
            found = await look_up(*asked, **named)
            while outbox._running:  # noqa: ASYNC110 - it sends no notification
                await asyncio.sleep(0.005)
            return found

        monkeypatch.setattr(deliveries, "due", slow)
        with pytest.raises(ChannelError):
            await outbox.run()
    assert smtp.asked == {reader: 1}


def half_dead(kind: str) -> tuple[list[str], list[str]]:
    """Add twenty-four subscribers in four domains, of whom half do not exist; return all, and the dead."""
    readers = [f"reader{each}@{DOMAINS[each // 2 % 4]}" for each in range(24)]
    dead = {"first": readers[:12], "last": readers[12:], "every other": readers[::2]}
    return readers, dead[kind]


@pytest.mark.parametrize(
    "where", [*(pytest.param(where, marks=pytest.mark.play) for where in ("first", "last")), "every other"]
)
async def test_of_a_list_of_which_half_is_dead_the_living_are_served_each_day_and_the_dead_end_after_two_weeks(
    fixture: MailFixture, smtp: FakeSmtp, where: str
) -> None:
    readers, dead = half_dead(where)
    await fixture.subscribe(*readers)
    for reader in dead:
        smtp.fail(Stage.RCPT, Says(UNKNOWN.format(to=reader)), to=reader, times=1000)
    began = fixture.now
    for number, day in enumerate((0, 1, 8)):
        fixture.now = began + timedelta(days=day)
        await fixture.broadcast(f"Day {day}")
        if day == 0:  # the operator is alerted, once everybody was tried
            with pytest.raises(ChannelError, match="get the same refusal"):
                await fixture.send()
        else:
            await fixture.send()
        assert smtp.mailboxes == {each: number + 1 for each in readers if each not in dead}
        assert await all_active(fixture)
        assert max(smtp.asked[each] for each in dead) <= 3 + 2 * number  # once more where they were in a row
    fixture.now = began + timedelta(days=14)
    await fixture.broadcast("Day 14")
    await fixture.send()
    ended = [
        address
        for address, standing in zip(readers, await fixture.statuses(), strict=True)
        if standing[0] == "ended"
    ]
    assert ended == dead
    assert smtp.mailboxes == {each: 4 for each in readers if each not in dead}


async def test_a_failure_that_a_long_silence_interrupts_begins_anew(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    readers = await subscribed(fixture, 8)
    for reader in readers[:4]:
        smtp.fail(Stage.RCPT, Says(UNKNOWN.format(to=reader)), to=reader, times=1000)
    with pytest.raises(ChannelError, match="while others are served"):
        await fixture.send()
    await fixture.broadcast("Three weeks later.")
    await fixture.send(weeks=3)
    assert await all_active(fixture)


async def test_greylisting_holds_up_nobody_else(fixture: MailFixture, smtp: FakeSmtp) -> None:
    readers = await subscribed(fixture, 10)
    for reader in readers[:9]:
        smtp.fail(Stage.RCPT, Says("450 4.2.0 Greylisted, see postgrey.example"), to=reader)
    await fixture.send()
    assert smtp.mailboxes == {readers[9]: 1}
    await fixture.send(minutes=6)
    assert smtp.mailboxes == dict.fromkeys(readers, 1)
    assert {tuple(each) for each in await fixture.statuses()} == {("active", None, 0)}


async def test_a_few_unknown_addresses_end_and_stop_nothing(fixture: MailFixture, smtp: FakeSmtp) -> None:
    readers = await subscribed(fixture, 43)
    for reader in readers[:3]:
        smtp.fail(Stage.RCPT, Says(UNKNOWN.format(to=reader)), to=reader, times=9)
    async with fixture.outbox() as outbox:
        await outbox.drain()
    assert smtp.mailboxes == dict.fromkeys(readers[3:], 1)
    statuses = [standing for standing, *_ in await fixture.statuses()]
    assert statuses == ["ended"] * 3 + ["active"] * 40


async def test_who_was_ended_before_the_others_heard_the_same_is_subscribed_again(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    readers = await subscribed(fixture, 10)
    smtp.fail(Stage.RCPT, Says(UNKNOWN.format(to=readers[0])), to=readers[0])
    await fixture.send()
    assert [standing for standing, *_ in await fixture.statuses()] == ["ended"] + ["active"] * 9
    await fixture.broadcast("The next day.")
    for reader in readers:
        smtp.fail(Stage.RCPT, Says(UNKNOWN.format(to=reader)), to=reader, times=1000)
    with pytest.raises(ChannelError):
        await fixture.send(hours=20)
    assert {tuple(each) for each in await fixture.statuses()} == {("active", None, 0)}


async def test_a_reader_alone_whose_server_blames_us_costs_nobody_else_the_mail(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    fixture.overrides["mail_connections"] = 1
    readers = await subscribed(fixture, 10)
    smtp.fail(Stage.RCPT, Says("550 5.7.1 rejected by our policy"), to=readers[0], times=1000)
    async with fixture.outbox() as outbox:
        await outbox.drain()
    assert smtp.mailboxes == dict.fromkeys(readers[1:], 1)
    assert (await fixture.deliveries())[0] == ("failed", "refused-alone")
    assert await all_active(fixture)


@pytest.mark.parametrize("reply", ["421 4.7.0 mx.example closing", "421 HL:REP 163 mx5"])
async def test_a_server_that_hangs_up_on_everybody_is_left_alone(
    fixture: MailFixture, smtp: FakeSmtp, reply: str
) -> None:
    await subscribed(fixture, 43)
    smtp.fail(Stage.RCPT, Says(reply), times=1000)
    with pytest.raises(ChannelError):
        await fixture.send()
    assert smtp.commands["RCPT"] <= 6
    assert await all_active(fixture)
