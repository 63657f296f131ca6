"""Tests of composing on demand: who waits for whom, and what is loaded and rendered once."""
# ruff: noqa: ARG002 - the fake channel composes by the language alone

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import (
    Campaign,
    ChatKind,
    Delivery,
    Detail,
    Part,
    Preferences,
    Subject,
    Subscriber,
    SubscriberStatus,
)
from bot.db import campaigns
from bot.delivery.renderings import Renderings
from digest.core.models import Edition, Entry
from digest.db.engine import writing
from tests.editions import edition, entry

NOW = datetime(2026, 2, 10, 1, 0, tzinfo=UTC)
DAY = date(2026, 2, 10)


class Editions:
    """The stored editions: a new object for each load, as from the tables."""

    def __init__(self) -> None:
        self.loads = 0
        self.title = "one"

    async def load(self, _day: date, language: str) -> Edition:
        self.loads += 1
        return edition(entry(1, title=self.title), language=language)


class Composer:
    """A channel whose messages are the language. It does not finish those in `gates` before their gate is open."""

    name = "telegram"
    repeats_unknown = False

    def __init__(self) -> None:
        self.composed: list[str] = []
        self.papers: list[Entry] = []
        self.gates = {"first": threading.Event(), "slow": threading.Event()}
        self.begun = asyncio.Queue[str]()
        self._loop = asyncio.get_running_loop()

    def compose(
        self,
        campaign: Campaign,
        edition: Edition | None,
        preferences: Preferences,
    ) -> tuple[Part, ...]:
        self._loop.call_soon_threadsafe(self.begun.put_nowait, preferences.language)
        if gate := self.gates.get(preferences.language):
            gate.wait()
        self.composed.append(preferences.language)
        self.papers += edition.entries if edition else ()
        return ({"html": preferences.language},)

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        raise AssertionError


class World:
    """An edition that was fanned out, and its messages; `now` is the time."""

    def __init__(self, engine: AsyncEngine, campaign: Campaign) -> None:
        self.campaign, self.now = campaign, NOW
        self.editions, self.channel = Editions(), Composer()
        self.renderings = Renderings(engine, self.channel, self.editions.load, lambda: self.now)

    async def messages(
        self, language: str, *, revision: int = 0, detail: Detail = Detail.TITLES
    ) -> tuple[Part, ...]:
        reader = Subscriber(
            1,
            "telegram",
            "1",
            ChatKind.PRIVATE,
            Preferences(language, detail),
            ZoneInfo("Asia/Shanghai"),
            SubscriberStatus.ACTIVE,
        )
        campaign = replace(self.campaign, revision=revision)
        return (await self.renderings.of(Delivery(1, campaign, reader, NOW, None, 0, 0)))[1]


@pytest_asyncio.fixture
async def world(engine: AsyncEngine) -> AsyncIterator[World]:
    async with writing(engine) as connection:
        campaign = await campaigns.open_(connection, Subject.EDITION, DAY, NOW, NOW)
    assert campaign is not None
    made = World(engine, campaign)
    yield made
    for gate in made.channel.gates.values():
        gate.set()


async def test_a_subscriber_with_messages_waits_for_nobody_elses(world: World) -> None:
    await world.messages("ready")
    slow = asyncio.create_task(world.messages("slow"))
    assert [await world.channel.begun.get() for _ in range(2)] == ["ready", "slow"]
    later = asyncio.create_task(world.messages("later"))
    world.now += timedelta(minutes=5)  # so that they are looked up again
    assert await world.messages("ready") == ({"html": "ready"},)
    assert world.channel.composed == ["ready"]
    world.channel.gates["slow"].set()
    assert [await slow, await later] == [({"html": "slow"},), ({"html": "later"},)]


async def test_the_first_messages_are_there_before_the_next_are_composed(world: World) -> None:
    first = asyncio.create_task(world.messages("first"))
    assert await world.channel.begun.get() == "first"
    slow = asyncio.create_task(world.messages("slow"))
    world.channel.gates["first"].set()
    assert await world.channel.begun.get() == "slow"
    assert await first == ({"html": "first"},)
    assert world.channel.composed == ["first"]
    world.channel.gates["slow"].set()
    await slow


async def test_messages_that_many_wait_for_are_composed_once(world: World) -> None:
    asked = [asyncio.create_task(world.messages("slow")) for _ in range(20)]
    await world.channel.begun.get()
    world.channel.gates["slow"].set()
    assert await asyncio.gather(*asked) == [({"html": "slow"},)] * 20
    assert world.channel.composed == ["slow"]


async def test_an_edition_is_loaded_once_for_all_messages(world: World) -> None:
    for detail in Detail:
        await world.messages("de", detail=detail)
    assert len(world.channel.composed) == len(Detail)
    assert world.editions.loads == 1


async def test_an_unchanged_edition_is_the_same_object_after_a_minute(world: World) -> None:
    await world.messages("de")
    world.now += timedelta(minutes=2)
    key = (world.campaign.id, 0, "de")
    before = world.renderings._editions[key][0]
    assert await world.renderings._edition(world.campaign, "de") is before
    assert world.editions.loads == 2
    world.now += timedelta(minutes=2)
    world.editions.title = "corrected"
    after = await world.renderings._edition(world.campaign, "de")
    assert after is not None
    assert after.entries[0].paper.title == "corrected"


async def test_a_corrected_edition_is_loaded_at_once(world: World) -> None:
    await world.messages("de")
    world.editions.title = "corrected"
    await world.messages("de", revision=1)
    assert world.editions.loads == 2
    assert [each.paper.title for each in world.channel.papers] == ["one", "corrected"]
