"""Tests of the fan-out of a campaign: by language, in bounded transactions, over crashes. On both databases."""
# ruff: noqa: ARG002 - the fake channel composes by the subject alone

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.models import (
    Campaign,
    ChatKind,
    Delivery,
    Mark,
    Part,
    Preferences,
    Sending,
    Subject,
    Subscriber,
    SubscriberStatus,
)
from bot.db import campaigns, deliveries, fanouts, subscribers
from bot.db.tables import deliveries as ledger
from bot.db.tables import subscribers as readers
from bot.delivery import fanout
from bot.delivery.attempts import obstacle
from bot.delivery.renderings import Renderings
from bot.subscriptions.preferences import due_at
from digest.core.errors import StoreError
from digest.core.models import ClosedEdition, Edition, Window
from digest.db import editions
from digest.db.engine import open_engine, reading, writing

DAY = date(2026, 2, 11)
ANCHOR = datetime(2026, 2, 11, 0, 50, tzinfo=UTC)
NOW = ANCHOR + timedelta(hours=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
LI = Subscriber(
    0, "telegram", "1001", ChatKind.PRIVATE, Preferences("zh-CN"), SHANGHAI, SubscriberStatus.ACTIVE
)


async def subscribe(engine: AsyncEngine, *languages: str, first: int = 1) -> list[Subscriber]:
    """Add subscribers to each of `languages`, with the addresses from `first` on."""
    async with writing(engine) as connection:
        return [
            await subscribers.add(
                connection, replace(LI, address=str(number), preferences=Preferences(language)), NOW
            )
            for number, language in enumerate(languages, start=first)
        ]


async def chooses(engine: AsyncEngine, reader: Subscriber, language: str) -> None:
    async with writing(engine) as connection:
        await subscribers.change(
            connection, reader.id, lambda it: replace(it, preferences=Preferences(language)), NOW
        )


async def states(engine: AsyncEngine) -> dict[str, list[str]]:
    """Return the states of the deliveries to each address."""
    query = select(readers.c.address, ledger.c.state).select_from(ledger.join(readers))
    found: dict[str, list[str]] = {}
    async with reading(engine) as connection:
        for address, state in await connection.execute(query.order_by(readers.c.id)):
            found.setdefault(address, []).append(state)
    return found


async def close(connection: AsyncConnection, day: date) -> None:
    window = Window(ANCHOR - timedelta(days=1), ANCHOR)
    await editions.close(connection, ClosedEdition(day, window, "zh-CN", ("cs.SD",), 0, (), NOW))


async def open_edition(engine: AsyncEngine, *languages: str) -> bool:
    opened = await fanout.open_edition(engine, DAY, ANCHOR, NOW, languages or None)
    return opened is not None


async def test_an_edition_goes_to_those_who_read_what_is_ready_and_waits_for_the_others(
    engine: AsyncEngine,
) -> None:
    await subscribe(engine, "zh-CN", "de", "en")
    assert await open_edition(engine, "zh-CN")
    assert await states(engine) == {"1": ["due"], "2": ["held"], "3": ["held"]}
    assert await open_edition(engine, "de", "zh-CN")
    assert await states(engine) == {"1": ["due"], "2": ["due"], "3": ["held"]}
    assert not await open_edition(engine, "de")
    assert await open_edition(engine)
    assert await states(engine) == {"1": ["due"], "2": ["due"], "3": ["due"]}


async def test_who_changes_their_language_in_between_gets_the_edition_once(engine: AsyncEngine) -> None:
    german, chinese = await subscribe(engine, "de", "zh-CN")
    await open_edition(engine, "zh-CN")
    await chooses(engine, german, "zh-CN")
    await chooses(engine, chinese, "de")
    async with reading(engine) as connection:
        assert await fanout.languages_to_fan_out(connection, DAY) == {DAY: frozenset({"zh-CN"})}
    await open_edition(engine, "zh-CN")
    assert await states(engine) == {"1": ["due"], "2": ["due"]}
    await open_edition(engine, "de")
    assert await states(engine) == {"1": ["due"], "2": ["due"]}


async def test_no_language_that_is_ready_is_nothing_to_give_out(engine: AsyncEngine) -> None:
    await subscribe(engine, "zh-CN")
    assert await fanout.open_edition(engine, DAY, ANCHOR, NOW, []) is None
    assert await states(engine) == {}


async def test_who_subscribes_or_returns_after_the_fan_out_began_waits_for_the_next(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "BATCH", 1)
    _, _, left, gone = await subscribe(engine, "de", "de", "de", "de")
    for each in (left, gone):
        async with writing(engine) as connection:
            await subscribers.change(
                connection, each.id, lambda it: replace(it, status=SubscriberStatus.LEFT), NOW
            )
    await cut_off_after(engine, monkeypatch, batches=1)
    assert await states(engine) == {"1": ["due"]}
    async with writing(engine) as connection:
        await subscribers.change(
            connection, left.id, lambda it: replace(it, status=SubscriberStatus.ACTIVE), NOW
        )
    await subscribe(engine, "de", first=5)
    assert not await open_edition(engine, "de")
    assert await states(engine) == {"1": ["due"], "2": ["due"]}


async def cut_off_after(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Run a fan-out whose process dies after that many transactions."""
    note = campaigns.note_reached
    done: list[int] = []

    async def noted(connection: AsyncConnection, number: int, subscriber: int) -> None:
        if len(done) == batches:
            raise StoreError("killed")
        done.append(subscriber)
        await note(connection, number, subscriber)

    with monkeypatch.context() as patched:
        patched.setattr(campaigns, "note_reached", noted)
        with pytest.raises(StoreError, match="killed"):
            await open_edition(engine, "de")


async def test_a_fan_out_that_was_cut_off_goes_on_where_it_was(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "BATCH", 2)
    await subscribe(engine, "de", "de", "zh-CN", "de", "de")
    await cut_off_after(engine, monkeypatch, batches=2)
    async with writing(engine) as connection:
        await close(connection, DAY)
        assert await fanout.languages_to_fan_out(connection, DAY) == {DAY: frozenset({"de", "zh-CN"})}
    assert len(await states(engine)) == 4
    await fanout.resume(engine, NOW)
    assert await states(engine) == {"1": ["due"], "2": ["due"], "3": ["held"], "4": ["due"], "5": ["due"]}
    async with reading(engine) as connection:
        assert await campaigns.unfinished(connection) == []


async def test_a_broadcast_that_was_cut_off_reaches_the_others_too(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "BATCH", 1)
    await subscribe(engine, "de", "zh-CN")
    number = await fanout.draft_broadcast(engine, "Words", NOW)
    await fanout.resume(engine, NOW)
    assert await states(engine) == {}
    async with writing(engine) as connection:
        assert await campaigns.confirm(connection, number, NOW) is not None
    await fanout.resume(engine, NOW)
    assert await states(engine) == {"1": ["due"], "2": ["due"]}


async def test_two_processes_side_by_side_do_one_fan_out(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "BATCH", 3)
    languages = ["de", "zh-CN"] * 10
    await subscribe(engine, *languages)
    others = [open_engine(database_url) for _ in range(2)]
    wanted = (("de",), ("zh-CN",), ("de", "zh-CN"))
    await asyncio.gather(
        *(open_edition(each, *some) for each, some in zip((engine, *others), wanted, strict=True))
    )
    for other in others:
        await other.dispose()
    assert await states(engine) == {str(number): ["due"] for number in range(1, 21)}


async def test_each_gets_it_at_their_hour_in_whatever_batch_they_are(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "BATCH", 2)
    hours = [None, time(9, 0), time(18, 30), None, time(18, 30)]
    async with writing(engine) as connection:
        for number, hour in enumerate(hours):
            await subscribers.add(connection, replace(LI, address=str(number), hour=hour), NOW)
    await open_edition(engine)
    async with reading(engine) as connection:
        moments = await connection.execute(select(ledger.c.due_at).order_by(ledger.c.subscriber_id))
        local = [row.due_at.astimezone(SHANGHAI).strftime("%H:%M") for row in moments]
    assert local == ["08:50", "09:00", "18:30", "08:50", "18:30"]


async def quiet_day(engine: AsyncEngine, *addresses: str) -> list[Subscriber]:
    """Open a quiet day, and return the subscribers at `addresses` who want its notice; one other does not."""
    async with writing(engine) as connection:
        await subscribers.add(connection, LI, NOW)
        asked = [
            await subscribers.add(
                connection,
                replace(LI, address=each, channel="mail" if "@" in each else "telegram", quiet_line=True),
                NOW,
            )
            for each in addresses
        ]
    quiet = await fanout.open_quiet_day(engine, DAY, ANCHOR, NOW)
    assert quiet is not None
    assert quiet.subject is Subject.QUIET
    return asked


async def due(engine: AsyncEngine, channel: str) -> dict[tuple[str, Subject], Delivery]:
    async with reading(engine) as connection:
        found = await deliveries.due(connection, channel, NOW, 10)
    return {(each.subscriber.address, each.campaign.subject): each for each in found}


async def test_a_quiet_day_is_told_once_and_only_to_those_who_asked_for_it(engine: AsyncEngine) -> None:
    await quiet_day(engine, "1002")
    assert await states(engine) == {"1002": ["due"]}
    assert await fanout.open_quiet_day(engine, DAY, ANCHOR, NOW) is None
    assert await states(engine) == {"1002": ["due"]}


async def test_where_there_is_an_edition_no_day_is_quiet(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await subscribers.add(connection, replace(LI, quiet_line=True), NOW)
    await open_edition(engine)
    assert await fanout.open_quiet_day(engine, DAY, ANCHOR, NOW) is None
    assert await states(engine) == {"1001": ["due"]}


class _Composes:
    repeats_unknown = False

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        raise AssertionError

    def compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences
    ) -> tuple[Part, ...]:
        return ({"subject": campaign.subject},)


async def _nothing(_day: date, _language: str) -> Edition | None:
    return None


@pytest.mark.parametrize("channel", ["telegram", "mail"])
async def test_papers_of_a_quiet_day_that_turn_up_later_reach_everybody_once(
    engine: AsyncEngine, channel: str
) -> None:
    told, untold = ("told@a.example", "untold@a.example") if channel == "mail" else ("1002", "1003")
    await quiet_day(engine, told, untold)
    line = (await due(engine, channel))[told, Subject.QUIET]
    async with writing(engine) as connection:
        await deliveries.mark(connection, [line.id], Mark(Sending.SENT), NOW)
        await close(connection, DAY)
        assert await fanout.languages_to_fan_out(connection, DAY) == {DAY: frozenset({"zh-CN"})}
    assert await open_edition(engine)
    assert not await open_edition(engine)
    assert await states(engine) == {"1001": ["due"], told: ["sent", "due"], untold: ["due", "due"]}
    found = await due(engine, channel)
    assert obstacle(found[untold, Subject.QUIET], NOW) == "belied"
    assert obstacle(found[untold, Subject.EDITION], NOW) is None
    renderings = Renderings(engine, _Composes(channel), _nothing, lambda: NOW)
    made = [(await renderings.of(found[each, Subject.EDITION]))[1] for each in (told, untold)]
    assert made == [(), ({"subject": "quiet"},)]  # none of its papers is for them: one line is enough


async def test_an_edition_that_was_never_given_out_is_found_however_old_it_is(engine: AsyncEngine) -> None:
    await subscribe(engine, "zh-CN", "de")
    days = [DAY - timedelta(days=age) for age in (400, 90, 1, 0)]
    async with writing(engine) as connection:
        for day in days:
            await close(connection, day)
    await open_edition(engine, "zh-CN")
    both = frozenset({"zh-CN", "de"})
    async with reading(engine) as connection:
        assert await fanout.languages_to_fan_out(connection, days[0]) == {
            **dict.fromkeys(days[:3], both),
            DAY: frozenset({"de"}),
        }
        assert await fanout.languages_to_fan_out(connection, days[2]) == {
            days[2]: both,
            DAY: frozenset({"de"}),
        }


async def test_of_a_large_audience_each_transaction_takes_a_part(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transactions stay short, so that no other waits long for the database."""
    sizes: Counter[int] = Counter()
    await subscribe(engine, *["de"] * 25)
    monkeypatch.setattr(fanout, "BATCH", 10)
    some = fanout._fan_out_some

    async def counted(*args: object) -> int | None:
        count = await some(*args)  # type: ignore[arg-type]
        sizes[count or 0] += 1
        return count

    monkeypatch.setattr(fanout, "_fan_out_some", counted)
    await open_edition(engine)
    assert sizes == {10: 2, 5: 1, 0: 1}
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(ledger)) == 25
        assert set(await connection.scalars(select(ledger.c.state).distinct())) == {Sending.DUE}
        assert len(await deliveries.due(connection, "telegram", NOW, 100)) == 25


async def test_the_senders_are_told_of_the_first_deliveries_before_the_last_are_there(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribe(engine, *["de"] * 5, *["fr"] * 20)
    monkeypatch.setattr(fanout, "BATCH", 10)
    told: list[int] = []

    def tell() -> None:
        told.append(1)

    async def opened(*languages: str) -> int:
        told.clear()
        await fanout.open_edition(engine, DAY, ANCHOR, NOW, languages, tell)
        return len(told)

    assert await opened("de") == 3
    assert await opened("de", "fr") == 2  # those that were held
    assert await opened("de", "fr") == 0


async def test_each_delivery_is_due_at_its_own_hour_and_zone(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanouts, "_MOMENTS", 2)
    zones = ("Asia/Shanghai", "America/New_York", "UTC")
    chosen = [(hour, ZoneInfo(zone)) for hour in (None, time(9), time(21, 30)) for zone in zones]
    added = []
    async with writing(engine) as connection:
        for number, (hour, zone) in enumerate(chosen * 2):
            language = Preferences(("de", "fr")[number % 2])
            reader = replace(LI, address=str(number), preferences=language, hour=hour, zone=zone)
            added.append(await subscribers.add(connection, reader, NOW))
    campaign = await fanout.open_edition(engine, DAY, ANCHOR, NOW, ["fr"])
    assert campaign is not None
    async with reading(engine) as connection:
        rows = (await connection.execute(select(ledger).order_by(ledger.c.id))).all()
    assert {row.subscriber_id for row in rows} == {reader.id for reader in added}
    for row in rows:
        hour, zone = chosen[(row.subscriber_id - added[0].id) % len(chosen)]
        assert row.due_at == row.next_at == due_at(campaign, hour, zone)
    states_of = {row.subscriber_id: row.state for row in rows}
    assert [states_of[reader.id] for reader in added] == [Sending.HELD, Sending.DUE] * len(chosen)


async def test_who_changes_the_hour_in_between_is_given_it_at_once(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = fanouts._table
    monkeypatch.setattr(
        fanouts, "_table", lambda moments: table([("23:59", zone, at) for _, zone, at in moments])
    )
    await subscribe(engine, "de", "fr")
    await fanout.open_edition(engine, DAY, ANCHOR, NOW)
    assert await states(engine) == {"1": ["due"], "2": ["due"]}
    async with reading(engine) as connection:
        assert set(await connection.scalars(select(ledger.c.next_at))) == {ANCHOR}


async def test_what_is_composed_after_a_correction_is_new_in_every_process(engine: AsyncEngine) -> None:
    await subscribe(engine, "zh-CN")
    await open_edition(engine)
    here, elsewhere = (Renderings(engine, _Composes("telegram"), _nothing, lambda: NOW) for _ in range(2))
    before = (await due(engine, "telegram"))["1", Subject.EDITION]
    old, _ = await here.of(before)
    assert (await elsewhere.of(before))[0] == old
    async with writing(engine) as connection:
        await campaigns.renew(connection, DAY)
    after = (await due(engine, "telegram"))["1", Subject.EDITION]
    new, _ = await here.of(after)
    assert new != old
    assert (await elsewhere.of(after))[0] == new
