"""When: a tick a minute asks the tables and the calendar what is due, and has it done.

APScheduler only ticks. It keeps nothing, so nothing is lost with it; a tick that comes late, twice or not at all
changes no more than the moment.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot import day, fanout
from bot.app import App
from bot.day import Work
from bot.models import Alarm, Trouble
from bot.store import asks, deliveries, dispatches, signups, updates
from digest.calendar import Calendar
from digest.collection import Pause, Standing
from digest.errors import DigestError
from digest.models import ClosedEdition, Window
from digest.store import editions, fulltexts
from digest.store import engine as database

BETWEEN_TRIES = timedelta(minutes=30)
"""Between two runs of work that is due and not done: an edition whose batch does not show, a text that is not there."""
_log = structlog.get_logger()


@dataclass
class Schedule:
    """Has editions made and given out as their time comes.

    `alert` tells the operators, `wake` that there is something to send.
    """

    app: App
    alert: Callable[[Alarm], Awaitable[None]]
    wake: Callable[[], None]
    pause: Pause
    _tried_at: datetime | None = field(init=False, default=None)
    _pruned_on: date | None = field(init=False, default=None)
    _said: set[tuple[date, Alarm]] = field(init=False, default_factory=set)

    def start(self, tick_seconds: float) -> AsyncIOScheduler:
        """Begins to tick; the caller ends it."""
        scheduler = AsyncIOScheduler(timezone="UTC")
        scheduler.add_job(
            self.tick,
            "interval",
            seconds=tick_seconds,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        scheduler.start()
        return scheduler

    async def tick(self) -> None:
        """Does what is due. No fault of one tick keeps the next from coming."""
        try:
            await self._tick()
        except DigestError as error:
            _log.error("edition_failed", error=str(error))
            await self._alert(Alarm(Trouble.FAILED, reason=str(error)))
        except Exception:  # noqa: BLE001 - the edge of what one tick can do
            _log.exception("tick_failed")
            await self._alert(Alarm(Trouble.BROKEN))

    async def _tick(self) -> None:
        now = self.app.clock()
        await self._prune(now)
        calendar = self.app.plan.calendar
        async with database.reading(self.app.engine) as connection:
            last = await editions.last(connection)
            incomplete = await editions.incomplete(connection)
        if is_quiet(calendar, last, now):
            await fanout.open_quiet_day(
                self.app.engine, calendar.due(now), calendar.anchor(calendar.due(now)), now
            )
        recently = self._tried_at is not None and now - self._tried_at < BETWEEN_TRIES
        if recently or not (incomplete or has_open_day(calendar, last, now)):
            return
        self._tried_at = now
        made = await day.work(self.app, now, lambda _: None, self._paused)
        await give_out(self.app, made)
        self.wake()
        await self._tell(made)

    async def _prune(self, now: datetime) -> None:
        """Deletes what is not kept any longer, once a day."""
        if now.date() != self._pruned_on:
            async with database.writing(self.app.engine) as connection:
                await updates.prune(connection, now)
                await asks.prune(connection, now)
                await signups.prune(connection, now)
                await deliveries.prune(connection, now)
                await dispatches.prune_texts(connection, now)
            self._pruned_on = now.date()

    async def _paused(self, time: timedelta) -> datetime:
        """What is made goes out before arXiv is waited for."""
        await _give_out_recent(self.app)
        self.wake()
        return await self.pause(time)

    async def _tell(self, made: Work) -> None:
        if made.outcome.standing is Standing.MISSING:
            await self._alert(Alarm(Trouble.MISSING, str(made.outcome.day)))
        if made.outcome.overdue:
            await self._alert(Alarm(Trouble.OVERDUE, str(made.outcome.overdue)))
        if made.unexplained:
            await self._alert(Alarm(Trouble.UNEXPLAINED, str(len(made.unexplained))))
        async with database.reading(self.app.engine) as connection:
            hiding = await fulltexts.with_orders(connection, self.app.clock() - timedelta(days=1))
        for version in hiding:
            await self._alert(Alarm(Trouble.ORDERS, str(version)))

    async def _alert(self, alarm: Alarm) -> None:
        """Each alarm once a day."""
        said = (self.app.clock().date(), alarm)
        if said not in self._said:
            self._said = {each for each in self._said if each[0] == said[0]} | {said}
            _log.warning("alarm", trouble=alarm.trouble, about=alarm.about)
            await self.alert(alarm)


def has_open_day(calendar: Calendar, last: ClosedEdition | None, now: datetime) -> bool:
    """Whether a batch was announced for an edition that is due and not closed. Pure."""
    due = calendar.due(now)
    if last is None:
        return True
    return last.date < due and bool(calendar.batches(Window(last.window.end, calendar.anchor(due))))


def is_quiet(calendar: Calendar, last: ClosedEdition | None, now: datetime) -> bool:
    """Whether the present day has no edition because arXiv announced nothing for it. Pure."""
    due = calendar.due(now)
    return last is not None and last.date < due and not calendar.batches(calendar.window_of(due))


async def give_out(app: App, made: Work) -> None:
    """A delivery to each subscriber of each edition that was closed; where a crash kept that back, of the recent."""
    now, calendar = app.clock(), app.plan.calendar
    await _give_out_recent(app)
    for closed in made.outcome.closed:
        await fanout.open_edition(app.engine, closed.date, calendar.anchor(closed.date), now)
    if made.outcome.standing in (Standing.NO_BATCH, Standing.NOTHING):
        await fanout.open_quiet_day(app.engine, made.outcome.day, calendar.anchor(made.outcome.day), now)


async def _give_out_recent(app: App) -> None:
    now, calendar = app.clock(), app.plan.calendar
    due = calendar.due(now)
    async with database.reading(app.engine) as connection:
        days = await editions.between(connection, due - timedelta(days=1), due)
    for each in days:
        await fanout.open_edition(app.engine, each, calendar.anchor(each), now)
