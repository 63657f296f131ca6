from dataclasses import replace
from datetime import timedelta

import pytest

from digest.attempts import Attempt, is_asked_again, is_due
from digest.models import Call, Origin, Purpose
from tests.papers import MONDAY_MORNING, paper

NOW = MONDAY_MORNING
HOUR = timedelta(hours=1)


def refused(rows: int, calls: int = 1) -> list[Attempt]:
    """The attempts of so many rows, which all ended now."""
    call = Call(NOW, Purpose.TRANSLATION, paper().version, "zh-CN", Origin("small", "p"), "ok", 10, 10, 0)
    return [
        Attempt(number, call, "标题", "摘要", "一句话", ())
        for _ in range(rows)
        for number in range(1, calls + 1)
    ]


@pytest.mark.parametrize("rows", [0, 1])
def test_after_its_first_failure_a_translation_is_due_at_once(rows: int) -> None:
    assert is_due(refused(rows, calls=3), NOW)


@pytest.mark.parametrize(
    ("rows", "pause"), [(2, HOUR / 2), (3, HOUR), (4, 2 * HOUR), (8, 24 * HOUR), (100, 24 * HOUR)]
)
def test_the_pauses_double_from_half_an_hour_to_a_day(rows: int, pause: timedelta) -> None:
    tried = refused(rows, calls=2)
    assert not is_due(tried, NOW + pause - timedelta(seconds=1))
    assert is_due(tried, NOW + pause)


def useless(*outcomes: str) -> list[Call]:
    """Calls that ended so, all now."""
    asked = refused(1)[0].call
    return [replace(asked, outcome=outcome) for outcome in outcomes]


@pytest.mark.parametrize(
    ("outcomes", "pause"),
    [
        (["blank"] * 5, timedelta()),
        (["blank", "half-json", "wrong-shape"] * 2, HOUR / 2),
        (["refusal"] * 9, HOUR),
        (["ok", "timeout", "server-error", "throttled", "no-completion"] * 10, timedelta()),
    ],
)
def test_a_model_that_gives_nothing_usable_is_asked_less_and_less(
    outcomes: list[str], pause: timedelta
) -> None:
    asked = useless(*outcomes)
    assert not pause or not is_asked_again(asked, NOW + pause - timedelta(seconds=1))
    assert is_asked_again(asked, NOW + pause)
