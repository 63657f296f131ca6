"""What mail that came back does to subscriptions, on both databases."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.mail import consequences
from bot.mail.consequences import Outcome
from bot.models import Standing
from bot.store.tables import bounces
from digest.store.engine import reading
from tests.bot.mail.readers import DAY, delivered, returned_at, standing, subscribed
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


async def take(engine: AsyncEngine, mail: bytes, at: datetime = NOW) -> Outcome:
    return await consequences.take(engine, mail, LINKS, at)


async def kept(engine: AsyncEngine) -> list[tuple[object, ...]]:
    columns = bounces.c
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(columns.subscriber_id, columns.kind, columns.detail).order_by(columns.message_id)
        )
        return [tuple(row) for row in rows]


async def test_a_mailbox_that_is_gone_ends_its_subscription_at_once_and_no_other(engine: AsyncEngine) -> None:
    reader, other = await subscribed(engine), await subscribed(engine, "other@example.org")
    assert await take(engine, dsn(came_back_to(reader.id))) is Outcome.ENDED
    assert await standing(engine, reader.id) == (Standing.ENDED, "bounced 5.1.1")
    assert await standing(engine, other.id) == (Standing.ACTIVE, None)
    assert await kept(engine) == [(reader.id, "gone", "5.1.1")]


async def test_the_original_message_id_leads_to_the_subscriber_too(engine: AsyncEngine) -> None:
    await subscribed(engine, "other@example.org")
    reader = await subscribed(engine)
    _, delivery = await delivered(engine)
    assert await take(engine, dsn(returned=original(delivery))) is Outcome.ENDED
    assert await standing(engine, reader.id) == (Standing.ENDED, "bounced 5.1.1")


async def test_a_complaint_ends_the_subscription_with_its_reason(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    assert await take(engine, complaint(came_back_to(reader.id))) is Outcome.ENDED
    assert await standing(engine, reader.id) == (Standing.ENDED, "complaint")


async def test_who_leaves_by_mail_has_left_even_where_a_machine_says_it_twice(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    assert await take(engine, letter(leave_to(reader.id))) is Outcome.LEFT
    assert await standing(engine, reader.id) == (Standing.LEFT, None)
    assert await take(engine, letter(leave_to(reader.id))) is Outcome.KNOWN
    await returned_at(engine, reader.id, NOW)
    assert await take(engine, letter(leave_to(reader.id))) is Outcome.KNOWN
    assert await standing(engine, reader.id) == (Standing.ACTIVE, None)


async def test_a_mailbox_that_refuses_on_two_days_ends_and_one_that_repeats_itself_does_not(
    engine: AsyncEngine,
) -> None:
    reader = await subscribed(engine)

    async def refuses(message_id: str, at: datetime) -> Outcome:
        return await take(
            engine, dsn(came_back_to(reader.id), status="5.2.2", message_id=f"<{message_id}@x>"), at
        )

    assert await refuses("1", NOW) is Outcome.NOTED
    assert await refuses("2", NOW + timedelta(hours=3)) is Outcome.NOTED
    assert await refuses("1", NOW + DAY) is Outcome.KNOWN
    assert await refuses("3", NOW + 20 * DAY) is Outcome.NOTED
    assert await standing(engine, reader.id) == (Standing.ACTIVE, None)
    assert await refuses("4", NOW + 24 * DAY) is Outcome.ENDED
    assert await standing(engine, reader.id) == (Standing.ENDED, "bounced 5.2.2")
    await returned_at(engine, reader.id, NOW + 25 * DAY)
    assert await refuses("5", NOW + 26 * DAY) is Outcome.NOTED


@pytest.mark.parametrize(
    ("status", "action"), [("4.4.1", "failed"), ("4.2.2", "delayed"), ("5.7.1", "failed")]
)
async def test_what_is_late_or_refused_for_what_it_is_costs_nobody_the_subscription(
    engine: AsyncEngine, status: str, action: str
) -> None:
    reader = await subscribed(engine)
    for day in range(5):
        mail = dsn(came_back_to(reader.id), status=status, action=action, message_id=f"<{day}@x>")
        assert await take(engine, mail, NOW + day * DAY) is Outcome.NOTED
    assert await standing(engine, reader.id) == (Standing.ACTIVE, None)
    assert len(await kept(engine)) == 5


async def test_the_same_report_changes_nothing_the_second_time_with_a_message_id_or_without(
    engine: AsyncEngine,
) -> None:
    reader = await subscribed(engine)
    for message_id in ("<same@x>", None):
        mail = dsn(came_back_to(reader.id), message_id=message_id)
        assert await take(engine, mail) is Outcome.ENDED
        await returned_at(engine, reader.id, NOW)
        assert await take(engine, mail, NOW + DAY) is Outcome.KNOWN
        assert await standing(engine, reader.id) == (Standing.ACTIVE, None)


async def test_the_same_report_in_two_processes_at_once_is_acted_on_once(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    outcomes = await asyncio.gather(*(take(engine, dsn(came_back_to(reader.id))) for _ in range(5)))
    assert sorted(outcomes) == [Outcome.ENDED, *[Outcome.KNOWN] * 4]


async def test_what_is_about_nobody_is_kept_aside(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    for mail in (
        dsn(came_back_to(reader.id + 1)),
        dsn("daily@papers.example", message_id="<2@x>"),
        letter(came_back_to(reader.id)),
        complaint(came_back_to(reader.id), kind="not-spam"),
    ):
        assert await take(engine, mail) is Outcome.ASIDE
    assert await standing(engine, reader.id) == (Standing.ACTIVE, None)
    assert len(await kept(engine)) == 4
    assert {row[0] for row in await kept(engine)} == {None}


async def test_who_left_stays_so_whatever_comes_back_later(engine: AsyncEngine) -> None:
    reader = await subscribed(engine)
    await take(engine, letter(leave_to(reader.id)))
    assert await take(engine, dsn(came_back_to(reader.id))) is Outcome.NOTED
    assert await take(engine, complaint(came_back_to(reader.id))) is Outcome.NOTED
    assert await standing(engine, reader.id) == (Standing.LEFT, None)


async def test_reports_are_forgotten_after_a_year(engine: AsyncEngine) -> None:
    await take(engine, dsn(message_id="<old@x>"))
    await take(engine, dsn(message_id="<new@x>"), NOW + 30 * DAY)
    await consequences.forget_old(engine, NOW + 370 * DAY)
    assert len(await kept(engine)) == 1
