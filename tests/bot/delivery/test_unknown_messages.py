"""Tests of the ledger's marks: a crash or a timeout costs only the message in flight. On both databases."""
# ruff: noqa: ARG002 - the fake channel looks at the text alone

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.alerts import Alerts
from bot.core.models import (
    AlertKind,
    Campaign,
    ChatKind,
    Delivery,
    Part,
    Preferences,
    Sending,
    Subscriber,
    SubscriberStatus,
)
from bot.db import campaigns, deliveries, subscribers
from bot.db import unknown_messages as ledger
from bot.db.tables import deliveries as rows
from bot.db.unknown_messages import Decision
from bot.delivery import fanout, resuming, worker
from bot.delivery.channel import DeliveryError, DeliveryRefusedError, FormRefusedError, UnansweredError
from bot.delivery.renderings import KEPT, Renderings
from bot.delivery.worker import DeliveryWorker
from digest.core.models import Edition
from digest.db.engine import reading, writing

NOW = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
TODAY = date(2026, 2, 11)
LI = Subscriber(
    0,
    "telegram",
    "1001",
    ChatKind.PRIVATE,
    Preferences("zh-CN"),
    ZoneInfo("Asia/Shanghai"),
    SubscriberStatus.ACTIVE,
)


@dataclass
class FakeChannel:
    """A channel that keeps what arrived; `faults` are raised once each, and messages in `hangs` get no answer."""

    repeats_unknown: bool = False
    name: str = "telegram"
    count: int = 3
    arrived: list[str] = field(default_factory=list)
    faults: dict[str, DeliveryError] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Event = field(default_factory=asyncio.Event)

    def compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences
    ) -> tuple[Part, ...]:
        return tuple({"text": f"{preferences.language} {number}"} for number in range(self.count))

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        await before()
        text = part["text"]
        fault = self.faults.pop(text, None)
        if not isinstance(fault, DeliveryRefusedError | FormRefusedError):
            self.arrived.append(text)
        if fault is not None:
            raise fault
        if text in self.hangs:
            self.hanging.set()
            await self.answer.wait()


@dataclass
class Fixture:
    """One database, and processes that send on one channel one after the other."""

    engine: AsyncEngine
    channel: FakeChannel = field(default_factory=FakeChannel)
    now: datetime = NOW

    def clock(self) -> datetime:
        return self.now

    async def broadcast(self, readers: int = 1) -> int:
        """Queue a broadcast of three messages to that many subscribers, due now; return its number."""
        async with writing(self.engine) as connection:
            for number in range(readers):
                await subscribers.add(connection, replace(LI, address=str(number)), NOW)
        number = await fanout.draft_broadcast(self.engine, "Words", NOW)
        await fanout.confirm_broadcast(self.engine, number, NOW)
        return number

    def outbox(self) -> DeliveryWorker:
        """Return an outbox that sends on the channel, one delivery after the other."""

        async def contents(_day: date, _language: str) -> Edition | None:
            return None

        renderings = Renderings(self.engine, self.channel, contents, self.clock)
        return DeliveryWorker(self.engine, self.channel, renderings, self.clock, width=1, look_seconds=0.05)

    async def drain(self) -> None:
        """Send what is due, as a new process; a kill of it leaves the tables as they are."""
        await asyncio.wait_for(self.outbox().drain(), 300)

    async def is_killed_at(self, *messages: str) -> None:
        """Kill a process while these messages are in flight: nothing more is marked."""
        self.channel.hangs, self.channel.hanging = set(messages), asyncio.Event()
        process = asyncio.create_task(self.drain())
        await asyncio.wait_for(self.channel.hanging.wait(), 300)
        process.cancel()
        await asyncio.wait({process})
        self.channel.hangs = set()

    async def states(self) -> list[tuple[str, int, str | None]]:
        async with reading(self.engine) as connection:
            query = select(rows.c.state, rows.c.part, rows.c.reason).order_by(rows.c.id)
            return [tuple(row) for row in await connection.execute(query)]

    async def unknown(self) -> dict[int, int]:
        async with reading(self.engine) as connection:
            return await ledger.counts(connection)

    async def told(self) -> list[tuple[str, str]]:
        """Return the subjects and numbers of the alerts about unknown messages."""
        alerts = Alerts(self.engine, self.clock)
        await resuming.alert_of_unknown(self.engine, alerts, self.now)
        kind = AlertKind.SENDS_UNKNOWN
        return [(each.subject, each.reason) for each in await alerts.lasting(kind)]

    async def resend(self, number: int) -> int:
        async with writing(self.engine) as connection:
            return await deliveries.send_again(connection, number, self.now)


@pytest.fixture
def fixture(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Fixture:
    monkeypatch.setattr(worker, "_LAST_SECONDS", 0.01)  # of a process that dies
    return Fixture(engine)


ALL = ["zh-CN 0", "zh-CN 1", "zh-CN 2"]


async def test_after_a_crash_only_the_message_in_flight_is_unknown_and_the_rest_goes_out(
    fixture: Fixture,
) -> None:
    number = await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 1")
    assert await fixture.states() == [("sending", 1, None)]
    await fixture.drain()
    assert fixture.channel.arrived == ALL
    assert await fixture.states() == [("unknown", 3, "interrupted")]
    assert await fixture.unknown() == {number: 1}


async def test_a_crash_at_the_last_message_leaves_nothing_to_send(fixture: Fixture) -> None:
    await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 2")
    await fixture.drain()
    assert fixture.channel.arrived == ALL
    assert await fixture.states() == [("unknown", 3, "interrupted")]


async def test_a_digest_that_is_cut_off_twice_lacks_two_messages_at_the_most(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 0")
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    assert fixture.channel.arrived == ALL
    assert await fixture.unknown() == {number: 2}


async def test_what_is_not_answered_is_unknown_and_the_rest_goes_out(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    fixture.channel.faults["zh-CN 0"] = UnansweredError("silent")
    await fixture.drain()
    assert fixture.channel.arrived == ALL
    assert await fixture.states() == [("unknown", 3, "silent")]
    assert await fixture.unknown() == {number: 1}


async def test_the_operator_has_exactly_the_unknown_messages_sent_again(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    fixture.channel.faults = {"zh-CN 0": UnansweredError("silent"), "zh-CN 2": UnansweredError("silent")}
    await fixture.drain()
    fixture.channel.arrived.clear()
    fixture.now += timedelta(days=3)
    assert await fixture.resend(number) == 2
    assert await fixture.resend(number) == 0
    await fixture.drain()
    assert fixture.channel.arrived == ["zh-CN 0", "zh-CN 2"]
    assert await fixture.states() == [("sent", 3, None)]
    assert await fixture.unknown() == {}


async def test_what_is_unknown_again_when_it_is_sent_again_waits_for_the_operator_again(
    fixture: Fixture,
) -> None:
    number = await fixture.broadcast()
    fixture.channel.faults = {"zh-CN 0": UnansweredError("silent"), "zh-CN 1": UnansweredError("silent")}
    await fixture.drain()
    await fixture.resend(number)
    await fixture.is_killed_at("zh-CN 0")
    await fixture.drain()
    assert fixture.channel.arrived == [*ALL, "zh-CN 0", "zh-CN 1"]
    assert await fixture.states() == [("unknown", 3, "interrupted")]
    assert await fixture.unknown() == {number: 1}


async def test_messages_that_are_decided_on_while_the_rest_is_sent_are_sent_behind_it(
    fixture: Fixture,
) -> None:
    number = await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 0")
    await fixture.is_killed_at("zh-CN 2")
    await fixture.resend(number)  # of the first: the last is not known to be unknown yet
    await fixture.drain()
    assert fixture.channel.arrived == [*ALL, "zh-CN 0"]
    assert await fixture.unknown() == {number: 1}


async def test_what_the_operator_leaves_stays_unknown_and_is_offered_no_more(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    async with writing(fixture.engine) as connection:
        assert await ledger.decide(connection, number, Decision.LEFT) == 1
        assert await ledger.decide(connection, number, Decision.LEFT) == 0
    assert await fixture.unknown() == {}
    assert await fixture.resend(number) == 0
    await fixture.drain()
    assert fixture.channel.arrived == ALL
    async with reading(fixture.engine) as connection:
        assert await deliveries.counts(connection, number) == {Sending.UNKNOWN: 1}


async def test_stand_ins_of_a_message_that_is_sent_again_move_those_behind_it(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    fixture.channel.faults = {"zh-CN 0": UnansweredError("silent"), "zh-CN 2": UnansweredError("silent")}
    await fixture.drain()
    await fixture.resend(number)
    fixture.channel.arrived.clear()
    fixture.channel.faults["zh-CN 0"] = FormRefusedError(
        "entities", ({"text": "plain"}, {"text": "and more"})
    )
    await fixture.drain()
    assert fixture.channel.arrived == ["plain", "and more", "zh-CN 2"]
    assert await fixture.states() == [("sent", 4, None)]
    assert await fixture.unknown() == {}


async def test_stand_ins_of_a_later_message_keep_the_number_of_an_unknown_one(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    fixture.channel.faults = {
        "zh-CN 0": UnansweredError("silent"),
        "zh-CN 1": FormRefusedError("entities", ({"text": "plain"}, {"text": "and more"})),
    }
    await fixture.drain()
    assert fixture.channel.arrived == ["zh-CN 0", "plain", "and more", "zh-CN 2"]
    await fixture.resend(number)
    await fixture.drain()
    assert fixture.channel.arrived[4:] == ["zh-CN 0"]


async def test_a_message_of_mail_that_was_in_flight_is_repeated_once_and_then_the_rest_goes_out(
    fixture: Fixture,
) -> None:
    fixture.channel.repeats_unknown = True
    number = await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 1")
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    assert fixture.channel.arrived == ["zh-CN 0", "zh-CN 1", "zh-CN 1", "zh-CN 2"]
    assert await fixture.unknown() == {number: 1}


async def test_each_message_of_mail_may_be_repeated_once(fixture: Fixture) -> None:
    fixture.channel.repeats_unknown = True
    await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 0")
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    assert fixture.channel.arrived == ["zh-CN 0", "zh-CN 0", "zh-CN 1", "zh-CN 1", "zh-CN 2"]
    assert await fixture.states() == [("sent", 3, None)]


async def test_the_operator_hears_once_how_many_are_unknown_when_nothing_more_is_due(
    fixture: Fixture,
) -> None:
    number = await fixture.broadcast(readers=3)
    await fixture.is_killed_at("zh-CN 1")
    assert await fixture.told() == []
    await fixture.drain()
    assert await fixture.told() == [(f"#{number}", "1")]
    fixture.now += timedelta(minutes=1)
    assert await fixture.told() == [(f"#{number}", "1")]


async def test_messages_that_the_operator_may_send_again_are_kept(fixture: Fixture) -> None:
    number = await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    later = NOW + timedelta(days=30)
    async with writing(fixture.engine) as connection:
        await campaigns.prune(connection, later, KEPT)
        [rendering] = await connection.scalars(select(rows.c.rendering_id))
        assert len(await campaigns.parts(connection, rendering)) == 3
        await ledger.decide(connection, number, Decision.LEFT)
        await campaigns.prune(connection, later, KEPT)
        assert list(await connection.scalars(select(rows.c.rendering_id))) == [None]


async def test_who_is_forgotten_leaves_no_unknown_message_behind(fixture: Fixture) -> None:
    await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    async with writing(fixture.engine) as connection:
        reader = await subscribers.find(connection, "telegram", "0")
        assert reader is not None
        await subscribers.forget(connection, reader.id)
    assert await fixture.unknown() == {}
    assert await fixture.states() == []


async def test_what_ended_a_year_ago_is_deleted_with_its_unknown_messages(fixture: Fixture) -> None:
    await fixture.broadcast()
    await fixture.is_killed_at("zh-CN 1")
    await fixture.drain()
    async with writing(fixture.engine) as connection:
        await deliveries.prune(connection, NOW + timedelta(days=366))
    assert await fixture.unknown() == {}
    assert await fixture.states() == []
