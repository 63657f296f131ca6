"""The language models behind OPENAI_BASE_URL, configured by the settings."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.alerts import Alerts
from bot.core.models import AlertKind
from bot.settings import Settings
from digest.core.errors import StoreError
from digest.core.models import Call, Purpose
from digest.db import engine as database
from digest.db import model_calls
from digest.db.model_calls import Endpoint
from digest.judging.judge import Judge
from digest.llm import endpoint_profile
from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.endpoint import EndpointClient
from digest.llm.endpoint_profile import EndpointProfile
from digest.llm.profiles import Keep, Profiles
from digest.llm.retry import RetryPolicy

Clock = Callable[[], datetime]

_KNOWN_FOR = timedelta(days=30)
_log = structlog.get_logger()


def client(settings: Settings) -> EndpointClient | None:
    """Create a client for the endpoint; None without a key. Close it after use."""
    if settings.openai_api_key is None:
        return None
    proxy = settings.openai_proxy.get_secret_value() if settings.openai_proxy else None
    return EndpointClient(settings.openai_api_key.get_secret_value(), str(settings.openai_base_url), proxy)


async def model(
    settings: Settings,
    engine: AsyncEngine,
    connected: EndpointClient,
    clock: Clock,
    alerts: Alerts,
    patience: RetryPolicy | None = None,
) -> Model:
    """Create the models with the known endpoint profiles and the day's budget."""

    async def record(call: Call) -> None:
        async with database.writing(engine) as connection:
            await model_calls.save_call(connection, call)

    return Model(
        connected,
        concurrency=settings.llm_concurrency,
        patience=patience or RetryPolicy(call_seconds=settings.openai_timeout),
        budget=await _budget(settings, engine, clock()),
        clock=clock,
        record=record,
        profiles=await profiles(settings, engine, clock, alerts),
        extra=own_fields(settings),
    )


async def judge(
    settings: Settings, asked: Model, engine: AsyncEngine, clock: Clock, alerts: Alerts
) -> Judge | None:
    """Create the judge of translations and claims; None if the operator wants none.

    Alerts about a judge that is no longer asked are resolved.
    """
    name = settings.judge
    for alert in await alerts.lasting(AlertKind.JUDGE_STOPPED):
        if alert.subject != name:
            await alerts.resolve(AlertKind.JUDGE_STOPPED, alert.subject)
    if name is None:
        return None

    async def tell(reason: str | None) -> None:
        if reason is None:
            await alerts.resolve(AlertKind.JUDGE_STOPPED, name)
        else:
            await alerts.raise_(AlertKind.JUDGE_STOPPED, name, reason)

    return Judge(asked, name, engine, clock, tell)


def auditor(settings: Settings, asked: Model, engine: AsyncEngine, clock: Clock) -> Judge | None:
    """Create the judge of audits, which raises no alerts; None if the operator wants none."""
    name = settings.auditor
    return Judge(asked, name, engine, clock, _silent) if name else None


async def _silent(_reason: str | None) -> None:
    pass


def own_fields(settings: Settings) -> dict[Purpose, Mapping[str, Any]]:
    """Return the operator's extra fields of requests by purpose. Fields of a purpose override the common ones."""
    common, reading = settings.openai_extra_body, settings.reading_extra_body
    translation = {**common, **settings.translation_extra_body}
    return {
        Purpose.TRANSLATION: translation,
        Purpose.TERM_LIST: translation,
        Purpose.READING: {**common, **reading},
        Purpose.ANSWER: {**common, **reading},
        Purpose.JUDGEMENT: {**common, **settings.judge_extra_body},
    }


def endpoint(settings: Settings) -> Endpoint:
    """Return the endpoint as the key of its profiles, without login or query, which may contain secrets."""
    address = urlsplit(str(settings.openai_base_url))
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    fields = [
        settings.openai_extra_body,
        settings.translation_extra_body,
        settings.reading_extra_body,
        settings.judge_extra_body,
    ]
    chosen = json.dumps([str(settings.openai_base_url), key, fields], sort_keys=True)
    return Endpoint(
        f"{address.scheme}://{address.hostname}{f':{address.port}' if address.port else ''}{address.path}",
        hashlib.sha256(chosen.encode()).hexdigest(),
    )


def keeping(settings: Settings, engine: AsyncEngine, clock: Clock, alerts: Alerts) -> Keep:
    """Create the function that stores what is learned of the endpoint, and alerts the operator of truncated prompts.

    What cannot be stored is learned again; that is no error.
    """
    where = endpoint(settings)

    async def keep(name: str, learned: EndpointProfile) -> None:
        try:
            async with database.writing(engine) as connection:
                await model_calls.save_profile(
                    connection, where, name, endpoint_profile.stored(learned), clock()
                )
        except StoreError as error:
            _log.warning("endpoint_profile_not_stored", model=name, error=str(error))
        if learned.cuts_prompts:
            await alerts.raise_(AlertKind.PROMPTS_CUT, name, _window(learned))
        else:
            await alerts.resolve(AlertKind.PROMPTS_CUT, name)

    return keep


async def profiles(settings: Settings, engine: AsyncEngine, clock: Clock, alerts: Alerts) -> Profiles:
    """Load the profiles learned in the last thirty days, because endpoints also improve.

    Profiles learned with other settings are ignored, and their alerts resolved.
    """
    async with database.reading(engine) as connection:
        rows = await model_calls.load_profile(connection, endpoint(settings), clock() - _KNOWN_FOR)
    known = {name: restored for name, row in rows.items() if (restored := endpoint_profile.restored(row))}
    cutting = {name: _window(each) for name, each in known.items() if each.cuts_prompts}
    await alerts.update(AlertKind.PROMPTS_CUT, cutting)
    return Profiles(known, keeping(settings, engine, clock, alerts))


def _window(learned: EndpointProfile) -> str:
    return f"{learned.window_tokens or 0:,}"


async def _budget(settings: Settings, engine: AsyncEngine, now: datetime) -> Budget:
    """Create the day's budget, less the tokens used before this process started."""
    today = now.astimezone(settings.timezone).date()
    midnight = datetime.combine(today, time(), settings.timezone)
    async with database.reading(engine) as connection:
        spent = await model_calls.tokens_since(connection, midnight)
    budget = Budget(settings.llm_daily_tokens or None, settings.timezone)
    budget.resume(today, spent)
    return budget
