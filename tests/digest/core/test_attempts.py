from dataclasses import replace
from datetime import timedelta

import pytest

from digest.core.findings import (
    Attempt,
    Flaw,
    finding,
    is_asked_again,
    is_attempt_due,
    unfinished_attempt,
)
from digest.core.models import Call, Origin, Purpose
from tests.papers import MONDAY_MORNING, paper

NOW = MONDAY_MORNING
HOUR = timedelta(hours=1)


def refused(rows: int, calls: int = 1) -> list[Attempt]:
    """Return the attempts of that many rows, which all ended now."""
    call = Call(NOW, Purpose.TRANSLATION, paper().version, "zh-CN", Origin("small", "p"), "ok", 10, 10, 0)
    return [
        Attempt(number, call, "标题", "摘要", "一句话", ())
        for _ in range(rows)
        for number in range(1, calls + 1)
    ]


def test_what_was_never_tried_or_cut_off_in_its_first_row_is_due_at_once() -> None:
    assert is_attempt_due([], NOW)
    assert is_attempt_due(refused(1, calls=1), NOW)
    assert not is_attempt_due(refused(2, calls=1), NOW)


@pytest.mark.parametrize(
    ("rows", "pause"),
    [(1, HOUR / 4), (2, HOUR / 2), (3, HOUR), (4, 2 * HOUR), (9, 24 * HOUR), (100, 24 * HOUR)],
)
def test_the_pauses_double_from_a_quarter_of_an_hour_to_a_day(rows: int, pause: timedelta) -> None:
    tried = refused(rows, calls=2)
    assert not is_attempt_due(tried, NOW + pause - timedelta(seconds=1))
    assert is_attempt_due(tried, NOW + pause)


@pytest.mark.parametrize(
    ("ago", "pause"),
    [
        ([timedelta()] * 3, HOUR / 4),
        ([HOUR / 2, timedelta()], HOUR / 2),
        ([4 * HOUR, HOUR, timedelta()], 4 * HOUR),
        ([100 * HOUR, timedelta()], 24 * HOUR),
    ],
)
def test_the_longer_a_model_gives_nothing_usable_the_less_it_is_asked(
    ago: list[timedelta], pause: timedelta
) -> None:
    call = refused(1)[0].call
    fruitless = [replace(call, at=NOW - each) for each in ago]
    assert is_asked_again([], NOW)
    assert is_asked_again([call], NOW)
    assert not is_asked_again(fruitless, NOW + pause - timedelta(seconds=1))
    assert is_asked_again(fruitless, NOW + pause)


def test_a_text_that_passed_before_the_process_ended_is_taken_up_again() -> None:
    first, second = (replace(refused(1)[0], number=number) for number in (1, 2))
    soft, hard = finding(Flaw.HEDGE, "may"), finding(Flaw.NUMBER_MISSING, "12.5%")
    meaning = finding(Flaw.MEANING, "reversed: 摘要")
    assert unfinished_attempt([]) is None
    assert unfinished_attempt([first]) == first
    assert unfinished_attempt([first, second]) == second
    assert unfinished_attempt([first, replace(second, findings=(soft,))]) == first
    wrong, repaired = replace(first, findings=(meaning,)), replace(second, findings=(soft, soft))
    assert unfinished_attempt([wrong, repaired]) == repaired  # however small its flaws
    assert unfinished_attempt([replace(first, findings=(hard,))]) is None
    assert unfinished_attempt([first, replace(first, findings=(hard,))]) is None  # of the last series
    assert unfinished_attempt([replace(first, abstract=None)]) is None  # pruned
