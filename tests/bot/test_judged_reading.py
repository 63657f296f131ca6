"""Tests of readings and answers with a judge, through the whole program."""

from pathlib import Path

import pytest

from digest.core.ids import parse
from digest.core.models import Answer, Gap, Purpose
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes import model_judges as judges
from tests.fakes.model import FakeModel
from tests.fakes.model_judges import Script

CLAIM = "第二部分处理标注。"
OTHERS = ("既有方法难以解决", "效果因此受限", "第一部分处理")


def finds(claim: str, relation: str = "added") -> FakeModel:
    return FakeModel(judge=judges.honest({claim: relation}))


@pytest.mark.parametrize("relation", ["reversed", "added", "other"])
async def test_a_claim_that_the_judge_does_not_find_in_its_passage_is_not_published(
    tmp_path: Path, relation: str
) -> None:
    async with world(tmp_path, finds(CLAIM, relation), papers=1, judge_model="judge") as here:
        await here.run()
        post = here.post("2026-02-11")
        assert CLAIM not in post
        assert all(text in post for text in OTHERS)
        assert asked(here, Purpose.READING) == 2


@pytest.mark.parametrize("judge", [judges.objecting, judges.calling("other"), judges.broken])
async def test_a_bad_judge_empties_no_reading(tmp_path: Path, judge: Script) -> None:
    async with world(tmp_path, FakeModel(judge=judge), papers=3, judge_model="judge") as here:
        await here.run()
        post = here.post("2026-02-11")
        assert post.count(CLAIM) == 3
        assert asked(here, Purpose.READING) == 1


async def test_an_answer_is_judged_and_one_that_its_passage_does_not_say_is_none(tmp_path: Path) -> None:
    async with world(tmp_path, finds("误差在每种情况下都下降"), papers=1, judge_model="judge") as here:
        assert await answer(here) is Gap.MODEL
        here.model.judge = judges.agreeing
        assert await answer(here) is Gap.MODEL  # nothing is judged twice


async def test_an_answer_that_its_passage_says_is_given(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1, judge_model="judge") as here:
        assert isinstance(await answer(here), Answer)
        assert asked(here, Purpose.JUDGEMENT) == 1


async def answer(here: World) -> Answer | Gap:
    async with here.app(WEDNESDAY_NOON) as app:
        wanted = await app.paper_service.paper(parse("2602.00001"))
        return await app.paper_service.answer(wanted, "Does the error fall?")


def asked(here: World, purpose: Purpose) -> int:
    return here.model.asked_for[purpose, "2602.00001v1"]
