"""Tests of subscriptions on all channels, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import settings
from bot.container import open_database
from bot.core import mailboxes
from bot.core.mailboxes import Mailbox
from bot.core.models import (
    ChannelName,
    ChatKind,
    Consent,
    Detail,
    MailPurpose,
    Preferences,
    RequestedPreferences,
    SignUp,
    Subject,
    Subscriber,
    SubscriberStatus,
)
from bot.db import campaigns, signups, subscribers
from bot.db.paper_requests import Day
from bot.db.tables import deliveries as ledger
from bot.subscriptions import preferences
from bot.subscriptions.service import Imported, SubscriptionService
from digest.core.keywords import keyword
from digest.db.engine import reading, writing
from tests.bot.fanouts import fan_out

NOW = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
LI = mailboxes.parse("li@example.org")
OWN = (mailboxes.parse("daily@example.org"),)
WISHES = RequestedPreferences(
    Preferences("en", Detail.TITLES, ("cs.SD",), (keyword("语音"),), (keyword("A<B & C"),)),
    time(7, 45),
    ZoneInfo("Europe/Berlin"),
    quiet_line=True,
)
ASKED = SignUp(1, LI, "n", MailPurpose.CONFIRM, WISHES, "form", NOW, NOW)


def service(
    engine: AsyncEngine, at: datetime = NOW, wake: Callable[[], None] = lambda: None
) -> SubscriptionService:
    return SubscriptionService(engine, lambda: at, wake, OWN)


async def sign_up(
    engine: AsyncEngine,
    mailbox: Mailbox = LI,
    network: str = "n",
    at: datetime = NOW,
    wishes: RequestedPreferences = WISHES,
) -> None:
    await service(engine, at).sign_up(mailbox, wishes, network=network, how="form")


async def rows(engine: AsyncEngine) -> list[SignUp]:
    """Return all rows whose mail is queued."""
    async with reading(engine) as connection:
        return await signups.due(connection, NOW + timedelta(days=9), 1000)


async def subscriber(engine: AsyncEngine, mailbox: Mailbox = LI) -> Subscriber | None:
    return await service(engine).find(ChannelName.MAIL, str(mailbox))


async def test_a_confirmed_address_is_subscribed_to_what_it_wished_and_not_before(
    engine: AsyncEngine,
) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    assert asked == replace(ASKED, id=asked.id)
    assert await subscriber(engine) is None
    made = await service(engine, NOW + timedelta(hours=1)).confirm(asked.id)
    assert made == await subscriber(engine)
    assert made is not None
    assert made == Subscriber(
        made.id,
        "mail",
        "li@example.org",
        ChatKind.MAILBOX,
        WISHES.preferences,
        WISHES.zone,
        SubscriberStatus.ACTIVE,
        hour=WISHES.hour,
        quiet_line=True,
        consent=Consent(NOW + timedelta(hours=1), "form"),
    )
    assert await rows(engine) == []  # a mail that is still queued is not repeated


async def test_a_link_confirms_once_whatever_happens_at_the_same_time(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    made = await asyncio.gather(*(service(engine).confirm(asked.id) for _ in range(5)))
    assert sum(each is not None for each in made) == 1
    assert await service(engine).confirm(999) is None


async def test_whoever_left_or_was_out_of_reach_comes_back_with_the_new_wishes(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    known = await service(engine).confirm(asked.id)
    assert known is not None
    await service(engine).unsubscribe(known)
    await service(engine).unsubscribe(known)
    assert await subscriber(engine) == replace(known, status=SubscriberStatus.LEFT)
    async with writing(engine) as connection:
        await subscribers.end(connection, known.id, "bounced", NOW)
        await subscribers.change(
            connection,
            known.id,
            lambda it: replace(it, consecutive_refusals=1, paused_until=date(2026, 3, 1)),
            NOW,
        )
    later = NOW + timedelta(days=2)
    await sign_up(engine, at=later, wishes=replace(WISHES, hour=None))
    [asked] = await rows(engine)
    assert asked.letter is MailPurpose.CONFIRM
    back = await service(engine, later).confirm(asked.id)
    assert back == replace(known, hour=None, consent=Consent(later, "form"))


async def test_an_address_that_has_the_newsletter_is_told_so_and_no_more(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    known = await service(engine).confirm(asked.id)
    await sign_up(engine, wishes=replace(WISHES, hour=None))
    [told] = await rows(engine)
    assert told.letter is MailPurpose.KNOWN
    assert await service(engine).confirm(told.id) is None
    assert await subscriber(engine) == known


async def test_a_link_to_the_preferences_goes_only_to_who_is_known_and_counts_alike(
    engine: AsyncEngine,
) -> None:
    for _ in range(5):
        await service(engine).send_link(LI, network="n")
    assert await rows(engine) == []
    await sign_up(engine)  # three mails an hour, including those that were not written
    assert await rows(engine) == []
    later = NOW + timedelta(hours=2)
    await sign_up(engine, at=later)
    [asked] = await rows(engine)
    await service(engine, later).confirm(asked.id)
    await service(engine, later).send_link(LI, network="n")
    assert [each.letter for each in await rows(engine)] == [MailPurpose.KNOWN]


@pytest.mark.parametrize("address", ["Daily@example.org", "daily+b7.abc@example.org"])
async def test_the_newsletter_writes_no_letter_to_itself_and_counts_alike(
    engine: AsyncEngine, address: str
) -> None:
    for _ in range(5):
        await sign_up(engine, mailboxes.parse(address))
    assert await rows(engine) == []
    async with reading(engine) as connection:
        assert len(await signups.of_address(connection, address.lower())) == 3


@pytest.mark.parametrize(
    "address",
    ["daily2@example.org", "dail@example.org", "daily@elsewhere.example", "li@mailinator.com"],
)
async def test_all_others_may_sign_up_those_that_are_thrown_away_soon_too(
    engine: AsyncEngine, address: str
) -> None:
    await sign_up(engine, mailboxes.parse(address))
    [asked] = await rows(engine)
    assert asked.letter is MailPurpose.CONFIRM


async def test_many_at_once_make_no_more_rows_than_the_limit(engine: AsyncEngine) -> None:
    await asyncio.gather(*(sign_up(engine, network=f"n{number}") for number in range(12)))
    assert len(await rows(engine)) == 3
    later = NOW + timedelta(minutes=61)
    await asyncio.gather(*(sign_up(engine, network=f"m{number}", at=later) for number in range(12)))
    assert len(await rows(engine)) == 6


async def test_an_address_gets_ten_letters_a_day_and_a_network_asks_for_twenty_an_hour(
    engine: AsyncEngine,
) -> None:
    for hour in range(6):
        for _ in range(3):
            await sign_up(engine, network=f"n{hour}", at=NOW + timedelta(minutes=61 * hour))
    assert len(await rows(engine)) == 10
    for number in range(25):
        await sign_up(engine, mailboxes.parse(f"wang{number}@example.org"), network="one")
    assert sum(each.network == "one" for each in await rows(engine)) == 20


@pytest.mark.parametrize("hundreds", [3, pytest.param(100, marks=pytest.mark.play)])
async def test_ten_thousand_signings_up_of_one_address_make_three_rows(tmp_path: Path, hundreds: int) -> None:
    url = f"sqlite:///{tmp_path}/flood.db"
    async with open_database(settings.given(database_url=url)) as engine:
        for _ in range(hundreds):
            await asyncio.gather(*(sign_up(engine, network=f"n{number}") for number in range(100)))
        assert len(await rows(engine)) == 3


async def test_old_signings_up_are_forgotten_and_deletion_takes_the_rest(engine: AsyncEngine) -> None:
    await sign_up(engine)
    await sign_up(engine, mailboxes.parse("wang@example.org"), at=NOW + timedelta(days=3))
    async with writing(engine) as connection:
        await signups.prune(connection, NOW + timedelta(days=5))
    [left] = await rows(engine)
    assert str(left.mailbox) == "wang@example.org"
    made = await service(engine).confirm(left.id)
    assert made is not None
    async with writing(engine) as connection:
        assert len(await signups.of_address(connection, made.address)) == 1
        await subscribers.forget(connection, made.id)
        assert await signups.of_address(connection, made.address) == []


CHAT = Subscriber(
    0,
    ChannelName.TELEGRAM,
    "1001",
    ChatKind.PRIVATE,
    Preferences("zh-CN"),
    ZoneInfo("Asia/Shanghai"),
    SubscriberStatus.ACTIVE,
)
EVENING, MORNING = time(20, 0), time(13, 0)  # in Shanghai: twelve hours and five hours after the edition
ANCHOR = datetime(2026, 2, 11, 0, 50, tzinfo=UTC)


async def with_edition(engine: AsyncEngine, new: Subscriber) -> Subscriber:
    """Add a subscriber with a queued delivery of the day's edition."""
    async with writing(engine) as connection:
        known = await subscribers.add(connection, new, ANCHOR)
        sent = await campaigns.open_(connection, Subject.EDITION, ANCHOR.date(), ANCHOR, ANCHOR)
        assert sent is not None
        await fan_out(connection, sent, lambda hour, zone: preferences.due_at(sent, hour, zone), ANCHOR)
    return known


async def due(engine: AsyncEngine) -> list[datetime]:
    """Return when the queued delivery is tried next."""
    async with reading(engine) as connection:
        return list(await connection.scalars(select(ledger.c.next_at).order_by(ledger.c.id)))


def in_shanghai(hour: int) -> datetime:
    return datetime(2026, 2, 11, hour, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def at(hour: time | None) -> Callable[[Subscriber], Subscriber]:
    return lambda stored: replace(stored, hour=hour)


@pytest.mark.parametrize("channel", ChannelName)
async def test_a_new_delivery_time_moves_todays_delivery_on_every_channel(
    engine: AsyncEngine, channel: ChannelName
) -> None:
    woken: list[None] = []
    known = await with_edition(engine, replace(CHAT, channel=channel, hour=EVENING))
    here = service(engine, wake=lambda: woken.append(None))
    assert await due(engine) == [in_shanghai(20)]
    changed = await here.change(known, at(MORNING))
    assert (changed.hour, await due(engine), len(woken)) == (MORNING, [in_shanghai(13)], 1)
    await here.change(known, lambda stored: replace(stored, zone=ZoneInfo("Asia/Tokyo")))
    assert (await due(engine), len(woken)) == ([in_shanghai(12)], 2)
    await here.change(known, lambda stored: replace(stored, silent=True))
    assert (await due(engine), len(woken)) == ([in_shanghai(12)], 2)


async def test_the_delivery_moves_though_the_caller_read_an_older_delivery_time(engine: AsyncEngine) -> None:
    known = await with_edition(engine, replace(CHAT, hour=MORNING))
    await service(engine).change(known, at(EVENING))  # on another page, meanwhile
    await service(engine).change(known, at(MORNING))
    assert await due(engine) == [in_shanghai(13)]


async def test_a_sign_up_with_another_delivery_time_moves_todays_delivery(engine: AsyncEngine) -> None:
    shanghai = replace(WISHES, zone=CHAT.zone)
    for hour in (MORNING, EVENING):
        await sign_up(engine, wishes=replace(shanghai, hour=hour))
    morning, evening = await rows(engine)
    woken: list[None] = []
    here = service(engine, wake=lambda: woken.append(None))
    mailbox = Subscriber(0, ChannelName.MAIL, str(LI), ChatKind.MAILBOX, Preferences("en"), CHAT.zone)
    known = await with_edition(engine, replace(mailbox, hour=EVENING, status=SubscriberStatus.ACTIVE))
    await here.confirm(evening.id)
    assert (await due(engine), woken) == ([in_shanghai(20)], [])
    await here.unsubscribe(known)
    back = await here.confirm(morning.id)
    assert back is not None
    assert (back.status, back.hour) == (SubscriberStatus.ACTIVE, MORNING)
    assert (await due(engine), woken) == ([in_shanghai(13)], [None])


async def composed(engine: AsyncEngine, **row: object) -> None:
    """Compose the messages of what is queued, and postpone its first attempt."""
    async with writing(engine) as connection:
        sent = await campaigns.latest(connection, 1)
        number = await campaigns.keep_rendering(connection, sent[0].id, "key", ({"html": "1"},), NOW)
        await connection.execute(update(ledger).values(rendering_id=number, tries=1, **row))


async def is_composed(engine: AsyncEngine) -> bool:
    async with reading(engine) as connection:
        return await connection.scalar(select(ledger.c.rendering_id)) is not None


async def test_what_waits_is_composed_anew_for_other_categories(engine: AsyncEngine) -> None:
    known = await with_edition(engine, CHAT)
    await composed(engine)
    await service(engine).change(known, lambda stored: replace(stored, silent=True))
    assert await is_composed(engine)
    await service(engine).change(known, lambda stored: replace(stored, preferences=WISHES.preferences))
    assert not await is_composed(engine)


@pytest.mark.parametrize("row", [{"part": 1}, {"repeated": True}, {"state": "sending"}])
async def test_what_has_begun_goes_on_as_it_was_composed(engine: AsyncEngine, row: dict[str, object]) -> None:
    known = await with_edition(engine, CHAT)
    await composed(engine, **row)
    await service(engine).change(known, lambda stored: replace(stored, preferences=WISHES.preferences))
    assert await is_composed(engine)


async def test_failures_of_an_earlier_subscription_do_not_count_after_a_return(engine: AsyncEngine) -> None:
    failing = replace(
        CHAT,
        status=SubscriberStatus.ENDED,
        reason="blocked",
        consecutive_refusals=3,
        failing_since=NOW - timedelta(days=13),
    )
    here = service(engine)
    known = await here.meet(failing)
    back = await here.subscribe(known)
    assert back == replace(
        known, status=SubscriberStatus.ACTIVE, reason=None, consecutive_refusals=0, failing_since=None
    )
    assert await here.find(known.channel, known.address) == back
    struck = replace(known, id=0, address="1002", status=SubscriberStatus.ACTIVE)
    active = await here.meet(struck)
    assert await here.subscribe(active) == active  # nothing in it shows that the address is known


async def test_who_leaves_keeps_the_preferences_and_whoever_had_ended_the_reason(engine: AsyncEngine) -> None:
    here = service(engine)
    active = await here.meet(CHAT)
    ended = await here.meet(replace(CHAT, address="1002", status=SubscriberStatus.ENDED, reason="blocked"))
    assert await here.unsubscribe(active) == replace(active, status=SubscriberStatus.LEFT)
    assert await here.unsubscribe(ended) == ended


async def test_whoever_was_deleted_meanwhile_stays_deleted(engine: AsyncEngine) -> None:
    here = service(engine)
    known = await here.meet(CHAT)
    await here.forget(known)
    assert await here.change(known, at(MORNING)) == known
    assert await here.subscribe(known) == known
    assert await here.get(known.id) is None


async def test_a_channel_is_enrolled_unless_it_has_left(engine: AsyncEngine) -> None:
    here = service(engine)
    channel = replace(CHAT, kind=ChatKind.CHANNEL, address="-1001", status=SubscriberStatus.NEW)
    enrolled = await here.enroll(channel)
    assert enrolled.status is SubscriberStatus.ACTIVE
    await here.end(channel.channel, "-1001", "kicked")
    assert [each.reason for each in await here.at(channel.channel, "-1001")] == ["kicked"]
    assert await here.enroll(channel) == enrolled
    await here.unsubscribe(enrolled)
    assert (await here.enroll(channel)).status is SubscriberStatus.LEFT


async def test_a_chat_that_is_gone_ends_with_its_topics_and_keeps_who_had_left(engine: AsyncEngine) -> None:
    here = service(engine)
    for address in ("-5", "-5:7", "-55"):
        await here.meet(replace(CHAT, kind=ChatKind.GROUP, address=address))
    topic = await here.find(CHAT.channel, "-5:7")
    assert topic is not None
    await here.unsubscribe(topic)
    await here.end(CHAT.channel, "-5", "kicked")
    found = await here.at(CHAT.channel, "-5") + await here.at(CHAT.channel, "-55")
    assert [each.status for each in found] == [
        SubscriberStatus.ENDED,
        SubscriberStatus.LEFT,
        SubscriberStatus.ACTIVE,
    ]


async def test_a_group_that_becomes_a_supergroup_takes_its_subscription_along(engine: AsyncEngine) -> None:
    here = service(engine)
    known = await here.meet(replace(CHAT, kind=ChatKind.GROUP, address="-5"))
    await here.move(CHAT.channel, "-5", "-1005")
    await here.move(CHAT.channel, "-5", "-1005")  # the message comes twice
    assert await here.find(CHAT.channel, "-1005") == replace(known, address="-1005")


async def test_data_of_a_chat_are_given_out_and_then_deleted_with_its_topics(engine: AsyncEngine) -> None:
    here, day = service(engine), Day(NOW, str)
    await with_edition(engine, replace(CHAT, kind=ChatKind.GROUP, address="-5"))
    await here.meet(replace(CHAT, kind=ChatKind.GROUP, address="-5:7"))
    known = await here.data_of_chat(CHAT.channel, "-5", day)
    assert [each["address"] for each in known["subscriptions"]] == ["-5", "-5:7"]
    assert [len(each["deliveries"]) for each in known["subscriptions"]] == [1, 0]
    await here.forget_chat(CHAT.channel, "-5", day)
    assert await here.at(CHAT.channel, "-5") == await due(engine) == []


async def test_a_list_subscribes_unknown_addresses_alone(engine: AsyncEngine) -> None:
    here = service(engine)
    mailbox = replace(
        CHAT, channel=ChannelName.MAIL, kind=ChatKind.MAILBOX, consent=Consent(NOW, "paper form")
    )
    named = [replace(mailbox, address=f"{name}@example.org") for name in ("li", "wang", "zhao")]
    left = await here.unsubscribe(await here.meet(named[0]))
    assert await here.import_(named) == Imported(added=2, known=1, gone=1)
    assert await here.import_(named) == Imported(added=0, known=3, gone=1)
    assert await subscriber(engine) == left


@pytest.mark.parametrize("how", ["form", "telegram"])
async def test_the_sender_of_letters_is_woken_whatever_was_stored(engine: AsyncEngine, how: str) -> None:
    woken: list[None] = []
    here = service(engine, wake=lambda: woken.append(None))
    for _ in range(4):  # the last is beyond the limit
        await here.sign_up(LI, WISHES, network="n", how=how)
    assert (len(woken), len(await rows(engine))) == (4, 3)
