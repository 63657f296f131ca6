"""An outbox that lives on: behind another process that sends, and over the pauses of a channel that is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot.outbox import ChannelError, Outbox
from digest.store.exclusive import BusyError

_log = structlog.get_logger()
_BUSY_SECONDS = 15.0  # until the other process that sends may be done
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60.0, 1800.0

Alert = Callable[[str], Awaitable[None]]
"""Tells the operator a sentence."""


async def send_until(stop: asyncio.Event, outbox: Outbox) -> None:
    """Sends until `stop`; what is in flight ends then. Another process that sends at the time has its way first.

    Raises ChannelError, StoreError.
    """
    stopping = asyncio.create_task(_close_on(stop, outbox))
    try:
        while not stop.is_set():
            try:
                await outbox.run()
            except BusyError:
                _log.info("another_process_sends", channel=outbox.channel.name)
                await _wait(stop, _BUSY_SECONDS)
    finally:
        stopping.cancel()


async def keep_sending(
    stop: asyncio.Event, outbox: Outbox, alert: Alert, *, first_pause_seconds: float = _FIRST_PAUSE_SECONDS
) -> None:
    """The same, whatever the channel says: while it is refused, nothing but this channel pauses. Raises StoreError.

    A refusal is told once, and again only after the channel has worked for longer than the longest pause, or where it
    says something else. Pauses double.
    """
    loop = asyncio.get_running_loop()
    pause, told = first_pause_seconds, ""
    while not stop.is_set():
        began = loop.time()
        try:
            await send_until(stop, outbox)
        except ChannelError as error:
            if loop.time() - began > _LONGEST_PAUSE_SECONDS:
                pause, told = first_pause_seconds, ""
            _log.error("channel_paused", channel=outbox.channel.name, error=str(error), seconds=pause)
            if str(error) != told:
                await alert(str(error))
                told = str(error)
            await _wait(stop, pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


async def _close_on(stop: asyncio.Event, outbox: Outbox) -> None:
    await stop.wait()
    outbox.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
