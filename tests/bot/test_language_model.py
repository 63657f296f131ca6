"""Tests of the model's endpoint as configured by the settings."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot import language_model, settings
from bot.core.models import AlertKind
from digest.core.models import Purpose
from tests.bot.world import WEDNESDAY_NOON, World, publish, world
from tests.fakes.documents import html_page
from tests.fakes.model import FakeModel
from tests.fakes.model_dialects import DIALECTS
from tests.papers import paper


async def test_what_one_run_learned_of_the_endpoint_the_next_one_knows(tmp_path: Path) -> None:
    model = FakeModel(formats=(), fields=("top_k",))
    async with world(tmp_path, model, papers=1) as here:
        await here.run()
        refused = _refused(here)
        publish(here.arxiv, 2, submitted=WEDNESDAY_NOON - timedelta(hours=12))
        account = await here.run(WEDNESDAY_NOON + timedelta(days=1))
        assert account
        assert account.translated == account.papers
        assert _refused(here) == refused == 2
        publish(here.arxiv, 3, submitted=WEDNESDAY_NOON + timedelta(hours=12))
        await here.run(WEDNESDAY_NOON + timedelta(days=2), reading_extra_body={"top_k": 1})
        assert _refused(here) == 2 * refused


def _refused(here: World) -> int:
    return [outcome for _, outcome in here.outcomes()].count("unsupported-format")


async def test_prompts_that_are_cut_in_silence_are_an_alert_until_the_settings_change(tmp_path: Path) -> None:
    cutting = next(each for each in DIALECTS if each.name == "ollama, 4096 tokens")
    async with world(tmp_path, FakeModel(always=cutting), papers=1, reading_model="large") as here:
        title = paper(1).title
        here.arxiv.html[str(paper(1).version)] = html_page(title, 1, 40 * cutting.lines)
        await here.run()
        async with here.app(WEDNESDAY_NOON) as app:  # another process on the same database
            [alert] = await app.alerts.lasting(AlertKind.PROMPTS_CUT)
            assert alert.subject == "large"
            assert int(alert.reason.replace(",", "")) > 2_000
        async with here.app(WEDNESDAY_NOON, openai_base_url="http://other.invalid/v1") as app:
            assert await app.alerts.lasting(AlertKind.PROMPTS_CUT) == []


@pytest.mark.parametrize("other", ["second", "none"])
async def test_an_alert_about_a_judge_ends_when_it_is_no_longer_asked(tmp_path: Path, other: str) -> None:
    async with world(tmp_path, papers=0, judge_model="first") as here:
        async with here.app(WEDNESDAY_NOON) as app:
            await app.alerts.raise_(AlertKind.JUDGE_STOPPED, "first", "It does not answer.")
        async with here.app(WEDNESDAY_NOON) as app:
            assert len(await app.alerts.lasting(AlertKind.JUDGE_STOPPED)) == 1
        async with here.app(WEDNESDAY_NOON, judge_model=other) as app:
            assert await app.alerts.lasting(AlertKind.JUDGE_STOPPED) == []


def test_fields_of_one_purpose_stand_before_those_of_all() -> None:
    chosen = settings.given(openai_extra_body='{"a": 1, "b": 1}', reading_extra_body='{"b": 2}')
    extra = language_model.own_fields(chosen)
    assert extra[Purpose.TRANSLATION] == {"a": 1, "b": 1}
    assert extra[Purpose.READING] == extra[Purpose.ANSWER] == {"a": 1, "b": 2}


def test_what_is_learned_is_kept_under_an_address_without_secrets() -> None:
    base = "https://user:secret@api.example.org:8443/v1?key=hidden"
    kept = language_model.endpoint(settings.given(openai_base_url=base, openai_api_key="sk-1"))
    assert kept.base_url == "https://api.example.org:8443/v1"
    changed = settings.given(openai_base_url=base, openai_api_key="sk-1", openai_extra_body='{"a": 1}')
    assert language_model.endpoint(changed) != kept
