"""Alerts about messages with unknown delivery: one for each campaign."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.alerting.alerts import Alerts
from bot.core.models import AlertKind, Dispatch
from bot.db import deliveries, dispatches, unknown_messages
from digest.core.errors import StoreError
from digest.db import engine as database

_log = structlog.get_logger()
_RECENT = timedelta(days=1)  # older ones were alerted, or are known from /status
_PATIENCE = timedelta(hours=1)  # for a campaign that does not finish


async def watch(
    engine: AsyncEngine, alerts: Alerts, clock: Callable[[], datetime], look_seconds: float
) -> None:
    """Check for such messages forever, every `look_seconds`."""
    while True:
        try:
            await alert(engine, alerts, clock())
        except StoreError as error:
            _log.error("unknown_messages_not_read", error=str(error))
        await asyncio.sleep(look_seconds)


async def alert(engine: AsyncEngine, alerts: Alerts, at: datetime) -> None:
    """Alert the operator of each campaign with unknown messages once nothing more of it is due now.

    Their number is then final. /resend offers to send them again.
    """
    async with database.reading(engine) as connection:
        recent = await unknown_messages.of_recent(connection, at - _RECENT)
        counts = await unknown_messages.counts(connection) if recent else {}
        over = [
            number
            for number, last in recent.items()
            if last < at - _PATIENCE or not await deliveries.is_under_way(connection, number, at)
        ]
        found = {number: await dispatches.find(connection, number) for number in over}
    for number, dispatch in found.items():
        if dispatch is not None:
            await alerts.raise_(AlertKind.SENDS_UNKNOWN, name(dispatch), str(counts[number]))


def name(dispatch: Dispatch) -> str:
    """Return the name of a campaign for the operator: its day or its id."""
    return str(dispatch.edition_date or f"#{dispatch.id}")
