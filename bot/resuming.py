"""An outbox that lives on: behind another process that sends, and over the pauses of a channel that is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot import outages
from bot.alerts import Alerts
from bot.models import AlertKind
from bot.outbox import ChannelError, Outbox
from digest.errors import StoreUnavailableError
from digest.store.exclusive import BusyError

_log = structlog.get_logger()
_BUSY_SECONDS = 15.0  # until the other process that sends may be done
_LONGEST_PAUSE_SECONDS = 1800.0


async def send_until(stop: asyncio.Event, outbox: Outbox) -> None:
    """Sends until `stop`; what is in flight ends then. Another process that sends at the time has its way first.

    A database that is out of reach is waited for. Raises ChannelError, StoreError.
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
    stop: asyncio.Event, outbox: Outbox, alerts: Alerts, *, first_pause_seconds: float
) -> None:
    """Sends as `send_until` does, and pauses where the channel is refused; nothing else pauses. Raises StoreError.

    The operator is alerted until something was sent again.
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
    """Does `work` until `stop`: where the `channel` is refused, the operator is alerted, and it begins again later.

    Pauses double, until the channel has worked for longer than the longest of them. Where it must not pause, the
    ChannelError is raised; so is what else `work` raises.
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


async def _resolve_once_sent(outbox: Outbox, alerts: Alerts) -> None:
    """Also what a process before this one raised."""
    await outbox.has_sent.wait()
    await alerts.resolve(AlertKind.CHANNEL_PAUSED, outbox.channel.name)


async def _close_on(stop: asyncio.Event, outbox: Outbox) -> None:
    await stop.wait()
    outbox.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
