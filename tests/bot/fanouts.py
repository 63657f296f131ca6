"""A fan-out to all subscribers in one transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Campaign, Subject
from bot.db import campaigns, fanouts
from bot.db.fanouts import When


async def fan_out(connection: AsyncConnection, campaign: Campaign, when: When, at: datetime) -> int:
    """Create the deliveries of `campaign`, due at `when`, and return how many."""
    known = await campaigns.fanout(connection, campaign.id)
    everyone = await fanouts.segment(connection, 0, 1_000)
    assert known is not None
    assert everyone is not None
    return await fanouts.create_deliveries(
        connection,
        campaign,
        when,
        at,
        quiet=campaign.subject is Subject.QUIET,
        among=everyone,
        joined_until=known.joined_until,
    )
