"""The scheduler: each tick asks the tables and the calendar what is due, and does it.

APScheduler only ticks and stores nothing. A late, repeated or missing tick changes nothing but the time. What is due
includes the deletion of expired data, in small transactions, and alerts about editions left untranslated.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot import daily_run
from bot.container import App
from bot.core.models import AlertKind
from bot.core.run_report import EditionCounts, RunReport
from bot.daily_run import Work
from bot.db import alerts, campaigns, deliveries, paper_requests, signups, telegram_state
from bot.delivery import fanout, renderings
from bot.delivery.fanout import Wake
from digest.core.errors import DigestError, ModelError, StoreUnavailableError
from digest.core.findings import Flaw
from digest.core.models import Call, Edition, Gap, Purpose, VersionId
from digest.db import editions, fulltexts, model_calls
from digest.db import engine as database
from digest.db.bulk import BATCH
from digest.db.locks import BusyError
from digest.llm.errors import CallError, CallOutcome
from digest.pipeline import close_editions, closing_rules
from digest.pipeline.close_editions import ClosingState, Pause

_AT_ONCE = 100  # transactions in one run; the rest can wait
_BREATH_SECONDS = 0.01  # for other writers

_Step = Callable[[AsyncConnection], Awaitable[int]]


async def prune(engine: AsyncEngine, at: datetime) -> bool:
    """Delete what has expired at `at`. Returns whether that is all."""
    left = _AT_ONCE
    for step in _steps(at):
        while left:
            left -= 1
            async with database.writing(engine) as connection:
                count = await step(connection)
            if count < BATCH:
                break
            await asyncio.sleep(_BREATH_SECONDS)
    return left > 0


def _steps(at: datetime) -> Iterator[_Step]:
    yield partial(telegram_state.prune_updates, at=at)
    yield partial(paper_requests.prune, at=at)
    yield partial(signups.prune, at=at)
    yield partial(alerts.prune, at=at)
    yield partial(campaigns.prune, at=at, age=renderings.KEPT)
    yield partial(deliveries.prune, at=at)
    yield partial(campaigns.prune_texts, at=at)


_FAILED = frozenset({Gap.MODEL, Gap.UNFAITHFUL})
_KNOWN = {outcome.value: outcome for outcome in CallOutcome}  # the log may contain names of earlier versions
_UNFAITHFUL = "The translations did not pass the checks"
_SETTINGS = "correct OPENAI_API_KEY, OPENAI_BASE_URL or TRANSLATION_MODEL"
_LATER = "run it again later"
_ANOTHER_MODEL = "another TRANSLATION_MODEL may do better"
_WRONG_LANGUAGE = "The translations are not in the requested language"
_ENDPOINT = f"check OPENAI_BASE_URL, or {_LATER}"
_NAMED = ""  # the sentence of the failure names the remedy
_REMEDIES = {
    CallOutcome.UNAUTHORISED: _SETTINGS,
    CallOutcome.REDIRECTED: _NAMED,
    CallOutcome.NO_MODEL: _NAMED,
    CallOutcome.CERTIFICATE: _NAMED,
    CallOutcome.PROXY: _NAMED,
    CallOutcome.ONLY_THOUGHT: _NAMED,
    CallOutcome.UNSUPPORTED_FIELD: "correct it",
    CallOutcome.REFUSED: "correct OPENAI_EXTRA_BODY or TRANSLATION_MODEL",
    CallOutcome.QUOTA: "top up the account, or name another endpoint in OPENAI_BASE_URL",
    CallOutcome.THROTTLED: f"lower LLM_CONCURRENCY, or {_LATER}",
    CallOutcome.UNREACHABLE: _ENDPOINT,
    CallOutcome.TIMEOUT: f"raise it, or {_LATER}",
    CallOutcome.SERVER_ERROR: _ENDPOINT,
    CallOutcome.NO_COMPLETION: _ENDPOINT,
    CallOutcome.ERROR_BODY: _ENDPOINT,
    CallOutcome.NO_CHOICE: _ENDPOINT,
    CallOutcome.MANY_CHOICES: _ENDPOINT,
    CallOutcome.UNFINISHED: _ENDPOINT,
}
_OF_THE_LANGUAGE = frozenset({Flaw.SCRIPT, Flaw.UNTRANSLATED})


async def failure_of(app: App, accounts: Iterable[RunReport]) -> ModelError | None:
    """Return the error of the first edition in `accounts`, in any language, with less than half of its papers
    translated.

    Only papers that were tried count, not those without a key, without budget, or given up.
    """
    for account in accounts:
        for made in (account, *account.others):
            if (fault := await _fault(app, made)) is not None:
                return fault
    return None


async def _fault(app: App, made: EditionCounts) -> ModelError | None:
    edition = made.edition
    failed = failures(edition)
    if edition.translated >= len(failed) or not failed:
        return None
    async with database.reading(app.engine) as connection:
        asked = await model_calls.of_versions(connection, failed, edition.language)
        tried = await model_calls.load_attempts(connection, failed, edition.language)
    found = [{each.flaw for each in attempt.findings} for made in tried.values() for attempt in made]
    return ModelError(sentence(edition.date, edition.translated, len(failed), asked, found))


def failures(edition: Edition) -> list[VersionId]:
    """Return the papers of `edition` whose translation was tried and failed. Pure."""
    return [entry.paper.version for entry in edition.entries if entry.translation in _FAILED]


def sentence(
    day: date, translated: int, failed: int, asked: Iterable[Call], found: Sequence[AbstractSet[Flaw]] = ()
) -> str:
    """Describe the most frequent failure of the calls `asked`, and its remedy, in one sentence. Pure.

    If no translation was asked for, another call has closed the endpoint: the edition's terms or a reading. `found` are
    the flaws of each translation that a model returned.
    """
    known = [(call.purpose, outcome) for call in asked if (outcome := _KNOWN.get(call.outcome))]
    translating = [outcome for purpose, outcome in known if purpose is Purpose.TRANSLATION]
    outcomes = Counter(translating or [outcome for _, outcome in known if not outcome.of_the_paper])
    papers = f"{f'only {translated}' if translated else 'none'} of the {translated + failed} papers of {day}"
    begun = f"The language model translated {papers}"
    tested = "`arxiv-daily doctor` tests the endpoint, and the next run tries the missing papers again"
    if not outcomes:
        return f"{begun}: the log says why; {tested}."
    [(outcome, count)] = outcomes.most_common(1)
    said = _unfaithful(found) if outcome is CallOutcome.OK else str(CallError(outcome)).rstrip(".")
    times = "once" if count == 1 else f"{count} times"
    helps = "; ".join(filter(None, (_REMEDIES.get(outcome, _ANOTHER_MODEL), tested)))
    return f"{begun}: {said[0].lower()}{said[1:]} ({times}); {helps}."


def _unfaithful(found: Sequence[AbstractSet[Flaw]]) -> str:
    """Name the fault of the translations that failed the checks: the language, if that of at least half of them."""
    foreign = sum(bool(_OF_THE_LANGUAGE & flaws) for flaws in found)
    return _WRONG_LANGUAGE if foreign and 2 * foreign >= len(found) else _UNFAITHFUL


BETWEEN_TRIES = timedelta(minutes=30)
"""Time between two runs of unfinished work: an edition whose batch is not visible yet, or a missing full text."""
_RUNS = 8
"""Maximum of concurrent ticks, because work on an edition may take longer than the time to the next one."""
_log = structlog.get_logger()


@dataclass
class Schedule:
    """Makes and delivers editions when they are due; `wake` tells the senders of new deliveries."""

    app: App
    wake: Callable[[], None]
    pause: Pause
    _tried: tuple[date, datetime] | None = field(init=False, default=None)
    """The newest edition due at the last start of work, and the time of that start."""
    _working: set[date] = field(init=False, default_factory=set)
    """The newest editions that were due at the start of the work in progress."""
    _upkeep: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _pruned_on: date | None = field(init=False, default=None)

    def start(self, tick_seconds: float) -> AsyncIOScheduler:
        """Start ticking. The caller stops it."""
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
        """Do what is due. An error of one tick does not stop the next."""
        try:
            await self._tick()
        except StoreUnavailableError as error:
            _log.warning("database_unavailable", waiting="schedule", error=str(error))
            self._tried = None  # the next tick continues
        except BusyError as error:  # the other process does the work and reports it
            _log.info("another_process_works", error=str(error))
            self._tried = None  # it may end before it is done
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
        """Do the work that depends on no new edition."""
        await self._prune(now)
        await fanout.resume(self.app.engine, now, self.wake)
        await self._ready()  # editions that were held back before
        calendar = self.app.plan.calendar
        async with database.reading(self.app.engine) as connection:
            last = await editions.last(connection)
        if closing_rules.is_quiet(calendar, last, now):
            due = calendar.due(now)
            await fanout.open_quiet_day(self.app.engine, due, calendar.anchor(due), now)

    def _may_begin(self, due: date, now: datetime) -> bool:
        """Return whether work may start now, with `due` as the newest edition that is due.

        An edition that becomes due is started despite a recent try or work on an earlier one.
        """
        if due in self._working:
            return False
        return self._tried is None or self._tried[0] != due or now - self._tried[1] >= BETWEEN_TRIES

    async def _has_work(self, now: datetime) -> bool:
        """Return whether an edition is open, or lacks something that can still come."""
        async with database.reading(self.app.engine) as connection:
            last = await editions.last(connection)
            incomplete = set(await editions.incomplete(connection)) - self.app.editions.parts
        calendar = self.app.plan.calendar
        return (
            bool(incomplete)
            or closing_rules.has_open_day(calendar, last, now)
            or await close_editions.awaits_feed(self.app.engine, calendar, now)
        )

    async def _work(self, now: datetime) -> None:
        made = await daily_run.work(self.app, now, lambda _: None, self._paused, self._ready)
        await give_out_quiet(self.app, made)
        await self.app.alerts.resolve(AlertKind.INTERNAL_ERROR)
        await alert(self.app, made)

    async def _prune(self, now: datetime) -> None:
        """Delete expired data once a day."""
        if now.date() != self._pruned_on and await prune(self.app.engine, now):
            self._pruned_on = now.date()

    async def _paused(self, time: timedelta) -> datetime:
        """Deliver what is made before waiting for arXiv."""
        await self._ready()
        return await self.pause(time)

    async def _ready(self) -> None:
        await give_out(self.app, self.wake)


async def give_out(app: App, wake: Wake | None = None) -> bool:
    """Create missing deliveries of editions that are made in the subscriber's language; `wake` is told of them.

    This includes older editions: what an outage delayed goes out with today's, within the lifetime of a delivery.
    Returns whether there were any.
    """
    now, calendar = app.clock(), app.plan.calendar
    today = calendar.due(now)
    async with database.reading(app.engine) as connection:
        wanted = await fanout.languages_to_fan_out(connection, today - fanout.DELIVERY_LIFETIME)
        made = await editions.languages(connection, wanted.keys())
    opened = []
    for each, languages in wanted.items():
        ready = None if editions.ALL in made[each] else languages & made[each]
        anchor = max(calendar.anchor(each), calendar.anchor(today))
        opened.append(await fanout.open_edition(app.engine, each, anchor, now, ready, wake))
    return any(opened)


async def give_out_quiet(app: App, made: Work) -> None:
    """Create the deliveries of the quiet-day notice, if this is a quiet day."""
    now, day = app.clock(), made.outcome.day
    if made.outcome.standing in (ClosingState.NO_BATCH, ClosingState.NOTHING):
        await fanout.open_quiet_day(app.engine, day, app.plan.calendar.anchor(day), now)


async def alert(app: App, made: Work) -> ModelError | None:
    """Raise and resolve the alerts for the results of a run. Returns the model's error, if any."""
    missing = [made.outcome.overdue] if made.outcome.overdue else []
    if made.outcome.standing is ClosingState.MISSING:
        missing.append(made.outcome.day)
    unexplained = {"": str(len(made.unexplained))} if made.unexplained else {}
    await app.alerts.resolve(AlertKind.EDITION_FAILED)
    await app.alerts.update(AlertKind.EDITION_MISSING, {str(day): "" for day in missing})
    await app.alerts.update(AlertKind.PAPERS_UNEXPLAINED, unexplained)
    untranslated = await failure_of(app, made.news)
    if untranslated is not None or made.news:
        failed = {} if untranslated is None else {"": str(untranslated)}
        await app.alerts.update(AlertKind.MODEL_FAILED, failed)
    async with database.reading(app.engine) as connection:
        hiding = await fulltexts.with_orders(connection, app.clock() - timedelta(days=1))
    for version in hiding:
        await app.alerts.raise_(AlertKind.HIDDEN_INSTRUCTIONS, str(version))
    return untranslated
