"""Tests of applying returned mail to subscriptions, on both databases."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.alerts import Alerts
from bot.core.models import AlertKind, SubscriberStatus
from bot.db.tables import bounces
from bot.mail import apply_bounces
from bot.mail.apply_bounces import BounceOutcome
from digest.db.engine import reading
from tests.bot.mail.people import DAY, delivered, returned_at, standing, subscribed
from tests.bot.mail.reports import (
    LINKS,
    NOW,
    came_back_to,
    complaint,
    dsn,
    leave_to,
    letter,
    original,
)
from tests.databases import ONE_DATABASE

pytestmark = ONE_DATABASE


async def take(engine: AsyncEngine, mail: bytes, at: datetime = NOW) -> BounceOutcome:
    return await apply_bounces.take(engine, mail, LINKS, at)


async def kept(engine: AsyncEngine) -> list[tuple[object, ...]]:
    columns = bounces.c
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(columns.subscriber_id, columns.kind, columns.detail).order_by(columns.message_id)
        )
        return [tuple(row) for row in rows]


async def test_a_mailbox_that_is_gone_ends_its_subscription_at_once_and_no_other(engine: AsyncEngine) -> None:
    reader, other = await subscribed(engine), await subscribed(engine, "other@example.org")
    assert await take(engine, dsn(came_back_to(reader.id))) is BounceOutcome.ENDED
    assert await standing(engine, reader.id) == (SubscriberStatus.ENDED, "bounced 5.1.1")
    assert await standing(engine, other.id) == (SubscriberStatus.ACTIVE, None)
    assert await kept(engine) == [(reader.id, "gone", "5.1.1")]


async def test_the_original_message_id_leads_to_the_subscriber_too(engine: AsyncEngine) -> None:
    await subscribed(engine, "other@example.org")
    reader = await subscribed(engine)
    _, delivery = await delivered(engine)
    assert await take(engine, dsn(returned=original(delivery))) is BounceOutcome.ENDED
    assert await standing(engine, reader.id) == (SubscriberStatus.ENDED, "bounced 5.1.1")


async def test_a_complaint_ends_the_subscription_with_its_reason(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    assert await take(engine, complaint(came_back_to(reader.id))) is BounceOutcome.ENDED
    assert await standing(engine, reader.id) == (SubscriberStatus.ENDED, "complaint")


async def test_who_leaves_by_mail_has_left_even_where_a_machine_says_it_twice(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    assert await take(engine, letter(leave_to(reader.id))) is BounceOutcome.LEFT
    assert await standing(engine, reader.id) == (SubscriberStatus.LEFT, None)
    assert await take(engine, letter(leave_to(reader.id))) is BounceOutcome.KNOWN
    await returned_at(engine, reader.id, NOW)
    assert await take(engine, letter(leave_to(reader.id))) is BounceOutcome.KNOWN
    assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)


async def daily(engine: AsyncEngine, number: int, days: range, status: str = "5.2.2") -> list[BounceOutcome]:
    """Return the outcomes of reports with that status, one on each of these days."""
    outcomes = []
    for day in days:
        mail = dsn(came_back_to(number), status=status, message_id=f"<{number}.{day}@x>")
        outcomes.append(await take(engine, mail, NOW + day * DAY))
    return outcomes


@pytest.mark.parametrize("status", ["5.2.2", "4.4.7", "5.2.1"])
async def test_a_mailbox_that_fails_for_two_weeks_ends(engine: AsyncEngine, status: str) -> None:
    reader = await subscribed(engine)
    assert await daily(engine, reader.id, range(14), status) == [BounceOutcome.NOTED] * 14
    assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)
    assert await daily(engine, reader.id, range(14, 15), status) == [BounceOutcome.ENDED]
    assert await standing(engine, reader.id) == (SubscriberStatus.ENDED, f"bounced {status}")
    await returned_at(engine, reader.id, NOW + 15 * DAY)
    assert await daily(engine, reader.id, range(16, 17), status) == [BounceOutcome.NOTED]


async def test_a_mailbox_that_works_in_between_is_kept(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    await daily(engine, reader.id, range(8))
    assert await daily(engine, reader.id, range(20, 33)) == [BounceOutcome.NOTED] * 13
    assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)


async def readers_of(engine: AsyncEngine, *addresses: str) -> list[int]:
    return [(await subscribed(engine, address)).id for address in addresses]


async def returned(
    engine: AsyncEngine, numbers: list[int], diagnostic: str, day: int = 0
) -> list[BounceOutcome]:
    """Return the outcomes of reports of all of these with that diagnostic."""
    return [
        await take(
            engine,
            dsn(came_back_to(each), message_id=f"<{day}.{each}@x>", diagnostic=diagnostic),
            NOW + day * DAY,
        )
        for each in numbers
    ]


@pytest.mark.parametrize("count", [2, 3, 10])
async def test_what_comes_back_alike_from_many_counts_against_nobody_in_two_days_either(
    engine: AsyncEngine, count: int
) -> None:
    numbers = await readers_of(engine, *(f"reader{each}@{each % 4}.example" for each in range(count)))
    for day in range(2):
        outcomes = await returned(engine, numbers, "550 5.1.1 <x@y.example>: User unknown", day)
        assert outcomes[-1] in (BounceOutcome.OURS, BounceOutcome.NOTED)
    for each in numbers:
        assert await standing(engine, each) == (SubscriberStatus.ACTIVE, None)


async def test_unknown_users_among_many_readers_are_ended(engine: AsyncEngine) -> None:
    numbers = await readers_of(engine, *(f"reader{each}@{each % 4}.example" for each in range(43)))
    assert await returned(engine, numbers[:3], "550 5.1.1 <x@y>: User unknown") == [BounceOutcome.ENDED] * 3


async def test_a_domain_that_knows_none_of_its_users_for_a_day_ends_nobody(engine: AsyncEngine) -> None:
    there = await readers_of(engine, *(f"reader{each}@big.example" for each in range(6)))
    await readers_of(engine, *(f"reader{each}@other.example" for each in range(94)))
    await returned(engine, there, "550 5.1.1 The email account that you tried to reach does not exist")
    assert {await standing(engine, each) for each in there} == {(SubscriberStatus.ACTIVE, None)}


async def test_who_complained_is_not_subscribed_again_with_the_others(engine: AsyncEngine) -> None:
    numbers = await readers_of(engine, "a@a.example", "b@b.example", "c@c.example")
    unknown = "550 5.1.1 <x@y.example>: User unknown"
    await returned(engine, numbers[:1], unknown)
    await take(engine, complaint(came_back_to(numbers[1])))
    await returned(engine, numbers[1:], unknown)
    assert await standing(engine, numbers[0]) == (SubscriberStatus.ACTIVE, None)
    assert await standing(engine, numbers[1]) == (SubscriberStatus.ENDED, "complaint")


@pytest.mark.parametrize(
    "diagnostic",
    [
        "550 5.1.1 <x@y.example> - 192.0.2.1 has sent to too many recipients this hour",
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated",
        "554 5.1.1 Client host blocked using bl.example",
        "550 Mail content denied",
    ],
)
async def test_a_diagnostic_about_us_counts_for_nothing_and_is_told_once_several_came(
    engine: AsyncEngine, diagnostic: str
) -> None:
    numbers = await readers_of(engine, "a@a.example", "b@b.example", "c@c.example", "d@d.example")
    alerts = Alerts(engine, lambda: NOW)
    for day in range(20):
        assert await returned(engine, numbers[:1], diagnostic, day) == [BounceOutcome.NOTED]
    assert await standing(engine, numbers[0]) == (SubscriberStatus.ACTIVE, None)
    await apply_bounces.alert_of_refusals(engine, alerts, NOW)
    assert await alerts.lasting() == []
    await returned(engine, numbers, diagnostic, 30)
    await apply_bounces.alert_of_refusals(engine, alerts, NOW + 30 * DAY)
    [alert] = await alerts.lasting()
    assert (alert.kind, "@" in alert.reason) == (AlertKind.MAIL_RETURNED, False)
    await apply_bounces.alert_of_refusals(engine, alerts, NOW + 33 * DAY)
    assert await alerts.lasting() == []


@pytest.mark.parametrize(
    ("status", "action"),
    [("4.4.7", "delayed"), ("4.2.2", "delayed"), ("5.7.1", "failed"), ("5.0.0", "failed")],
)
async def test_what_is_late_or_refused_for_what_it_is_costs_nobody_the_subscription(
    engine: AsyncEngine, status: str, action: str
) -> None:
    reader = await subscribed(engine)
    for day in range(20):
        mail = dsn(came_back_to(reader.id), status=status, action=action, message_id=f"<{day}@x>")
        assert await take(engine, mail, NOW + day * DAY) is BounceOutcome.NOTED
    assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)
    assert len(await kept(engine)) == 20


async def test_the_same_report_changes_nothing_the_second_time_with_a_message_id_or_without(
    engine: AsyncEngine,
) -> None:
    reader = await subscribed(engine)
    for message_id in ("<same@x>", None):
        mail = dsn(came_back_to(reader.id), message_id=message_id)
        assert await take(engine, mail) is BounceOutcome.ENDED
        await returned_at(engine, reader.id, NOW)
        assert await take(engine, mail, NOW + DAY) is BounceOutcome.KNOWN
        assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)


async def test_the_same_report_in_two_processes_at_once_is_acted_on_once(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    outcomes = await asyncio.gather(*(take(engine, dsn(came_back_to(reader.id))) for _ in range(5)))
    assert sorted(outcomes) == [BounceOutcome.ENDED, *[BounceOutcome.KNOWN] * 4]


async def test_what_is_about_nobody_is_kept_aside(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    for mail in (
        dsn(came_back_to(reader.id + 1)),
        dsn("daily@papers.example", message_id="<2@x>"),
        letter(came_back_to(reader.id)),
        complaint(came_back_to(reader.id), kind="not-spam"),
    ):
        assert await take(engine, mail) is BounceOutcome.ASIDE
    assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)
    assert len(await kept(engine)) == 4
    assert {row[0] for row in await kept(engine)} == {None}


async def test_who_left_stays_so_whatever_comes_back_later(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    await take(engine, letter(leave_to(reader.id)))
    assert await take(engine, dsn(came_back_to(reader.id))) is BounceOutcome.NOTED
    assert await take(engine, complaint(came_back_to(reader.id))) is BounceOutcome.NOTED
    assert await standing(engine, reader.id) == (SubscriberStatus.LEFT, None)


async def test_reports_are_forgotten_after_a_year(engine: AsyncEngine) -> None:
    await take(engine, dsn(message_id="<old@x>"))
    await take(engine, dsn(message_id="<new@x>"), NOW + 30 * DAY)
    await apply_bounces.forget_old(engine, NOW + 370 * DAY)
    assert len(await kept(engine)) == 1
