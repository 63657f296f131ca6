"""One delivery of all that is due, for the commands that end: `run` and `deliver`.

`run` sends while it makes: who reads a language that is ready waits for no other, nor one channel for the other.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

from bot import fanout, outboxes, pruning, unknown_messages
from bot.app import App
from bot.channels import Channel
from bot.chat.sending import Outgoing
from bot.links import open_links
from bot.mail.channel import Mail
from bot.models import AlertKind, Sending
from bot.outbox import Outbox
from bot.outboxes import Rhythm
from bot.settings import Settings
from bot.store import deliveries, dispatches
from digest.errors import DigestError
from digest.store import editions
from digest.store import engine as database
from digest.store.exclusive import BusyError

_PAUSE = timedelta(minutes=1)  # as the first one of `serve` (`resuming`)
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
    """Sends what is due, each time that it is woken and once at the end.

    No channel waits for another. One that refuses us is left alone until the end, and then tried once more if a minute
    has gone by; what is due stays due for the next run.
    """

    app: App
    settings: Settings
    elsewhere: bool = field(init=False, default=False)
    _faults: dict[str, DigestError] = field(init=False, default_factory=dict)
    _changed: list[asyncio.Event] = field(init=False, default_factory=list)
    _ending: bool = field(init=False, default=False)

    def wake(self) -> None:
        """There is something new to send."""
        for changed in self._changed:
            changed.set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Sends while the block runs, and ends once nothing is due; whoever leaves it by an exception waits too."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            await asyncio.sleep(0)  # until it can be woken
            try:
                yield
            finally:
                self._ending = True
                self.wake()

    async def delivered(self, days: list[date]) -> Delivered:
        """What became of the deliveries of `days`."""
        states: Counter[Sending] = Counter()
        async with database.reading(self.app.engine) as connection:
            for day in days:
                dispatch = await dispatches.of_day(connection, day)
                states.update(await deliveries.counts(connection, dispatch.id) if dispatch else {})
        return Delivered(tuple(days), states, self.elsewhere, tuple(self._faults.values()))

    async def _send(self) -> None:
        channels = _channels(self.app, self.settings)
        self._changed = [asyncio.Event() for _ in channels]
        async with asyncio.TaskGroup() as group:
            for changed, (name, opened) in zip(self._changed, channels.items(), strict=True):
                group.create_task(self._send_on(name, opened, changed))
        await unknown_messages.alert(self.app.engine, self.app.alerts, self.app.clock())
        # Rows bear the time that --at stands for: what this run gives out is not old, however long ago that was.
        await pruning.prune(self.app.engine, min(self.app.clock(), self.app.wall_clock()))

    async def _send_on(self, name: str, opened: Callable[[], _Opened], changed: asyncio.Event) -> None:
        """The outbox lives as long as the run: what it has learned of the channel holds for all that is sent."""
        outbox: Outbox | None = None
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

    async def _drain(self, name: str, outbox: Outbox) -> None:
        self._faults.pop(name, None)
        outbox.has_sent.clear()
        await outbox.drain()
        if outbox.has_sent.is_set():
            await self.app.alerts.resolve(AlertKind.CHANNEL_PAUSED, name)


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


def _channels(app: App, settings: Settings) -> dict[str, Callable[[], _Opened]]:
    found: dict[str, Callable[[], _Opened]] = {}
    if settings.telegram_bot_token is not None:
        found[Outgoing.name] = partial(outboxes.telegram, app, settings, _RHYTHM)
    links = open_links(settings, app.clock)
    if settings.smtp_host is not None and links is not None:
        found[Mail.name] = partial(outboxes.mail, app, settings, links, _RHYTHM)
    return found
