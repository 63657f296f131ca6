"""Editions with endpoints of all dialects: each paper is translated and read, and a dialect is learned once."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from digest.llm.errors import CallOutcome
from tests.bot.world import WEDNESDAY_NOON, World, publish, world
from tests.fakes.documents import html_page
from tests.fakes.model import FakeModel
from tests.fakes.model_dialects import DIALECTS, Dialect
from tests.papers import paper

DAY = timedelta(days=1)
ALWAYS = {"openai, reasoning", "qwen, thinking", "groq", "ollama, 4096 tokens"}
"""The dialects that are tried each time; the others are tried by `make test-all`."""


def _publish(here: World, dialect: Dialect, day: int) -> None:
    """Publish three papers that are new `day` days later, as many days as it takes to show the dialect."""
    for number in range(3 * day + 1, 3 * day + 4):
        if day:
            publish(here.arxiv, number, submitted=WEDNESDAY_NOON - DAY / 2)
        made = paper(number)
        here.arxiv.html[str(made.version)] = html_page(made.title, number, max(6000, 40 * dialect.lines))


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(each, id=each.name, marks=[] if each.name in ALWAYS else [pytest.mark.play])
        for each in DIALECTS
    ],
)
async def test_an_edition_is_whole_and_the_next_one_costs_no_more_than_others(
    tmp_path: Path, dialect: Dialect
) -> None:
    model = FakeModel(always=dialect)
    async with world(tmp_path, model, translation_model="small", reading_model="large") as here:
        _publish(here, dialect, 0)
        account = await here.run()
        assert account
        assert (account.papers, account.translated, account.read) == (3, 3, 3)
        learning = here.outcomes()
        _publish(here, dialect, 1)
        account = await here.run(WEDNESDAY_NOON + DAY)
        assert account
        assert (account.papers, account.translated, account.read) == (3, 3, 3)
        assert "草稿" not in here.post("2026-02-11") + here.post("2026-02-12")
        outcomes = Counter(outcome for _, outcome in here.outcomes()[len(learning) :])
    assert outcomes.total() <= 1.5 * outcomes["ok"]
    assert not [each for each in outcomes if CallOutcome(each).is_learned_from]
    refused = Counter(each for each in learning if CallOutcome(each[1]).is_learned_from)
    assert all(number <= 2 for number in refused.values())
