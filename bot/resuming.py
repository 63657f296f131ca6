"""An outbox that lives on: while its channel is refused it pauses, tells somebody, and holds up nothing else."""

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


async def keep_sending(
    outbox: Outbox, stop: asyncio.Event, alert: Alert, *, first_pause_seconds: float = _FIRST_PAUSE_SECONDS
) -> None:
    """Sends until `stop`, whatever the channel says; what is in flight ends then. Raises StoreError.

    A refusal is told once, and again only after the channel has worked for longer than the longest pause, or where it
    says something else. Pauses double.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.create_task(_close_on(stop, outbox))
    pause, told = first_pause_seconds, ""
    try:
        while not stop.is_set():
            began = loop.time()
            try:
                await outbox.run()
            except BusyError:
                _log.info("another_process_sends", channel=outbox.channel.name)
                await _wait(stop, _BUSY_SECONDS)
            except ChannelError as error:
                if loop.time() - began > _LONGEST_PAUSE_SECONDS:
                    pause, told = first_pause_seconds, ""
                _log.error("channel_paused", channel=outbox.channel.name, error=str(error), seconds=pause)
                if str(error) != told:
                    await alert(str(error))
                    told = str(error)
                await _wait(stop, pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    finally:
        stopping.cancel()


async def _close_on(stop: asyncio.Event, outbox: Outbox) -> None:
    await stop.wait()
    outbox.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
