"""A judge with a fake model and a database, for the tests of judging and of what builds on it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.models import Call
from digest.core.verdicts import Doubt, JudgedPair
from digest.judging.judge import About, Judge, Judgement
from digest.llm.budget import Budget
from digest.llm.client import Model
from digest.llm.endpoint import EndpointClient
from digest.llm.profiles import Profiles
from tests.digest.llm.llm_world import NOW, QUICK, SHANGHAI
from tests.fakes.model import KEY, FakeModel
from tests.papers import paper


@dataclass
class JudgeWorld:
    """A judge; `told` are the notices to the operator, `failed` the calls without an answer."""

    judge: Judge
    model: Model
    engine: AsyncEngine
    told: list[str | None]
    failed: list[Call]

    async def judged(self, *pairs: JudgedPair, number: int = 1, about: About = "translation") -> Judgement:
        """Judge `pairs` of the paper of that `number`."""
        return await self.judge.judge(pairs, version=paper(number).version, language="zh-CN", about=about)


@asynccontextmanager
async def judge_world(
    fake: FakeModel, engine: AsyncEngine, *, limit_tokens: int | None = None
) -> AsyncIterator[JudgeWorld]:
    """All components between pairs and `fake`; the database behind `engine` has its tables."""
    told: list[str | None] = []
    failed: list[Call] = []

    async def tell(reason: str | None) -> None:
        told.append(reason)

    async def record(call: Call) -> None:
        failed.append(call)

    async def keep(_name: str, _profile: object) -> None:
        pass

    async with EndpointClient(KEY, fake.url) as client:
        model = Model(
            client,
            concurrency=4,
            patience=QUICK,
            budget=Budget(limit_tokens, SHANGHAI),
            clock=lambda: NOW,
            record=record,
            profiles=Profiles({}, keep),
        )
        judge = Judge(model, "fake-judge", engine, lambda: NOW, tell)
        yield JudgeWorld(judge, model, engine, told, failed)


def pairs(*made: str, doubts: Sequence[Doubt] = (Doubt.RESULT,)) -> list[JudgedPair]:
    """Return pairs with these translations."""
    return [
        JudgedPair(number, f"Sentence {number} says that the error falls.", text, tuple(doubts))
        for number, text in enumerate(made, 1)
    ]
