"""Tests of the check of the models: they are called as they are called for papers."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from bot import language_model, settings
from bot.alerts import Alerts
from bot.container import open_database
from bot.doctor import models
from bot.doctor.findings import BrokenError
from bot.settings import Settings
from digest.llm.endpoint_profile import NEW, EndpointProfile, ResponseFormat, Streaming
from tests.databases import migrated
from tests.fakes import model_faults as faults
from tests.fakes.model import KEY, FakeModel
from tests.fakes.model_dialects import DIALECTS

NOON = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)


async def _settings(folder: Path, fake: FakeModel) -> Settings:
    await migrated(folder / "arxiv-daily.db")
    return settings.given(
        data_dir=folder,
        openai_api_key=KEY,
        openai_base_url=fake.url,
        openai_extra_body='{"top_k": 1}',
        reading_model="large",
        translation_model="small",
    )


async def _told(loaded: Settings, name: str) -> str:
    return await models.model(loaded, name, models.names(loaded)[name], lambda: NOON)


async def test_a_model_is_asked_what_real_calls_ask_and_its_abilities_are_told_and_kept(
    tmp_path: Path,
) -> None:
    async with FakeModel(formats=("json_object",), streams=False, fields=("top_k",)) as fake:
        loaded = await _settings(tmp_path, fake)
        told = await _told(loaded, "large")
        assert "JSON objects, streaming impossible, max_tokens, system role" in told
        asked = fake.requests[0]
        assert asked["response_format"]["json_schema"]["name"] == "reading"
        assert [message["role"] for message in asked["messages"]] == ["system", "user"]
        assert asked["top_k"] == 1
        async with open_database(loaded) as engine:
            kept = await _kept(loaded, engine, "large")
        assert (kept.streaming, kept.response_format) == (Streaming.IMPOSSIBLE, ResponseFormat.JSON_OBJECT)


async def test_all_is_learned_anew_and_a_window_by_a_question_that_did_not_fit(tmp_path: Path) -> None:
    async with FakeModel(fields=("top_k",)) as fake:
        loaded = await _settings(tmp_path, fake)
        async with open_database(loaded) as engine:
            alerts = Alerts(engine, lambda: NOON)
            keep = language_model.keeping(loaded, engine, lambda: NOON, alerts)
            old = replace(NEW, response_format=ResponseFormat.TEXT, window_tokens=4_096, cuts_prompts=True)
            await keep("small", old)
            await keep("large", replace(old, window_tokens=100_000))
            fake.always = next(each for each in DIALECTS if each.name == "ollama, 4096 tokens")
            told = await _told(loaded, "small")
            assert "JSON schemas, streaming possible" in told
            assert "tokens, longer ones are cut silently" in told
            kept = await _kept(loaded, engine, "small")
            assert (kept.cuts_prompts, kept.window_tokens) == (True, 4_096)
            fake.always = None
            assert "cut" not in await _told(loaded, "small")
            assert (await _kept(loaded, engine, "small")).window_tokens is None
            assert [each.subject for each in await alerts.lasting()] == ["large"]
            assert "prompts under about 100,000 tokens, longer ones" in await _told(
                loaded, "large"
            )  # too expensive a try


async def _kept(loaded: Settings, engine: AsyncEngine, name: str) -> EndpointProfile:
    alerts = Alerts(engine, lambda: NOON)
    return (await language_model.profiles(loaded, engine, lambda: NOON, alerts)).of(name)


async def test_what_is_not_understood_is_told_in_the_endpoints_words(tmp_path: Path) -> None:
    def refuses(_: faults.Asked) -> Response:
        return faults.problem(400, "The value of temperature must be given")

    async with FakeModel(always=refuses, fields=("top_k",)) as fake:
        loaded = await _settings(tmp_path, fake)
        with pytest.raises(
            BrokenError, match=r"small: .*“The value of temperature must be given”; see OPENAI_EXTRA"
        ):
            await _told(loaded, "small")
