"""Keeps a delivery worker running: after another process that sends, and through pauses of a refused channel.

Alerts the operator once for each campaign that has messages with unknown delivery.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.alerts import Alerts
from bot.core.models import AlertKind, Campaign
from bot.db import campaigns, deliveries, unknown_messages
from bot.delivery import outages
from bot.delivery.worker import ChannelError, DeliveryWorker
from digest.core.errors import StoreError, StoreUnavailableError
from digest.db import engine as database
from digest.db.locks import BusyError

_log = structlog.get_logger()
_RECENT = timedelta(days=1)  # older ones were alerted, or are known from /status
_PATIENCE = timedelta(hours=1)  # for a campaign that does not finish


async def watch_unknown(
    engine: AsyncEngine, alerts: Alerts, clock: Callable[[], datetime], look_seconds: float
) -> None:
    """Check for such messages forever, every `look_seconds`."""
    while True:
        try:
            await alert_of_unknown(engine, alerts, clock())
        except StoreError as error:
            _log.error("unknown_messages_not_read", error=str(error))
        await asyncio.sleep(look_seconds)


async def alert_of_unknown(engine: AsyncEngine, alerts: Alerts, at: datetime) -> None:
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
        found = {number: await campaigns.find(connection, number) for number in over}
    for number, campaign in found.items():
        if campaign is not None:
            await alerts.raise_(AlertKind.SENDS_UNKNOWN, name_of_unknown(campaign), str(counts[number]))


def name_of_unknown(campaign: Campaign) -> str:
    """Return the name of a campaign for the operator: its day or its id."""
    return str(campaign.edition_date or f"#{campaign.id}")


_BUSY_SECONDS = 15.0  # until the other process may be done
_LONGEST_PAUSE_SECONDS = 1800.0


async def send_until(stop: asyncio.Event, outbox: DeliveryWorker) -> None:
    """Send until `stop`, and finish the messages in flight. Another process that is sending goes first.

    Outages of the database are waited out. Raises ChannelError and StoreError.
    """
    tries = 0
    stopping = asyncio.create_task(_close_on(stop, outbox))
    try:
        while not stop.is_set():
            try:
                await outbox.run()
            except BusyError:
                _log.info("another_process_sends", channel=outbox.channel.name)
                await _wait(stop, _BUSY_SECONDS)
            except StoreUnavailableError as error:
                outages.note(f"{outbox.channel.name} deliveries", error, tries)
                await _wait(stop, outages.pause_seconds(tries))
                tries += 1
    finally:
        stopping.cancel()


async def keep_sending(
    stop: asyncio.Event, outbox: DeliveryWorker, alerts: Alerts, *, first_pause_seconds: float
) -> None:
    """Send as `send_until` does, and pause while the channel is refused. Raises StoreError.

    An alert is open until something was sent again.
    """

    async def send() -> None:
        outbox.has_sent.clear()
        working = asyncio.create_task(_resolve_once_sent(outbox, alerts))
        try:
            await send_until(stop, outbox)
        finally:
            working.cancel()

    await with_pauses(stop, outbox.channel.name, alerts, send, first_pause_seconds=first_pause_seconds)


async def with_pauses(
    stop: asyncio.Event,
    channel: str,
    alerts: Alerts,
    work: Callable[[], Awaitable[None]],
    *,
    first_pause_seconds: float,
    may_pause: Callable[[], bool] = lambda: True,
) -> None:
    """Do `work` until `stop`. If the `channel` is refused, alert the operator and restart later.

    Pauses double, until the channel has worked for longer than the longest of them. Without `may_pause` the
    ChannelError is raised, as are other exceptions of `work`.
    """
    loop = asyncio.get_running_loop()
    pause = first_pause_seconds
    while not stop.is_set():
        began = loop.time()
        try:
            await work()
        except ChannelError as error:
            if not may_pause():
                raise
            if loop.time() - began > _LONGEST_PAUSE_SECONDS:
                pause = first_pause_seconds
            _log.error("channel_paused", channel=channel, error=str(error), seconds=pause)
            await alerts.raise_(AlertKind.CHANNEL_PAUSED, channel, str(error))
            await _wait(stop, pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


async def _resolve_once_sent(outbox: DeliveryWorker, alerts: Alerts) -> None:
    """Resolve the alert once something was sent, also one of an earlier process."""
    await outbox.has_sent.wait()
    await alerts.resolve(AlertKind.CHANNEL_PAUSED, outbox.channel.name)


async def _close_on(stop: asyncio.Event, outbox: DeliveryWorker) -> None:
    await stop.wait()
    outbox.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
