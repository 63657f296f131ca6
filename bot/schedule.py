"""When: a tick a minute asks the tables and the calendar what is due, and has it done.

APScheduler only ticks. It keeps nothing, so nothing is lost with it; a tick that comes late, twice or not at all
changes no more than the moment.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot import day, fanout, model_failures, pruning
from bot.app import App
from bot.day import Work
from bot.models import AlertKind
from digest import closing, collection
from digest.collection import Pause, Standing
from digest.errors import DigestError, ModelError, StoreUnavailableError
from digest.store import editions, fulltexts
from digest.store import engine as database
from digest.store.exclusive import BusyError

BETWEEN_TRIES = timedelta(minutes=30)
"""Between two runs of work that is due and not done: an edition whose batch does not show, a text that is not there."""
_RUNS = 8
"""At once: work on an edition may take longer than the time until the next one is due."""
_log = structlog.get_logger()


@dataclass
class Schedule:
    """Has editions made and given out as their time comes; `wake` tells that there is something to send."""

    app: App
    wake: Callable[[], None]
    pause: Pause
    _tried: tuple[date, datetime] | None = field(init=False, default=None)
    """The newest edition that was due when work was begun last, and when that was."""
    _working: set[date] = field(init=False, default_factory=set)
    """The editions that were due when the work that is under way was begun."""
    _upkeep: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _pruned_on: date | None = field(init=False, default=None)

    def start(self, tick_seconds: float) -> AsyncIOScheduler:
        """Begins to tick; the caller ends it."""
        scheduler = AsyncIOScheduler(timezone="UTC")
        scheduler.add_job(
            self.tick,
            "interval",
            seconds=tick_seconds,
            next_run_time=datetime.now(UTC),
            max_instances=_RUNS,
            coalesce=True,
            misfire_grace_time=None,
        )
        scheduler.start()
        return scheduler

    async def tick(self) -> None:
        """Does what is due. No fault of one tick keeps the next from coming."""
        try:
            await self._tick()
        except StoreUnavailableError as error:
            _log.warning("database_unavailable", waiting="schedule", error=str(error))
            self._tried = None  # the next tick goes on
        except BusyError as error:  # the other process does it, and tells
            _log.info("another_process_works", error=str(error))
            self._tried = None  # and may end before it is done
        except DigestError as error:
            _log.error("edition_failed", error=str(error))
            await self.app.alerts.raise_(AlertKind.EDITION_FAILED, reason=str(error))
        except Exception:  # noqa: BLE001 - the edge of what one tick can do
            _log.exception("tick_failed")
            await self.app.alerts.raise_(AlertKind.INTERNAL_ERROR)

    async def _tick(self) -> None:
        now = self.app.clock()
        if not self._upkeep.locked():
            async with self._upkeep:
                await self._keep_up(now)
        due = self.app.plan.calendar.due(now)
        if not self._may_begin(due, now):
            return
        self._working.add(due)
        try:
            if await self._has_work(now):
                self._tried = due, now
                await self._work(now)
        finally:
            self._working.discard(due)

    async def _keep_up(self, now: datetime) -> None:
        """Does what waits for no edition."""
        await self._prune(now)
        await fanout.resume(self.app.engine, now)
        await self._ready()  # what was kept back before
        calendar = self.app.plan.calendar
        async with database.reading(self.app.engine) as connection:
            last = await editions.last(connection)
        if closing.is_quiet(calendar, last, now):
            due = calendar.due(now)
            await fanout.open_quiet_day(self.app.engine, due, calendar.anchor(due), now)

    def _may_begin(self, due: date, now: datetime) -> bool:
        """Whether work may begin where `due` is the newest edition that is due.

        Neither a try of a moment ago nor work on an earlier edition keeps one from being begun when it falls due.
        """
        if due in self._working:
            return False
        return self._tried is None or self._tried[0] != due or now - self._tried[1] >= BETWEEN_TRIES

    async def _has_work(self, now: datetime) -> bool:
        """Whether an edition is open, or lacks something that can come."""
        async with database.reading(self.app.engine) as connection:
            last = await editions.last(connection)
            incomplete = set(await editions.incomplete(connection)) - self.app.editions.parts
        calendar = self.app.plan.calendar
        return (
            bool(incomplete)
            or closing.has_open_day(calendar, last, now)
            or await collection.awaits_feed(self.app.engine, calendar, now)
        )

    async def _work(self, now: datetime) -> None:
        made = await day.work(self.app, now, lambda _: None, self._paused, self._ready)
        await give_out_quiet(self.app, made)
        await self.app.alerts.resolve(AlertKind.INTERNAL_ERROR)
        await alert(self.app, made)

    async def _prune(self, now: datetime) -> None:
        """Deletes what is not kept any longer, once a day."""
        if now.date() != self._pruned_on and await pruning.prune(self.app.engine, now):
            self._pruned_on = now.date()

    async def _paused(self, time: timedelta) -> datetime:
        """What is made goes out before arXiv is waited for."""
        await self._ready()
        return await self.pause(time)

    async def _ready(self) -> None:
        if await give_out(self.app):
            self.wake()


async def give_out(app: App) -> bool:
    """A delivery to each subscriber of each edition that is made in their language, and was never given out to them.

    Also where it is older than yesterday's: what an outage kept back goes out with the present day's, while it is no
    older than a delivery may become. Gives whether there was anything.
    """
    now, calendar = app.clock(), app.plan.calendar
    today = calendar.due(now)
    async with database.reading(app.engine) as connection:
        wanted = await fanout.languages_to_give(connection, today - fanout.LIFETIME)
        made = await editions.languages(connection, wanted.keys())
    opened = []
    for each, languages in wanted.items():
        ready = None if editions.ALL in made[each] else languages & made[each]
        anchor = max(calendar.anchor(each), calendar.anchor(today))
        opened.append(await fanout.open_edition(app.engine, each, anchor, now, ready))
    return any(opened)


async def give_out_quiet(app: App, made: Work) -> None:
    """A delivery to each who asked for a line on days without papers, where this is one."""
    now, day = app.clock(), made.outcome.day
    if made.outcome.standing in (Standing.NO_BATCH, Standing.NOTHING):
        await fanout.open_quiet_day(app.engine, day, app.plan.calendar.anchor(day), now)


async def alert(app: App, made: Work) -> ModelError | None:
    """Has the operator hear of what a run met, and of what it met no more; gives the fault of the model, if any."""
    missing = [made.outcome.overdue] if made.outcome.overdue else []
    if made.outcome.standing is Standing.MISSING:
        missing.append(made.outcome.day)
    unexplained = {"": str(len(made.unexplained))} if made.unexplained else {}
    await app.alerts.resolve(AlertKind.EDITION_FAILED)
    await app.alerts.update(AlertKind.EDITION_MISSING, {str(day): "" for day in missing})
    await app.alerts.update(AlertKind.PAPERS_UNEXPLAINED, unexplained)
    untranslated = await model_failures.of(app, made.news)
    if untranslated is not None or made.news:
        failed = {} if untranslated is None else {"": str(untranslated)}
        await app.alerts.update(AlertKind.MODEL_FAILED, failed)
    async with database.reading(app.engine) as connection:
        hiding = await fulltexts.with_orders(connection, app.clock() - timedelta(days=1))
    for version in hiding:
        await app.alerts.raise_(AlertKind.HIDDEN_INSTRUCTIONS, str(version))
    return untranslated
