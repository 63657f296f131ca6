"""A single delivery of everything due, for the commands `run` and `deliver`.

`run` delivers while it makes editions: a language that is ready waits for no other, nor one channel for another.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

from bot import channel_setup, scheduler
from bot.channel_setup import Intervals
from bot.container import App
from bot.core.models import AlertKind, Sending
from bot.db import campaigns, deliveries
from bot.delivery import fanout, resuming
from bot.delivery.channel import Channel
from bot.delivery.worker import DeliveryWorker
from bot.links import open_links
from bot.mail.channel import Mail
from bot.settings import Settings
from bot.telegram.channel import TelegramChannel
from digest.core.errors import DigestError
from digest.db import editions
from digest.db import engine as database
from digest.db.locks import BusyError

_PAUSE = timedelta(minutes=1)  # like the first pause of `serve` (`resuming`)
_RHYTHM = Intervals(patience_seconds=600)  # what is due stays due for the next run
_Opened = AbstractAsyncContextManager[tuple[Channel, DeliveryWorker]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The state of the deliveries of some editions.

    `elsewhere` tells whether another process sends on a channel; it then sends what is due there. `faults` are the
    reasons why channels send nothing.
    """

    days: tuple[date, ...]
    states: Counter[Sending] = field(default_factory=Counter)
    elsewhere: bool = False
    faults: tuple[DigestError, ...] = ()


@dataclass
class Courier:
    """Sends due deliveries, each time it is woken and once at the end.

    Channels do not wait for each other. A channel that refuses us is tried again only at the end, if a minute has
    passed; its deliveries stay due for the next run.
    """

    app: App
    settings: Settings
    elsewhere: bool = field(init=False, default=False)
    _faults: dict[str, DigestError] = field(init=False, default_factory=dict)
    _changed: list[asyncio.Event] = field(init=False, default_factory=list)
    _ending: bool = field(init=False, default=False)

    def wake(self) -> None:
        """Send new deliveries."""
        for changed in self._changed:
            changed.set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Send while the block runs, and finish once nothing is due, also after an exception in the block."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            await asyncio.sleep(0)  # until it can be woken
            try:
                yield
            finally:
                self._ending = True
                self.wake()

    async def delivered(self, days: list[date]) -> Delivered:
        """Return the state of the deliveries of `days`."""
        states: Counter[Sending] = Counter()
        async with database.reading(self.app.engine) as connection:
            for day in days:
                campaign = await campaigns.of_day(connection, day)
                states.update(await deliveries.counts(connection, campaign.id) if campaign else {})
        return Delivered(tuple(days), states, self.elsewhere, tuple(self._faults.values()))

    async def _send(self) -> None:
        channels = _channels(self.app, self.settings)
        self._changed = [asyncio.Event() for _ in channels]
        async with asyncio.TaskGroup() as group:
            for changed, (name, opened) in zip(self._changed, channels.items(), strict=True):
                group.create_task(self._send_on(name, opened, changed))
        await resuming.alert_of_unknown(self.app.engine, self.app.alerts, self.app.clock())
        # Rows have the time of --at: what this run delivers is not old, however long ago that was.
        await scheduler.prune(self.app.engine, min(self.app.clock(), self.app.wall_clock()))

    async def _send_on(self, name: str, opened: Callable[[], _Opened], changed: asyncio.Event) -> None:
        """Send on one channel. The outbox lives as long as the run, with all that it has learned about the channel."""
        outbox: DeliveryWorker | None = None
        refused_at: datetime | None = None
        is_last = False
        async with AsyncExitStack() as stack:
            while not is_last:
                await changed.wait()
                changed.clear()
                is_last = self._ending
                now = self.app.clock()
                if refused_at is not None and not (is_last and now - refused_at >= _PAUSE):
                    continue
                try:
                    if outbox is None:
                        outbox = (await stack.enter_async_context(opened()))[1]
                    await self._drain(name, outbox)
                    refused_at = None
                except BusyError:
                    self.elsewhere = True
                except DigestError as error:
                    self._faults[name] = error
                    refused_at = self.app.clock() if outbox is None or outbox.is_refused else None
                    await self.app.alerts.raise_(AlertKind.CHANNEL_PAUSED, name, str(error))

    async def _drain(self, name: str, outbox: DeliveryWorker) -> None:
        self._faults.pop(name, None)
        outbox.has_sent.clear()
        await outbox.drain()
        if outbox.has_sent.is_set():
            await self.app.alerts.resolve(AlertKind.CHANNEL_PAUSED, name)


async def deliver_day(app: App, settings: Settings, day: date) -> Delivered:
    """Send what is still due of the edition of `day`. Raises DigestError if there is none.

    An edition that was never delivered goes to everybody as if it were today's, however old it is.
    """
    channel_setup.require_channel(settings)
    async with database.reading(app.engine) as connection:
        if await editions.find(connection, day) is None:
            raise DigestError(f"There is no edition of {day}.")
    now, calendar = app.clock(), app.plan.calendar
    anchor = max(calendar.anchor(day), calendar.anchor(calendar.due(now)))
    await fanout.open_edition(app.engine, day, anchor, now)
    courier = Courier(app, settings)
    async with courier.at_work():
        pass
    return await courier.delivered([day])


def _channels(app: App, settings: Settings) -> dict[str, Callable[[], _Opened]]:
    found: dict[str, Callable[[], _Opened]] = {}
    if settings.telegram_bot_token is not None:
        found[TelegramChannel.name] = partial(channel_setup.telegram, app, settings, _RHYTHM)
    links = open_links(settings, app.clock)
    if settings.smtp_host is not None and links is not None:
        found[Mail.name] = partial(channel_setup.mail, app, settings, links, _RHYTHM)
    return found
