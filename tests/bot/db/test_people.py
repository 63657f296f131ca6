"""Tests of the tables of subscribers and deliveries, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.models import (
    Campaign,
    ChatKind,
    Delivery,
    Detail,
    Mark,
    PaperRequest,
    Preferences,
    RequestKind,
    Sending,
    Subject,
    Subscriber,
    SubscriberStatus,
)
from bot.db import campaigns, deliveries, paper_requests, subscribers, telegram_state, totals
from bot.db.paper_requests import Day
from bot.db.tables import spent
from digest.core.keywords import keyword
from digest.db.engine import reading, writing
from tests.bot.fanouts import fan_out

NOW = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TODAY = date(2026, 2, 11)
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = Day(NOW, "alias of {}".format)
LI = Subscriber(
    0, "telegram", "1001", ChatKind.PRIVATE, Preferences("zh-CN"), SHANGHAI, SubscriberStatus.ACTIVE
)
FULL = replace(
    LI,
    address="-1001:7",
    kind=ChatKind.GROUP,
    preferences=Preferences(
        "en", Detail.TITLES, ("cs.SD",), (keyword("语音"), keyword("A<B & C")), (keyword("drone"),), rich=True
    ),
    zone=ZoneInfo("Europe/Berlin"),
    hour=time(7, 45),
    silent=True,
    quiet_line=True,
    paused_until=date(2026, 3, 1),
    awaited={"hour": 5},
    awaited_until=LATER,
)


def at_once(_hour: time | None, _zone: ZoneInfo) -> datetime:
    return NOW


async def add(connection: AsyncConnection, *addresses: str) -> list[Subscriber]:
    return [await subscribers.add(connection, replace(LI, address=each), NOW) for each in addresses]


async def give_out(connection: AsyncConnection, day: date = TODAY) -> Campaign:
    """Queue the edition of `day` for all who are subscribed, due now."""
    campaign = await campaigns.open_(connection, Subject.EDITION, day, NOW, NOW)
    assert campaign is not None
    await fan_out(connection, campaign, at_once, NOW)
    return campaign


async def due(connection: AsyncConnection, at: datetime = NOW) -> list[Delivery]:
    return await deliveries.due(connection, "telegram", at, 100)


async def test_a_subscriber_comes_back_as_it_was_put_in(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        added = await subscribers.add(connection, FULL, NOW)
        assert replace(added, id=0) == FULL
    async with reading(engine) as connection:
        assert await subscribers.find(connection, "telegram", FULL.address) == added
        assert await subscribers.find(connection, "mail", FULL.address) is None


async def test_an_address_is_added_once_and_what_is_there_stands(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        first = await subscribers.add(connection, LI, NOW)
        assert await subscribers.add(connection, replace(LI, silent=True), LATER) == first
        assert (await subscribers.statuses(connection))["telegram", SubscriberStatus.ACTIVE, None] == 1


async def test_a_change_is_made_to_what_is_stored(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        added = await subscribers.add(connection, LI, NOW)
        await subscribers.change(connection, added.id, lambda stored: replace(stored, silent=True), NOW)
        changed = await subscribers.change(
            connection, added.id, lambda stored: replace(stored, hour=time(7, 0)), NOW
        )
        assert changed == replace(added, silent=True, hour=time(7, 0))
        assert await subscribers.find(connection, "telegram", "1001") == changed
        assert await subscribers.change(connection, 999, lambda stored: stored, NOW) is None


async def test_a_subscription_that_ends_keeps_its_choices_and_the_reason(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        added = await subscribers.add(connection, FULL, NOW)
        await subscribers.end(connection, added.id, "blocked", NOW)
        ended = await subscribers.find(connection, "telegram", FULL.address)
        assert ended == replace(added, status=SubscriberStatus.ENDED, reason="blocked")
        assert await subscribers.statuses(connection) == {("telegram", SubscriberStatus.ENDED, "blocked"): 1}


async def test_a_subscriber_moves_with_its_deliveries(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        [old] = await add(connection, "-5")
        await give_out(connection)
        assert await subscribers.move(connection, old.id, "-1005", NOW) == replace(old, address="-1005")
        assert [each.subscriber.address for each in await due(connection)] == ["-1005"]


async def test_an_address_that_has_its_own_subscription_takes_no_second_one(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        old, new = await add(connection, "-5", "-1005")
        assert await subscribers.move(connection, old.id, "-1005", NOW) is None
        ended = await subscribers.find(connection, "telegram", "-5")
        assert ended == replace(old, status=SubscriberStatus.ENDED, reason="moved")
        assert await subscribers.find(connection, "telegram", "-1005") == new


async def test_one_that_is_known_at_the_new_address_but_not_subscribed_gives_way(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        old, new = await add(connection, "-5", "-1005")
        await give_out(connection)
        await subscribers.end(connection, new.id, "kicked", NOW)
        assert await subscribers.move(connection, old.id, "-1005", NOW) == replace(old, address="-1005")
        assert [each.subscriber.id for each in await due(connection)] == [old.id]


async def test_who_is_forgotten_leaves_nothing_behind(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        gone, other = await add(connection, "1001", "1002")
        await give_out(connection)
        for address in ("1001", "1002"):
            await paper_requests.add(
                connection, PaperRequest(0, address, address, "2602.00001", RequestKind.READING, "zh-CN", NOW)
            )
        await subscribers.forget(connection, gone.id)
        assert await subscribers.find(connection, "telegram", "1001") is None
        assert [each.subscriber for each in await due(connection)] == [other]
        assert await paper_requests.of_address(connection, "1001") == []
        assert len(await paper_requests.of_address(connection, "1002")) == 1


async def test_a_chat_is_forgotten_with_all_its_topics_and_no_other_chat(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add(connection, "-1001", "-1001:7", "-10012", "-1001_7", "1001")
        await give_out(connection)
        for address in ("-1001:9", "-10012"):
            await paper_requests.add(
                connection, PaperRequest(0, address, "5", "2602.00001", RequestKind.READING, "zh-CN", NOW)
            )
        await subscribers.forget_chat(connection, "telegram", "-1001", DAY)
        left = ["-10012", "-1001_7", "1001"]
        assert [each.subscriber.address for each in await due(connection)] == left
        assert await paper_requests.of_address(connection, "-1001") == []
        assert len(await paper_requests.of_address(connection, "5")) == 1


async def test_what_was_forgotten_counts_for_that_day_under_an_alias_and_is_gone_after_two(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        for person, moment in (("5", NOW - timedelta(days=1)), ("5", NOW), ("5", LATER), ("6", LATER)):
            ask = PaperRequest(0, "-1", person, "2602.00001", RequestKind.READING, "en", moment)
            await paper_requests.add(connection, ask, made=True)
        await subscribers.forget_chat(connection, "telegram", "5", DAY)
        assert await paper_requests.of_address(connection, "5") == []
        assert await paper_requests.forgotten(connection, DAY, "5") == 2
        ask = PaperRequest(0, "5", "5", "2602.00001", RequestKind.READING, "en", LATER)
        await paper_requests.add(connection, ask, made=True)
        for _ in range(2):
            await subscribers.forget_chat(connection, "telegram", "5", DAY)
            assert [await paper_requests.counted(connection, DAY, who) for who in ("5", "6", None)] == [
                3,
                1,
                4,
            ]
        assert [row.alias for row in await connection.execute(select(spent))] == ["alias of 5"]
        await paper_requests.prune(connection, NOW + timedelta(days=1))
        assert await paper_requests.forgotten(connection, DAY) == 3
        await paper_requests.prune(connection, NOW + timedelta(days=2, seconds=1))
        assert await paper_requests.forgotten(connection, DAY) == 0


async def test_who_is_forgotten_while_an_edition_is_given_out_breaks_neither(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001", "1002")

    async def forgotten(address: str) -> None:
        async with writing(engine) as connection:
            await subscribers.forget_chat(connection, "telegram", address, DAY)

    async with writing(engine) as connection:
        campaign = await give_out(connection)
        forgetting = asyncio.create_task(forgotten("1001"))
        await asyncio.wait({forgetting}, timeout=0.2)
    await forgetting
    async with reading(engine) as connection:
        assert [each.subscriber.address for each in await due(connection)] == ["1002"]
        assert await deliveries.counts(connection, campaign.id) == {Sending.DUE: 1}


async def test_an_edition_that_is_given_out_while_somebody_is_forgotten_goes_to_the_others(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001", "1002")

    async def given_out() -> None:
        async with writing(engine) as connection:
            await give_out(connection)

    async with writing(engine) as connection:
        await subscribers.forget_chat(connection, "telegram", "1001", DAY)
        giving = asyncio.create_task(given_out())
        await asyncio.wait({giving}, timeout=0.2)
    await giving
    async with reading(engine) as connection:
        assert [each.subscriber.address for each in await due(connection)] == ["1002"]


async def test_an_edition_is_given_out_once_and_broadcasts_each_time(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        first = await campaigns.open_(connection, Subject.EDITION, TODAY, NOW, NOW)
        assert await campaigns.open_(connection, Subject.EDITION, TODAY, NOW, LATER) is None
        assert await campaigns.of_day(connection, TODAY) == first
        drafts = [
            await campaigns.open_(connection, Subject.DRAFT, None, NOW, NOW, text) for text in ("a", "b")
        ]
        assert None not in drafts
        assert await campaigns.latest(connection, 5) == [first]


async def test_a_draft_is_confirmed_once(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        draft = await campaigns.open_(connection, Subject.DRAFT, None, NOW, NOW, "Hello")
        assert draft is not None
        confirmed = await campaigns.confirm(connection, draft.id, LATER)
        assert confirmed == replace(draft, subject=Subject.BROADCAST, due_at=LATER)
        assert await campaigns.confirm(connection, draft.id, LATER) is None
        edition = await campaigns.open_(connection, Subject.EDITION, TODAY, NOW, NOW)
        assert edition is not None
        assert await campaigns.confirm(connection, edition.id, LATER) is None


async def test_a_draft_cannot_be_confirmed_after_a_day(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        draft = await campaigns.open_(connection, Subject.DRAFT, None, NOW, NOW, "Hello")
        assert draft is not None
        assert await campaigns.confirm(connection, draft.id, NOW + timedelta(days=1, seconds=1)) is None
        await campaigns.prune_texts(connection, NOW + timedelta(days=1))
        assert await campaigns.find(connection, draft.id) == draft
        await campaigns.prune_texts(connection, NOW + timedelta(days=1, seconds=1))
        assert await campaigns.find(connection, draft.id) is None


async def test_after_a_year_what_has_ended_goes_but_an_edition_is_still_given_out_once(
    engine: AsyncEngine,
) -> None:
    year = timedelta(days=365)
    async with writing(engine) as connection:
        await add(connection, "1001", "1002")
        edition = await give_out(connection)
        draft = await campaigns.open_(connection, Subject.DRAFT, None, NOW, NOW, "Hello")
        assert draft is not None
        words = await campaigns.confirm(connection, draft.id, NOW)
        assert words is not None
        await fan_out(connection, words, at_once, NOW)
        ended = [each.id for each in await due(connection)][1:]
        await deliveries.mark(connection, ended, Mark(Sending.SENT), NOW)

        await deliveries.prune(connection, NOW + year)
        await campaigns.prune_texts(connection, NOW + year)
        assert await deliveries.counts(connection, edition.id) == {Sending.DUE: 1, Sending.SENT: 1}
        assert await campaigns.find(connection, words.id) == words

        later = NOW + year + timedelta(seconds=1)
        await deliveries.prune(connection, later)
        await campaigns.prune_texts(connection, later)
        assert await deliveries.counts(connection, edition.id) == {Sending.DUE: 1}
        assert await campaigns.find(connection, words.id) is None
        assert await campaigns.open_(connection, Subject.EDITION, TODAY, NOW, later) is None


async def test_what_was_asked_is_kept_for_ninety_days(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await paper_requests.add(
            connection, PaperRequest(0, "5", "5", "2602.00001", RequestKind.ANSWER, "en", NOW, "Why?")
        )
        await paper_requests.prune(connection, NOW + timedelta(days=90))
        assert len(await paper_requests.of_address(connection, "5")) == 1
        await paper_requests.prune(connection, NOW + timedelta(days=90, seconds=1))
        assert await paper_requests.of_address(connection, "5") == []


async def test_messages_are_kept_as_whoever_came_first_made_them_and_go_after_their_time(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001")
        campaign = await give_out(connection)
        number = await campaigns.keep_rendering(connection, campaign.id, "key", [{"html": "一"}], NOW)
        assert await campaigns.keep_rendering(connection, campaign.id, "key", [{"html": "2"}], NOW) == number
        assert await campaigns.parts(connection, number) == ({"html": "一"},)
        [delivery] = await due(connection)
        await deliveries.mark(connection, [delivery.id], Mark(Sending.SENT, rendering=number), NOW)
        await campaigns.prune(connection, NOW + timedelta(days=6), timedelta(days=7))
        assert await campaigns.rendering(connection, campaign.id, "key") == number
        await campaigns.prune(connection, NOW + timedelta(days=8), timedelta(days=7))
        assert await campaigns.rendering(connection, campaign.id, "key") is None
        assert await deliveries.counts(connection, campaign.id) == {Sending.SENT: 1}


async def test_an_edition_is_composed_anew_for_all_who_have_got_nothing_of_it(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001", "1002", "1003", "1004")
        campaign = await give_out(connection)

        async def revision() -> int:
            found = await campaigns.find(connection, campaign.id)
            assert found is not None
            return found.revision

        number = await campaigns.keep_rendering(connection, campaign.id, "key", [{}, {}], NOW)
        tried, begun, perhaps, new = await due(connection)
        for delivery, mark in (
            (tried, Mark(Sending.DUE, "flood", part=0, rendering=number)),
            (begun, Mark(Sending.DUE, "flood", part=1, rendering=number)),
            (perhaps, Mark(Sending.DUE, "interrupted", part=0, rendering=number, repeated=True)),
        ):
            await deliveries.mark(connection, [delivery.id], mark, NOW)
        await campaigns.renew(connection, TODAY)
        assert await revision() == 1
        assert await campaigns.parts(connection, number) == ({}, {})
        held = {each.id: each.rendering for each in await due(connection)}
        assert held == {tried.id: None, begun.id: number, perhaps.id: number, new.id: None}
        await campaigns.renew(connection, TODAY + timedelta(days=1))
        assert await revision() == 1
        await campaigns.renew(connection, TODAY)
        assert await revision() == 2


async def test_a_delivery_is_opened_for_each_who_is_subscribed_at_their_hour(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        prompt, left = await add(connection, "1001", "1002")
        await subscribers.change(
            connection, left.id, lambda it: replace(it, status=SubscriberStatus.LEFT), NOW
        )
        await subscribers.add(connection, FULL, NOW)
        campaign = await campaigns.open_(connection, Subject.EDITION, TODAY, NOW, NOW)
        assert campaign is not None
        hours = {(None, SHANGHAI): NOW, (time(7, 45), ZoneInfo("Europe/Berlin")): LATER}

        def when(hour: time | None, zone: ZoneInfo) -> datetime:
            return hours[hour, zone]

        assert await fan_out(connection, campaign, when, NOW) == 2
        assert await fan_out(connection, campaign, when, NOW) == 0
        [now] = await due(connection)
        assert (now.subscriber, now.campaign, now.part, now.tries) == (prompt, campaign, 0, 0)
        assert [each.subscriber.address for each in await due(connection, LATER)] == ["1001", FULL.address]


async def test_a_quiet_day_is_for_those_who_asked_for_its_line(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001")
        await subscribers.add(connection, replace(LI, address="1002", quiet_line=True), NOW)
        campaign = await campaigns.open_(connection, Subject.QUIET, TODAY, NOW, NOW)
        assert campaign is not None
        assert await fan_out(connection, campaign, at_once, NOW) == 1
        assert [each.subscriber.address for each in await due(connection)] == ["1002"]


async def test_what_is_due_comes_oldest_first_and_not_what_is_held_or_of_another_channel(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001", "1002", "1003")
        await subscribers.add(connection, replace(LI, channel="mail", address="li@example.org"), NOW)
        await give_out(connection)
        first, second, third = await due(connection)
        earlier = NOW - timedelta(minutes=1)
        await deliveries.mark(connection, [third.id], Mark(Sending.DUE, next_at=earlier), NOW)
        found = await deliveries.due(connection, "telegram", NOW, 2, [first.id])
        assert [each.id for each in found] == [third.id, second.id]
        assert await deliveries.next_at(connection) == earlier


async def test_a_mark_changes_what_it_names_and_keeps_the_rest(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add(connection, "1001")
        campaign = await give_out(connection)
        number = await campaigns.keep_rendering(connection, campaign.id, "key", [{}, {}], NOW)
        [delivery] = await due(connection)
        for mark in (
            Mark(Sending.SENDING, part=0, rendering=number),
            Mark(Sending.DUE, "flood", part=1, tries=2, next_at=LATER),
        ):
            assert await deliveries.mark(connection, [delivery.id], mark, NOW) == {delivery.id}
        assert await due(connection) == []
        assert await due(connection, LATER) == [replace(delivery, rendering=number, part=1, tries=2)]
        await deliveries.mark(connection, [delivery.id], Mark(Sending.DUE, tries=0), NOW)
        assert (await due(connection, LATER))[0].tries == 0


async def test_only_deliveries_of_those_who_are_subscribed_are_marked_as_being_sent(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        stays, leaves = await add(connection, "1001", "1002")
        campaign = await give_out(connection)
        wanted = {each.subscriber.id: each.id for each in await due(connection)}
        await subscribers.end(connection, leaves.id, "blocked", NOW)
        both, stays_on = set(wanted.values()), {wanted[stays.id]}
        assert await deliveries.mark(connection, both, Mark(Sending.SENDING), NOW) == stays_on
        assert await deliveries.counts(connection, campaign.id) == {Sending.SENDING: 1, Sending.DUE: 1}
        assert await deliveries.mark(connection, both, Mark(Sending.SKIPPED, "left"), NOW) == both


@pytest.mark.parametrize(
    ("until", "is_marked"), [(None, True), (NOW.date(), True), (date(2026, 2, 12), False)]
)
async def test_who_paused_a_moment_ago_is_not_marked_as_being_sent_to(
    engine: AsyncEngine, until: date | None, is_marked: bool
) -> None:
    async with writing(engine) as connection:
        [reader] = await add(connection, "1001")
        await give_out(connection)
        [delivery] = await due(connection)
        await subscribers.change(connection, reader.id, lambda it: replace(it, paused_until=until), NOW)
        marked = await deliveries.mark(connection, [delivery.id], Mark(Sending.SENDING, day=NOW.date()), NOW)
        assert marked == ({delivery.id} if is_marked else set())


async def test_a_subscriber_can_see_what_was_delivered(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        [one] = await add(connection, "1001")
        campaign = await give_out(connection)
        [delivery] = await due(connection)
        await deliveries.mark(connection, [delivery.id], Mark(Sending.FAILED, "blocked"), LATER)
        assert await deliveries.counts(connection, campaign.id) == {Sending.FAILED: 1}
        assert await deliveries.of_subscriber(connection, one.id) == [
            {
                "subject": "edition",
                "edition_date": TODAY,
                "state": "failed",
                "reason": "blocked",
                "due_at": NOW,
                "changed_at": LATER,
            }
        ]


async def test_an_ask_is_due_until_it_ends(engine: AsyncEngine) -> None:
    ask = PaperRequest(
        0, "1001", "5", "2602.00001v2", RequestKind.ANSWER, "en", NOW, "为什么？", 12, None, rich=True
    )
    async with writing(engine) as connection:
        number = await paper_requests.add(connection, ask)
        await paper_requests.note_status(connection, number, 44)
        assert await paper_requests.due(connection, NOW) == [replace(ask, id=number, status_message=44)]
        assert await paper_requests.due(connection, LATER) == []
        await paper_requests.end(connection, number, "answered", LATER, made=True)
        assert await paper_requests.due(connection, NOW) == []
        [shown] = await paper_requests.of_address(connection, "1001")
        assert (shown["question"], shown["outcome"]) == ("为什么？", "answered")


async def test_only_asks_that_took_the_model_are_counted(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        for person, moment in (("5", NOW), ("5", LATER), ("6", LATER)):
            ask = PaperRequest(0, "1001", person, "2602.00001", RequestKind.READING, "en", moment)
            await paper_requests.add(connection, ask, made=person != "5" or moment == LATER)
        assert await paper_requests.counted(connection, DAY) == 2
        assert await paper_requests.counted(connection, DAY, "5") == 1
        assert await paper_requests.counted(connection, replace(DAY, began=LATER + timedelta(seconds=1))) == 0


async def test_an_update_is_kept_once_for_as_long_as_it_can_come_again(engine: AsyncEngine) -> None:
    number = 2**40
    update = {number: {"update_id": number}}
    async with writing(engine) as connection:
        assert await telegram_state.keep_update(connection, update, NOW) == {number}
        assert await telegram_state.keep_update(connection, update, LATER) == set()
        await telegram_state.prune_updates(connection, NOW + timedelta(days=1))
        assert await telegram_state.keep_update(connection, update, LATER) == set()
        await telegram_state.prune_updates(connection, NOW + timedelta(days=3))
        assert await telegram_state.keep_update(connection, update, LATER) == {number}


async def test_what_is_in_an_update_is_kept_until_it_is_answered(engine: AsyncEngine) -> None:
    contents = {number: {"update_id": number, "text": f"语音 \0 {number}"} for number in (9, 7, 8)}
    async with writing(engine) as connection:
        assert await telegram_state.keep_update(connection, contents, NOW) == {7, 8, 9}
        await telegram_state.end_update(connection, [8])
        assert await telegram_state.keep_update(connection, contents, NOW) == set()
        assert await telegram_state.waiting_updates(connection, LATER) == []
        for _ in range(3):
            assert [each["update_id"] for each in await telegram_state.waiting_updates(connection, NOW)] == [
                7,
                9,
            ]
        assert await telegram_state.waiting_updates(connection, NOW) == []  # repeating it has the same result


async def test_what_there_is_is_counted_by_channel_day_and_state(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        first, _ = await add(connection, "1001", "1002")
        await subscribers.add(connection, replace(LI, channel="mail", address="li@example.org"), NOW)
        for number in range(3):
            await give_out(connection, TODAY + timedelta(days=number))
        await subscribers.end(connection, first.id, "blocked", NOW)
        sent = (await due(connection))[0]
        await deliveries.mark(connection, [sent.id], Mark(Sending.SENT), NOW)
        await paper_requests.add(
            connection, PaperRequest(0, "1001", "1001", "2602.00001", RequestKind.READING, "zh-CN", NOW)
        )
    async with reading(engine) as connection:
        assert await totals.subscribers_by_status(connection) == {
            ("telegram", "active"): 1,
            ("telegram", "ended"): 1,
            ("mail", "active"): 1,
        }
        assert await totals.latest_deliveries(connection, 2) == {
            (channel, day, "due"): count
            for day in ("2026-02-12", "2026-02-13")
            for channel, count in (("telegram", 2), ("mail", 1))
        }
        assert (await totals.latest_deliveries(connection, 3))["telegram", "2026-02-11", "sent"] == 1
        assert await totals.queues(connection) == {("deliveries",): 8, ("letters",): 0, ("requests",): 1}
