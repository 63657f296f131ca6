"""The composition root: every part is built here once and passed to its users."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import language_model
from bot.alerts import Alerts
from bot.db.upgrade import upgrade
from bot.settings import Settings
from digest.arxiv.calendar import Calendar, with_holidays
from digest.arxiv.client import ArxivClient, FetchPolicy, Turn, open_client
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed
from digest.checks import glossary
from digest.checks.meaning import screened
from digest.core.singleflight import SingleFlight
from digest.db import engine as database
from digest.db import private_files
from digest.db.locks import ProcessLock, RateSlots
from digest.fulltext.fetch import FullTexts
from digest.judging.judge import Judge
from digest.judging.translations import Reviewer
from digest.llm.client import Model
from digest.llm.endpoint import EndpointClient
from digest.llm.retry import RetryPolicy
from digest.pipeline.answering import Answerer
from digest.pipeline.edition_terms import TermDecider
from digest.pipeline.full_texts import FullTextStore
from digest.pipeline.ingest import Sources
from digest.pipeline.open_days import EditionPlan
from digest.pipeline.papers import Generators, PaperService, PaperSources
from digest.pipeline.reading import ReadingWriter
from digest.pipeline.selection import SelectionRules
from digest.pipeline.translate import TranslationRules, Translator

_log = structlog.get_logger()
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class RemoteOverrides:
    """Replacements for the remote services of the settings, and how long to wait for them."""

    arxiv: httpx.AsyncClient | None = None
    model: EndpointClient | None = None
    patience: FetchPolicy = field(default_factory=FetchPolicy)
    model_retry_policy: RetryPolicy | None = None


@dataclass(frozen=True, slots=True)
class App:
    """The parts that the commands use. `posts` is the folder of the posts; `paper_service` is for TARGET_LANGUAGE.

    `editions` is the lock for making editions.
    """

    engine: AsyncEngine
    sources: Sources
    paper_service: PaperService
    paper_service_in: Callable[[str], PaperService]
    plan: EditionPlan
    concurrency: int
    posts: Path
    with_git: bool
    clock: Clock
    wall_clock: Clock
    alerts: Alerts
    editions: ProcessLock


@asynccontextmanager
async def open_app(
    settings: Settings,
    clock: Clock,
    far_ends: RemoteOverrides | None = None,
    wall_clock: Clock | None = None,
) -> AsyncIterator[App]:
    """Build the parts for `settings` on an upgraded database, and close them at the end.

    `clock` may run at another time; costs are counted by `wall_clock` if that differs. Raises DigestError.
    """
    ends, wall_clock = far_ends or RemoteOverrides(), wall_clock or clock
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        alerts = Alerts(engine, wall_clock)
        client = ends.arxiv or open_client(settings.arxiv_contact, ends.patience)
        arxiv_client = ArxivClient(
            await stack.enter_async_context(client),
            interval=settings.arxiv_request_interval,
            patience=ends.patience,
            shared=_shared(engine, settings.arxiv_request_interval),
        )
        api = QueryApi(arxiv_client, str(settings.arxiv_api_url))
        connected = ends.model or language_model.client(settings)
        models = judge = None
        if connected is not None:
            await stack.enter_async_context(connected)
            models = await language_model.model(
                settings, engine, connected, wall_clock, alerts, ends.model_retry_policy
            )
            judge = await language_model.judge(settings, models, engine, wall_clock, alerts)
        single_flight = SingleFlight()
        stack.push_async_callback(single_flight.close)
        dependencies = PaperSources(
            engine,
            api,
            FullTextStore(engine, _full_texts(arxiv_client, settings), clock, single_flight),
            generators=_generators(models, settings, judge) if models else None,
            clock=clock,
            single_flight=single_flight,
        )
        paper_service_in = cache(partial(PaperService, dependencies))
        yield App(
            engine=engine,
            sources=Sources(api, AnnouncementFeed(arxiv_client, str(settings.arxiv_rss_url))),
            paper_service=paper_service_in(settings.target_language),
            paper_service_in=paper_service_in,
            plan=plan(settings),
            concurrency=settings.llm_concurrency,
            posts=posts(settings),
            with_git=settings.archive_git,
            clock=clock,
            wall_clock=wall_clock,
            alerts=alerts,
            editions=ProcessLock(engine, "editions"),
        )


def _full_texts(arxiv_client: ArxivClient, settings: Settings) -> FullTexts:
    site = str(settings.arxiv_site_url).rstrip("/")
    return FullTexts(arxiv_client, site, wants_tex=settings.arxiv_tex_source)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open the database and upgrade it. Raises StoreError."""
    engine = database.open_engine(settings.database_url)
    try:
        if await upgrade(engine):  # perhaps in the wrong folder
            _log.info("database_made", database=database.shown(engine.url))
        yield engine
    finally:
        await engine.dispose()


def plan(settings: Settings) -> EditionPlan:
    """Return the settings of editions."""
    return EditionPlan(
        calendar=calendar(settings),
        language=settings.target_language,
        rules=SelectionRules(
            categories=settings.arxiv_categories,
            primary_only=settings.primary_only,
            include=settings.include_keywords,
            exclude=settings.exclude_keywords,
            cap=settings.max_papers,
        ),
        catch_up=settings.catch_up,
        replacements=settings.replacements,
    )


def calendar(settings: Settings) -> Calendar:
    """Return arXiv's calendar with the due times of editions from the settings."""
    return Calendar(settings.digest_time, settings.timezone, with_holidays(settings.arxiv_holidays))


def posts(settings: Settings) -> Path:
    """Return the folder of the posts. The default one is created if possible."""
    if settings.archive_dir is not None:
        return settings.archive_dir
    folder = settings.data_dir / "posts"
    with suppress(OSError):  # whoever writes there reports the error
        private_files.make_folder(settings.data_dir)
        folder.mkdir(exist_ok=True)
    return folder


def _generators(model: Model, settings: Settings, judge: Judge | None) -> Callable[[str], Generators]:
    reviewer = Reviewer(judge, screened) if judge else None

    def hired(language: str) -> Generators:
        held_to = rules(settings, language)
        return Generators(
            TermDecider(model, settings.translation_model, language, held_to.glossary),
            Translator(model, settings.translation_model, language, held_to, reviewer),
            ReadingWriter(model, settings.reading_model, language, spaced=held_to.spaced, judge=judge),
            Answerer(
                model, settings.reading_model, language, held_to.glossary, spaced=held_to.spaced, judge=judge
            ),
        )

    return hired


def rules(settings: Settings, language: str) -> TranslationRules:
    """Return the rules for translations into `language`. Raises GlossaryError.

    The operator's glossary applies to TARGET_LANGUAGE.
    """
    own = settings.glossary_file if language == settings.target_language else None
    return TranslationRules(glossary.load(language, own), settings.cjk_spacing, settings.repair_model)


def _shared(engine: AsyncEngine, interval: float) -> Turn | None:
    """Return the rate slots shared by all processes on this database, or None without an interval."""
    return RateSlots(engine, "arxiv", interval).turn if interval else None
