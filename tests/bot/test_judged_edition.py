"""Tests of whole editions with judges, honest and bad, from the command line."""

import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from digest.core.models import Purpose, Translation
from tests.bot.cli.test_main import NOON, asked, environment, rows
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.cases import some_of
from tests.fakes import model_faults as faults
from tests.fakes import model_judges as judges
from tests.fakes import model_stream
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked, Fault
from tests.fakes.model_judges import AskedPair
from tests.programs import Ended, call, start

NAME = "2602.00001v1"
WRONG = "EchoNet-1 does not perform worse than the strong baseline of 2024."
ABSTRACT = (
    "We present EchoNet-1, a model of rooms. It lowers the error of room 1 by 12.5%. "
    f"{WRONG} The code of room 1 is public."
)


def finds_it(pairs: Sequence[AskedPair]) -> dict[str, Any]:
    """Call the sentence reversed, however it is translated."""
    return {
        "verdicts": [judges.verdict(pair, "reversed" if WRONG in pair.original else "same") for pair in pairs]
    }


def describe(here: World, abstract: str = ABSTRACT) -> None:
    """Give each paper that abstract."""
    here.arxiv.papers[:] = [
        replace(paper, abstract=abstract.replace("EchoNet-1", f"EchoNet-{number}"))
        for number, paper in enumerate(here.arxiv.papers, 1)
    ]


async def edition(here: World, papers: int = 1, abstract: str = ABSTRACT, **others: str) -> Ended:
    """Make the edition, with that abstract for each paper; `others` are further variables."""
    describe(here, abstract)
    told = await call(here.folder, "run", *NOON, **environment(here, JUDGE_MODEL="judge", **others))
    assert told.status == 0
    assert f"papers {papers} · translated {papers} · read {papers}" in told.out
    return told


def on_judge(fault: Fault) -> Fault:
    """Answer the judge's prompts by `fault`, and the others as usual."""

    def answered(asked: Asked) -> Response:
        is_judge = '"verdicts"' in asked.body["messages"][0]["content"]
        return fault(asked) if is_judge else model_stream.told(asked, asked.completion)

    return answered


def calls(here: World, purpose: Purpose) -> int:
    return here.model.asked_for[purpose, NAME]


async def test_an_honest_judge_that_agrees_changes_nothing_and_judges_once(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1) as here:
        await edition(here)
        assert "原文" not in here.post("2026-02-11")
        assert (calls(here, Purpose.TRANSLATION), calls(here, Purpose.JUDGEMENT)) == (1, 2)  # and its claims
        await edition(here)
        assert calls(here, Purpose.JUDGEMENT) == 2


async def test_a_sentence_that_stays_wrong_is_published_in_english_with_its_mark(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(judge=finds_it), papers=1) as here:
        await edition(here)
        post = here.post("2026-02-11")
        assert f"\\[原文] {WRONG}" in post
        assert "It lowers the error" not in post
        assert (calls(here, Purpose.TRANSLATION), calls(here, Purpose.JUDGEMENT)) == (2, 2)
        told = await call(tmp_path, "quality", "--date", "2026-02-11", **environment(here))
        assert "shown with findings 1" in told.out
        assert "translation soft      2     1" in told.out
        assert "a sentence that does not say what the original says" in told.out
        assert "judgements by judge: 2 calls" in told.out


@pytest.mark.parametrize("status", some_of([401, 402, 403, 404, 500], 1))
async def test_an_endpoint_that_refuses_the_judge_alone_costs_no_paper(tmp_path: Path, status: int) -> None:
    """A key, or its credit, may be good for the other models."""
    refused = FakeModel(always=on_judge(faults.status(status)))
    async with world(tmp_path, refused, papers=6) as here:
        await edition(here, 6, LLM_CONCURRENCY="1")
        assert rows(here, "SELECT kind, subject FROM alerts") == [("judge-stopped", "judge")]


@pytest.mark.parametrize("judge", some_of([judges.objecting, judges.broken, judges.about_others], 1))
async def test_a_bad_judge_does_not_stop_the_edition(tmp_path: Path, judge: judges.Script) -> None:
    negated = f"{WRONG} It is not slower than RoomNet. It does not need more data than SoundNet."
    abstract = (
        f"We present EchoNet-1, a model of rooms. {negated} It never fails in room 2. It is not public."
    )
    async with world(tmp_path, FakeModel(judge=judge), papers=8) as here:
        await edition(here, 8, abstract)
        post = here.post("2026-02-11")
        assert post.count("\n## EchoNet-") == 8
        assert "not perform worse" not in post
        assert rows(here, "SELECT kind, subject FROM alerts") == [("judge-stopped", "judge")]


async def test_what_was_paid_for_is_counted_if_the_process_is_killed_while_it_is_judged(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, FakeModel(always=on_judge(faults.hang)), papers=1) as here:
        describe(here)
        variables = environment(here, JUDGE_MODEL="judge")
        program = await start(here.folder, "run", *NOON, env=variables)
        await asked(here.model, 4)  # of them two to the judge
        program.send_signal(signal.SIGKILL)
        await program.status()
        assert not list(here.posts.iterdir())
        counted = "SELECT purpose, outcome FROM calls ORDER BY purpose"
        assert rows(here, counted) == [("reading", "ok"), ("translation", "ok")]
        here.model.always = None
        await edition(here)
        assert calls(here, Purpose.TRANSLATION) == 1


async def test_a_translation_that_was_made_before_the_process_ended_is_not_paid_for_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        with closing(sqlite3.connect(here.folder / "arxiv-daily.db")) as database:
            database.execute("DELETE FROM translations")
            database.commit()
        async with here.app(WEDNESDAY_NOON) as app:
            [paper] = here.arxiv.papers
            made = await app.paper_service.translation(paper)
        assert isinstance(made, Translation)
        assert rows(here, "SELECT abstract FROM translations") == [(made.abstract,)]
        assert here.model.asked_for[Purpose.TRANSLATION, NAME] == 1
