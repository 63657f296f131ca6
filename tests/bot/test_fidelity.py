"""The effect of wrong translations on subscribers, through the whole program, from arXiv to the post."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import daily_run
from digest.core.models import Gap, Purpose
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.cases import some_of
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Fault
from tests.fakes.model_mistranslations import Mistranslates, changed, soundly, with_abstract
from tests.papers import paper

DAY = timedelta(days=1)
MARK = "（未翻译：译文未通过校验，显示原文。）"
POST = "2026-02-11"
LARGE = "fake-large"
TITLE = "SteerMoE: Steering mixtures of experts towards what a listener wants to hear"
ABSTRACT = (
    "We present SteerMoE, a 3B model for steering. "
    "It lowers the error by up to 57.7% with $O(n^2)$ operations on 12,000 recordings. "
    "The code is at https://example.org/steer."
)


def misbehaving(*wrong: Fault, only: str = "", **others: Any) -> FakeModel:
    """Create a model that mistranslates as given, call by call; with `only`, that paper alone."""
    return FakeModel(always=Mistranslates(*wrong, only=only), **others)


def publish_only(here: World, abstract: str = ABSTRACT, title: str = TITLE) -> None:
    """Publish one paper with that abstract, in place of the usual one."""
    here.arxiv.papers[:] = [replace(paper(1), abstract=abstract, title=title)]


def translations_asked(here: World) -> list[dict[str, Any]]:
    """Return the requests for translations, oldest first."""
    return [
        request
        for request in here.model.requests
        if request["messages"][0]["content"].startswith(("You translate", "You correct passages"))
    ]


def rows(here: World, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(here.folder / "arxiv-daily.db")) as database:
        return database.execute(query).fetchall()


def found(here: World) -> list[list[str]]:
    """Return the names of the findings in each attempt, oldest first."""
    kept = rows(here, "SELECT findings FROM attempts ORDER BY call_id")
    return [[each["flaw"] for each in json.loads(findings)] for (findings,) in kept]


def stored(here: World) -> list[str]:
    """Return the stored abstracts."""
    return [abstract for (abstract,) in rows(here, "SELECT abstract FROM translations")]


async def test_a_sound_translation_costs_one_call_and_its_attempt_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1) as here:
        publish_only(here)
        await here.run()
    [asked] = translations_asked(here)
    user = asked["messages"][1]["content"]
    assert "$O(n^2)$" not in user
    assert "https://example.org/steer" not in user
    assert "57.7%" in user
    assert found(here) == [[]]
    [abstract] = stored(here)
    assert "$O(n^2)$" in abstract
    assert "https://example.org/steer" in abstract
    assert MARK not in here.post(POST)


@pytest.mark.parametrize("formats", [("json_schema", "json_object"), ()])
async def test_what_is_wrong_goes_back_to_the_model_behind_the_same_prompt(
    tmp_path: Path, formats: tuple[str, ...]
) -> None:
    model = misbehaving(changed("57.7%", "57.1%"), soundly, formats=formats)
    async with world(tmp_path, model, papers=1) as here:
        publish_only(here)
        with capture_logs() as logs:
            await here.run()
    first, second = (request["messages"] for request in translations_asked(here)[-2:])
    assert second[0] == first[0]
    assert second[1]["content"].startswith(first[1]["content"])
    added = second[1]["content"].removeprefix(first[1]["content"])
    assert "57.7%" in added
    assert "57.1%" in added
    first_found, second_found = found(here)
    assert set(first_found) & {"number-missing", "number-invented"}
    assert second_found == []
    assert "57.7%" in here.post(POST)
    assert "57.1%" not in here.post(POST)
    [abstract] = stored(here)
    assert "57.7%" in abstract
    checked = [each for each in logs if each["event"] == "translation_checked"]
    assert [(each["attempt"], each["passes"]) for each in checked] == [(1, False), (2, True)]
    assert set(checked[0]["findings"]) == set(first_found)


WRONG = {
    "a number in other units": changed("3B", "3亿"),
    "a changed number": changed("12,000", "12万"),
    "a name translated": changed("SteerMoE", "转向专家"),
    "an address with another letter": with_abstract("{} https://example.org/stear"),
    "an addition": with_abstract("{}提升20%。"),
    "a mark that was never given": with_abstract("{}[[M9]]"),
    "a refusal": with_abstract("抱歉，我无法翻译这篇论文的摘要。"),
    "the English again": with_abstract(ABSTRACT),
    "traditional characters": with_abstract("我們提出一種為語音識別設計的模型，對錯誤率進行優化。"),
    "the same again and again": with_abstract("{}" + "这种方法在所有数据集上都明显优于既有的方法。" * 8),
}


@pytest.mark.parametrize("wrong", some_of(WRONG.values(), 4), ids=WRONG.keys())
async def test_what_stays_wrong_is_never_shown_and_the_original_stands_in_with_a_mark(
    tmp_path: Path, wrong: Fault
) -> None:
    async with world(tmp_path, misbehaving(wrong), papers=1) as here:
        publish_only(here)
        account = await here.run()
    assert account is not None
    assert (account.translated, account.read, account.failed) == (0, 1, 1)
    assert len(translations_asked(here)) == 2
    assert len(found(here)) == 2
    assert all(found(here))
    assert stored(here) == []
    post = here.post(POST)
    assert f"{MARK}\n\nWe present SteerMoE, a 3B model" in post
    assert "抱歉" not in post
    assert "详细解读" in post


async def test_the_larger_model_gets_only_the_sentences_that_fail(tmp_path: Path) -> None:
    model = misbehaving(changed("57.7%", "57.1%"), changed("57.7%", "57.2%"), soundly)
    async with world(tmp_path, model, papers=1, repair_model=LARGE) as here:
        publish_only(here)
        await here.run()
    asked = translations_asked(here)
    assert [request["model"] == LARGE for request in asked] == [False, False, True]
    user = asked[-1]["messages"][1]["content"]
    assert user.count("\nPassage ") == 1
    assert "57.7%" in user
    assert "3B" not in user
    assert len(found(here)) == 3
    assert found(here)[-1] == []
    [abstract] = stored(here)
    assert "57.7%" in abstract
    assert "3B" in abstract
    assert abstract.count("$O(n^2)$") == 1
    assert "example.org/steer" in abstract
    assert MARK not in here.post(POST)


async def test_a_larger_model_that_answers_with_too_few_passages_changes_nothing(tmp_path: Path) -> None:
    model = misbehaving(changed("57.7%", "57.1%"), changed("57.7%", "57.1%"), faults.says('{"passages": []}'))
    async with world(tmp_path, model, papers=1, repair_model=LARGE) as here:
        publish_only(here)
        await here.run()
    assert len(translations_asked(here)) == 3
    assert stored(here) == []
    assert MARK in here.post(POST)


async def test_no_paper_costs_more_than_three_calls(tmp_path: Path) -> None:
    blank, wrong = faults.says(""), changed("57.7%", "57.1%")
    for number, row in enumerate(
        ([blank, wrong], [blank, blank, wrong], [wrong, blank], [wrong, wrong, wrong])
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with world(folder, misbehaving(*row), papers=1, repair_model=LARGE) as here:
            publish_only(here)
            await here.run()
        assert len(translations_asked(here)) == 3
        assert stored(here) == []


async def test_what_was_marked_is_tried_again_by_the_next_run_and_completes_the_post(tmp_path: Path) -> None:
    async with world(tmp_path, misbehaving(changed("12.5%", "15.2%")), papers=2) as here:
        await here.run()
        assert here.post(POST).count(MARK) == 2
        here.model.always = None
        account = await here.run(WEDNESDAY_NOON + timedelta(minutes=30))
        assert account is not None
        assert (account.translated, account.failed) == (2, 0)
        assert MARK not in here.post(POST)
        asked = len(here.model.requests)
        await here.run(WEDNESDAY_NOON + timedelta(minutes=30))
        assert len(here.model.requests) == asked


async def test_what_fails_again_and_again_is_tried_with_growing_pauses_for_a_week(tmp_path: Path) -> None:
    async with world(tmp_path, misbehaving(changed("12.5%", "15.2%")), papers=1) as here:
        for hours, calls in (
            (0, 2),
            (0, 2),  # a restart pays for nothing
            (0.2, 2),
            (0.25, 4),
            (0.7, 4),
            (0.8, 6),
            (1.7, 6),
            (1.8, 8),
            (24 * 8, 10),
            (24 * 9, 10),
        ):
            await here.work(WEDNESDAY_NOON + timedelta(hours=hours))
            assert len(translations_asked(here)) == calls, hours
        assert MARK in here.post(POST)


async def test_a_model_that_gives_nothing_usable_is_paid_for_it_with_growing_pauses(tmp_path: Path) -> None:
    async with world(tmp_path, misbehaving(faults.says("no JSON")), papers=1) as here:
        for hours, calls in ((0, 3), (0, 3), (0.2, 3), (0.3, 6), (0.5, 6), (0.6, 9), (1.1, 9), (1.2, 12)):
            await here.work(WEDNESDAY_NOON + timedelta(hours=hours))
            assert len(translations_asked(here)) == calls, hours
        assert "显示原文" not in here.post(POST)


async def test_a_lost_hedge_is_repaired_once_and_then_accepted_with_its_finding(tmp_path: Path) -> None:
    async with world(tmp_path, misbehaving(changed("最多", "")), papers=1, repair_model=LARGE) as here:
        await here.run()
        asked = len(here.model.requests)
        await here.run(WEDNESDAY_NOON + DAY)
    assert len(translations_asked(here)) == 2
    assert len(here.model.requests) == asked
    assert found(here) == [["hedge"], ["hedge"]]
    [abstract] = stored(here)
    assert "12.5%" in abstract
    assert MARK not in here.post(POST)


async def test_a_repair_that_makes_it_worse_is_not_shown(tmp_path: Path) -> None:
    async with world(tmp_path, misbehaving(changed("最多", ""), changed("12.5%", "15.2%")), papers=1) as here:
        await here.run()
    assert len(found(here)) == 2
    [abstract] = stored(here)
    assert "12.5%" in abstract
    assert "15.2%" not in here.post(POST)


@pytest.mark.parametrize(("first", "shown"), [("最多", True), ("12.5%", False)])
async def test_where_the_repair_is_not_answered_the_first_answer_is_judged_alone(
    tmp_path: Path, first: str, *, shown: bool
) -> None:
    async with world(tmp_path, misbehaving(changed(first, ""), faults.status(400)), papers=1) as here:
        await here.run()
    assert len(stored(here)) == shown
    assert (MARK in here.post(POST)) != shown


@pytest.mark.parametrize(
    "around",
    [
        with_abstract("以下是翻译：\n\n{}"),
        with_abstract("```\n{}\n```"),
        changed("[[M1]]", "［［ Ｍ１ ］］"),
    ],
)
async def test_a_sound_text_in_a_model_s_wrapping_is_unwrapped_without_a_further_call(
    tmp_path: Path, around: Fault
) -> None:
    async with world(tmp_path, misbehaving(around), papers=1) as here:
        publish_only(here)
        await here.run()
    assert found(here) == [[]]
    [abstract] = stored(here)
    assert not abstract.startswith(("以下", "`"))
    assert abstract.count("$O(n^2)$") == 1


@pytest.mark.parametrize(
    "abstract",
    [
        "https://doi.org/10.1000/182",
        "We study how models refuse. They often say that they cannot help with a request, and apologise.",
    ],
)
async def test_an_unusual_abstract_is_translated_as_any_other(tmp_path: Path, abstract: str) -> None:
    async with world(tmp_path, papers=1) as here:
        publish_only(here, abstract, "On Refusals")
        await here.run()
    assert len(stored(here)) == 1
    assert MARK not in here.post(POST)


async def test_the_mark_is_in_what_is_sent_and_on_the_pages_too(tmp_path: Path) -> None:
    async with world(tmp_path, misbehaving(changed("12.5%", "15.2%"), only="2602.00001"), papers=2) as here:
        await here.run()
        async with here.app(WEDNESDAY_NOON) as app:
            shown = await daily_run.stored(app, date(2026, 2, 11), "zh-CN")
    assert shown is not None
    gaps = {entry.paper.version: entry.translation for entry in shown.entries}
    assert gaps[paper(1).version] is Gap.UNFAITHFUL
    assert not isinstance(gaps[paper(2).version], Gap)


async def test_a_term_that_one_paper_decides_is_given_to_the_next(tmp_path: Path) -> None:
    glossary = tmp_path / "own.csv"
    glossary.write_text("term,translation\nroom,房间|室\nerror,误差\n", "utf-8")
    model = misbehaving(changed("房间", "室"), only="2602.00002")  # the newest comes first
    async with world(tmp_path, model, papers=2, llm_concurrency=1, glossary_file=glossary) as here:
        await here.run()
    first, second = (request["messages"][1]["content"] for request in translations_asked(here))
    assert "room: 房间\n" in first
    assert "room: 室\n" in second
    assert "error: 误差\n" in first
    assert found(here) == [[], []]


async def test_what_was_translated_before_there_were_checks_stays_as_it_is(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        with closing(sqlite3.connect(here.folder / "arxiv-daily.db")) as database:
            database.execute("UPDATE translations SET prompt = 'older', abstract = '从前的译文。'")
            database.execute("DELETE FROM attempts")
            database.commit()
        asked = len(here.model.requests)
        await here.run()
        assert len(here.model.requests) == asked
    assert "从前的译文。" in here.post(POST)
    assert here.model.asked_for[Purpose.TRANSLATION, "2602.00001v1"] == 1
