from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from digest.core.findings import Attempt, Finding, Flaw
from digest.core.models import BY_HAND, Call, Origin, Price, Purpose, Spent, Translation
from digest.pipeline.quality import CheckedReading, Found, Quality, TextStatus, checked, spent
from tests.papers import paper

NOW = datetime(2026, 2, 10, tzinfo=UTC)
HARD = Finding(Flaw.NUMBER_MISSING, "12.5%")
SOFT = Finding(Flaw.HEDGE, "up to", hard=False)
VERSION = paper(1).version
SMALL = Origin("small", "p")


def call(model: str = "small", tokens: int = 100) -> Call:
    return Call(
        NOW,
        Purpose.TRANSLATION,
        VERSION,
        "zh-CN",
        Origin(model, "p"),
        "ok",
        tokens,
        tokens // 10,
        tokens // 2,
    )


def attempts(*findings: tuple[Finding, ...]) -> list[Attempt]:
    """Return the attempts at the paper, each with its findings; the third is that of the larger model."""
    return [
        Attempt(number, call("large" if number == 3 else "small"), "标题", "摘要", "一句话", found)
        for number, found in enumerate(findings, start=1)
    ]


def judged(tried: list[Attempt], origin: Origin | None = SMALL) -> Quality:
    """Return the quality report of an edition of that paper, whose translation, if there is one, is by `origin`."""
    shown = {VERSION: Translation(VERSION, "zh-CN", "标题", "摘要", "一句话", origin)} if origin else {}
    papers = checked([VERSION], shown, {VERSION: tried} if tried else {})
    return Quality(date(2026, 2, 10), "zh-CN", papers, (), spent([each.call for each in tried]))


@pytest.mark.parametrize(
    ("tried", "origin", "standing"),
    [
        (attempts(()), SMALL, TextStatus.SOUND),
        (attempts((HARD,), ()), SMALL, TextStatus.REPAIRED),
        (attempts((HARD,), (HARD,), ()), SMALL, TextStatus.REPAIRED),
        (attempts((SOFT,), (SOFT,)), SMALL, TextStatus.ACCEPTED),
        (attempts((SOFT,), (HARD,)), SMALL, TextStatus.ACCEPTED),
        (attempts((HARD,), (HARD,)), None, TextStatus.MARKED),
        (attempts((HARD,), (HARD,)), BY_HAND, TextStatus.BY_HAND),
        (attempts((HARD,), (HARD,)), Origin("old", "q"), TextStatus.UNCHECKED),
        ([], Origin("imported", "imported"), TextStatus.UNCHECKED),
        ([], None, TextStatus.NONE),
    ],
)
def test_a_translation_stands_as_its_attempts_say(
    tried: list[Attempt], origin: Origin | None, standing: TextStatus
) -> None:
    made = judged(tried, origin)
    assert made.standings == {standing: 1}
    assert made.checked == bool(tried)


def test_findings_are_counted_by_kind_and_model_and_those_that_readers_see_apart() -> None:
    assert judged(attempts((HARD, SOFT), (HARD, SOFT), (SOFT,))).found == (
        Found(Purpose.TRANSLATION, Flaw.NUMBER_MISSING, "small", hard=True, times=2, left=0),
        Found(Purpose.TRANSLATION, Flaw.HEDGE, "small", hard=False, times=2, left=0),
        Found(Purpose.TRANSLATION, Flaw.HEDGE, "large", hard=False, times=1, left=1),
    )


def test_of_a_translation_by_hand_readers_see_none_of_the_models_faults() -> None:
    assert [found.left for found in judged(attempts((SOFT,), (SOFT,)), BY_HAND).found] == [0]


def test_what_readings_dropped_and_what_is_odd_in_them_is_counted_apart() -> None:
    dropped, odd = Finding(Flaw.UNFOUNDED), Finding(Flaw.DIRECTION, "LPIPS", hard=False)
    read = CheckedReading(VERSION, SMALL, (dropped, dropped, odd))
    assert replace(judged(attempts(())), readings=(read,)).found == (
        Found(Purpose.READING, Flaw.UNFOUNDED, "small", hard=True, times=2, left=0),
        Found(Purpose.READING, Flaw.DIRECTION, "small", hard=False, times=1, left=1),
    )


def test_tokens_are_summed_by_model_and_priced_by_what_was_cached() -> None:
    made = judged(attempts((HARD,), (HARD,), ()))
    small, large = made.spent
    assert small == Spent(Purpose.TRANSLATION, "small", 2, 200, 100, 20)
    assert large == replace(
        small, model="large", calls=1, prompt_tokens=100, cached_tokens=50, answer_tokens=10
    )
    price = Price(prompt=2, cached=1, answer=10)
    assert price.of(small) == pytest.approx((100 * 2 + 100 * 1 + 20 * 10) / 1_000_000)
    assert made.cost({"small": price}) is None
    assert made.cost({"small": price, "large": price}) == pytest.approx(price.of(small) * 1.5)
