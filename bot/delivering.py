"""One delivery of all that is due, for the commands that end: `run` and `deliver`.

`run` sends while it makes: who reads a language that is ready waits for no other, nor one channel for the other.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date

from bot import fanout, outboxes, pruning, unknown_messages
from bot.app import App
from bot.channels import Channel
from bot.chat.sending import Outgoing
from bot.links import open_links
from bot.mail.channel import Mail
from bot.models import AlertKind, Sending
from bot.outbox import ChannelError, Outbox
from bot.outboxes import Rhythm
from bot.settings import Settings
from bot.store import deliveries, dispatches
from digest.errors import DigestError
from digest.store import editions
from digest.store import engine as database
from digest.store.exclusive import BusyError

_RHYTHM = Rhythm(patience_seconds=600)  # what is due stays due for the next run
_Opened = AbstractAsyncContextManager[tuple[Channel, Outbox]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it stands with the deliveries of the editions that were looked at.

    `elsewhere` is whether another process sends on a channel: what is due there is due for it. `faults` are why a
    channel sends nothing.
    """

    days: tuple[date, ...]
    states: Counter[Sending] = field(default_factory=Counter)
    elsewhere: bool = False
    faults: tuple[DigestError, ...] = ()


@dataclass
class Courier:
    """Sends what is due, each time that it is woken and once at the end."""

    app: App
    settings: Settings
    elsewhere: bool = field(init=False, default=False)
    _faults: dict[str, DigestError] = field(init=False, default_factory=dict)
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _ending: bool = field(init=False, default=False)

    def wake(self) -> None:
        """There is something new to send."""
        self._changed.set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Sends while the block runs, and ends once nothing is due; whoever leaves it by an exception waits too."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            try:
                yield
            finally:
                self._ending = True
                self._changed.set()

    async def delivered(self, days: list[date]) -> Delivered:
        """What became of the deliveries of `days`."""
        states: Counter[Sending] = Counter()
        async with database.reading(self.app.engine) as connection:
            for day in days:
                dispatch = await dispatches.of_day(connection, day)
                states.update(await deliveries.counts(connection, dispatch.id) if dispatch else {})
        return Delivered(tuple(days), states, self.elsewhere, tuple(self._faults.values()))

    async def _send(self) -> None:
        is_last = False
        while not is_last:
            await self._changed.wait()
            self._changed.clear()
            is_last = self._ending
            channels = _channels(self.app, self.settings)
            await asyncio.gather(*(self._drain(name, opened) for name, opened in channels.items()))
        await unknown_messages.alert(self.app.engine, self.app.alerts, self.app.clock())
        # Rows bear the time that --at stands for: what this run gives out is not old, however long ago that was.
        await pruning.prune(self.app.engine, min(self.app.clock(), self.app.wall_clock()))

    async def _drain(self, name: str, opened: _Opened) -> None:
        """One channel's trouble keeps nothing from the other."""
        self._faults.pop(name, None)
        try:
            async with opened as (_, outbox):
                await _send_all(outbox)
                if outbox.has_sent.is_set():
                    await self.app.alerts.resolve(AlertKind.CHANNEL_PAUSED, name)
        except BusyError:
            self.elsewhere = True
        except DigestError as error:
            self._faults[name] = error
            await self.app.alerts.raise_(AlertKind.CHANNEL_PAUSED, name, str(error))


async def deliver_day(app: App, settings: Settings, day: date) -> Delivered:
    """Sends what is still due of the edition of `day`. Raises DigestError where there is none.

    One that was never given out goes to everybody as if it were the present day's, however old it is.
    """
    outboxes.require_channel(settings)
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


async def _send_all(outbox: Outbox) -> None:
    """Sends all that is due. Raises ChannelError, BusyError, StoreError.

    What one recipient meets may be about them alone: others are tried, as long as somebody is served in between.
    """
    stuck = 0
    while True:
        sent = outbox.sent
        try:
            return await outbox.drain()
        except ChannelError as error:
            stuck = 0 if outbox.sent > sent else stuck + 1
            if not error.is_answer or stuck > 1:
                raise


def _channels(app: App, settings: Settings) -> dict[str, _Opened]:
    found: dict[str, _Opened] = {}
    if settings.telegram_bot_token is not None:
        found[Outgoing.name] = outboxes.telegram(app, settings, _RHYTHM)
    links = open_links(settings, app.clock)
    if settings.smtp_host is not None and links is not None:
        found[Mail.name] = outboxes.mail(app, settings, links, _RHYTHM)
    return found
