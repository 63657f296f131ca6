"""A translator and a reader before a fake model, for the tests of everything between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.endpoint import connect
from digest.llm.patience import Patience
from digest.models import Call, FullText, Paper, TextSource
from digest.reading import Reader
from digest.translation import Translator
from tests.fakes.model import KEY, FakeModel

NOW = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
QUICK = Patience(
    call_seconds=5,
    backoff_initial_seconds=0.01,
    backoff_max_seconds=0.05,
    backoff_jitter_seconds=0.01,
    throttle_seconds=0.5,
    rest_seconds=60,
)


@dataclass(frozen=True)
class World:
    model: Model
    translator: Translator
    reader: Reader
    calls: list[Call]

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.calls]


@asynccontextmanager
async def world(
    fake: FakeModel,
    *,
    patience: Patience = QUICK,
    limit_tokens: int | None = None,
    concurrency: int = 4,
    key: str = KEY,
    language: str = "zh-CN",
) -> AsyncIterator[World]:
    """Everything between the papers and `fake`."""
    calls: list[Call] = []

    async def record(call: Call) -> None:
        calls.append(call)

    async with connect(key, fake.url) as client:
        model = Model(
            client,
            concurrency=concurrency,
            patience=patience,
            budget=Budget(limit_tokens, SHANGHAI),
            clock=lambda: NOW,
            record=record,
        )
        translator = Translator(model, "fake-small", language)
        yield World(model, translator, Reader(model, "fake-large", language), calls)


def full_text(paper: Paper, text: str = "# Introduction\nRooms have shapes.\n" * 200) -> FullText:
    return FullText(paper.version, TextSource.HTML, text)
