"""A translator and a reading writer with a fake model, for the tests of everything between them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from digest.checks import glossary
from digest.core.models import Call, FullText, Paper, Purpose, Reading, TextSource, Translation
from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.endpoint import EndpointClient
from digest.llm.endpoint_profile import EndpointProfile
from digest.llm.profiles import Profiles
from digest.llm.retry import RetryPolicy
from digest.pipeline.reading import ReadingWriter
from digest.pipeline.translate import TranslationAttempt, TranslationRules, Translator
from tests.fakes.model import KEY, FakeModel

NOW = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
TEXT = (
    "# Introduction\nRooms have shapes that can be heard.\n" * 200 + "In them, errors fall by up to 12.5%.\n"
)
SHANGHAI = ZoneInfo("Asia/Shanghai")
QUICK = RetryPolicy(
    call_seconds=60,
    backoff_initial_seconds=0.01,
    backoff_max_seconds=0.05,
    backoff_jitter_seconds=0.01,
    throttle_seconds=0.5,
    rest_seconds=60,
)


class Counted(Budget):
    """A budget that counts its use."""

    spent_tokens = 0

    def settle(self, reserved: int, used: int, now: datetime) -> None:
        super().settle(reserved, used, now)
        self.spent_tokens += used


@dataclass(frozen=True)
class World:
    model: Model
    budget: Counted
    translator: Translator
    reader: ReadingWriter
    translate: Callable[[Paper], Coroutine[None, None, Translation | None]]
    read: Callable[[Paper, FullText], Awaitable[Reading]]
    calls: list[Call]
    tried: list[TranslationAttempt]
    """The attempts at translations, oldest first."""
    learned: dict[str, EndpointProfile]
    """The stored profiles of the endpoint, by model."""

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.calls]


@asynccontextmanager
async def world(
    fake: FakeModel,
    *,
    patience: RetryPolicy = QUICK,
    limit_tokens: int | None = None,
    concurrency: int = 4,
    key: str = KEY,
    language: str = "zh-CN",
    repair_model: str | None = None,
    glossary_file: Path | None = None,
    known: Mapping[str, EndpointProfile] | None = None,
    extra: Mapping[Purpose, Mapping[str, Any]] | None = None,
) -> AsyncIterator[World]:
    """All components between the papers and `fake`."""
    calls: list[Call] = []
    tried: list[TranslationAttempt] = []

    async def keep(each: TranslationAttempt) -> None:
        if not each.was_stored:
            calls.append(each.attempt.call)
        tried.append(each)

    async def translate(paper: Paper) -> Translation | None:
        return await translator.translate(paper, keep)

    learned: dict[str, EndpointProfile] = {}

    async def keep_profile(name: str, profile: EndpointProfile) -> None:
        learned[name] = profile

    async def record(call: Call) -> None:
        calls.append(call)

    async with EndpointClient(key, fake.url) as client:
        budget = Counted(limit_tokens, SHANGHAI)
        model = Model(
            client,
            concurrency=concurrency,
            patience=patience,
            budget=budget,
            clock=lambda: NOW,
            record=record,
            profiles=Profiles(known or {}, keep_profile),
            extra=extra,
        )
        rules = TranslationRules(glossary.load(language, glossary_file), repair_model=repair_model)
        translator, reader = (
            Translator(model, "fake-small", language, rules),
            ReadingWriter(model, "fake-large", language),
        )

        async def read(paper: Paper, text: FullText) -> Reading:
            made = await reader.read(paper, text)
            calls.extend(made.calls)
            return made.reading

        yield World(model, budget, translator, reader, translate, read, calls, tried, learned)


def full_text(paper: Paper, text: str = TEXT) -> FullText:
    return FullText(paper.version, TextSource.HTML, text)
