"""Subscribers of the newsletter, and editions that went to them."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import ChatKind, Consent, Preferences, Subject, Subscriber, SubscriberStatus
from bot.db import campaigns, deliveries, subscribers
from digest.db.engine import reading, writing
from tests.bot.db.test_people import SHANGHAI, TODAY
from tests.bot.fanouts import fan_out
from tests.bot.mail.reports import NOW

DAY = timedelta(days=1)
READER = Subscriber(
    0,
    "mail",
    "reader@example.org",
    ChatKind.MAILBOX,
    Preferences("en"),
    SHANGHAI,
    SubscriberStatus.ACTIVE,
    consent=Consent(NOW - 100 * DAY, "form"),
)


async def subscribed(engine: AsyncEngine, address: str = READER.address) -> Subscriber:
    """Add a mailbox that is subscribed to the newsletter."""
    async with writing(engine) as connection:
        return await subscribers.add(connection, replace(READER, address=address), NOW)


async def delivered(engine: AsyncEngine, day: date = TODAY) -> list[int]:
    """Return the numbers of the deliveries of an edition to all."""
    async with writing(engine) as connection:
        campaign = await campaigns.open_(connection, Subject.EDITION, day, NOW, NOW)
        assert campaign is not None
        await fan_out(connection, campaign, lambda _hour, _zone: NOW, NOW)
        return [each.id for each in await deliveries.due(connection, "mail", NOW, 100)]


async def standing(engine: AsyncEngine, number: int) -> tuple[SubscriberStatus, str | None]:
    """Return the status of a subscription and its reason."""
    async with reading(engine) as connection:
        found = await subscribers.get(connection, number)
    assert found is not None
    return found.status, found.reason


async def returned_at(engine: AsyncEngine, number: int, at: datetime) -> None:
    """Subscribe the subscriber once more."""
    async with writing(engine) as connection:
        await subscribers.change(
            connection,
            number,
            lambda reader: replace(
                reader, status=SubscriberStatus.ACTIVE, reason=None, consent=Consent(at, "form")
            ),
            at,
        )
