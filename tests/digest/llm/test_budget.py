from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest.core.errors import BudgetSpentError
from digest.core.models import Purpose
from digest.llm.budget import Budget, estimate_tokens

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 2, 9, 4, 0, tzinfo=UTC)  # in Shanghai
READING, TRANSLATION = Purpose.READING, Purpose.TRANSLATION


def test_readings_stop_at_four_fifths_and_translations_go_on() -> None:
    budget = Budget(1000, SHANGHAI)
    budget.reserve(READING, 700, NOON)
    budget.settle(700, 750, NOON)
    with pytest.raises(BudgetSpentError, match="further readings before 2026-02-10 00:00"):
        budget.reserve(READING, 100, NOON)
    budget.reserve(TRANSLATION, 250, NOON)
    with pytest.raises(BudgetSpentError, match="further translations"):
        budget.reserve(TRANSLATION, 1, NOON)


def test_terms_of_an_edition_stop_before_translations() -> None:
    budget = Budget(1000, SHANGHAI)
    budget.reserve(Purpose.TERM_LIST, 900, NOON)
    with pytest.raises(BudgetSpentError, match="further term-lists"):
        budget.reserve(Purpose.TERM_LIST, 1, NOON)
    budget.reserve(TRANSLATION, 100, NOON)


def test_calls_under_way_count() -> None:
    budget = Budget(1000, SHANGHAI)
    for _ in range(8):
        budget.reserve(READING, 100, NOON)
    with pytest.raises(BudgetSpentError):
        budget.reserve(READING, 1, NOON)
    budget.settle(100, 20, NOON)
    budget.reserve(READING, 80, NOON)


def test_the_budget_is_new_at_midnight_in_its_zone() -> None:
    budget = Budget(1000, SHANGHAI)
    budget.reserve(TRANSLATION, 1000, NOON)
    budget.settle(1000, 1000, NOON)
    with pytest.raises(BudgetSpentError):
        budget.reserve(TRANSLATION, 1, datetime(2026, 2, 9, 15, 59, tzinfo=UTC))
    budget.reserve(TRANSLATION, 1000, datetime(2026, 2, 9, 16, 0, tzinfo=UTC))


def test_a_call_over_midnight_counts_for_the_day_it_ends_on() -> None:
    budget = Budget(1000, SHANGHAI)
    budget.reserve(TRANSLATION, 600, NOON)
    budget.settle(600, 600, NOON + timedelta(days=1))
    with pytest.raises(BudgetSpentError):
        budget.reserve(TRANSLATION, 500, NOON + timedelta(days=1))


def test_what_was_spent_before_a_restart_counts_on_its_own_day_only() -> None:
    budget = Budget(1000, SHANGHAI)
    budget.resume(date(2026, 2, 9), 900)
    with pytest.raises(BudgetSpentError):
        budget.reserve(TRANSLATION, 200, NOON)
    budget.reserve(TRANSLATION, 200, NOON + timedelta(days=1))


def test_a_clock_that_steps_back_over_midnight_gives_no_new_budget() -> None:
    budget = Budget(1000, SHANGHAI)
    midnight = datetime(2026, 2, 9, 16, 0, tzinfo=UTC)
    budget.reserve(TRANSLATION, 900, midnight)
    budget.settle(900, 900, midnight - timedelta(seconds=1))
    with pytest.raises(BudgetSpentError):
        budget.reserve(TRANSLATION, 200, midnight + timedelta(seconds=1))


def test_a_budget_that_can_never_hold_a_call_says_so() -> None:
    with pytest.raises(BudgetSpentError, match="too small for a reading of about 900 tokens"):
        Budget(1000, SHANGHAI).reserve(READING, 900, NOON)


def test_without_a_limit_nothing_stops() -> None:
    budget = Budget(None, SHANGHAI)
    for _ in range(100):
        budget.reserve(READING, 10**9, NOON)
        budget.settle(10**9, 10**9, NOON)


def test_estimates_count_chinese_by_the_character_and_the_answer_too() -> None:
    empty = estimate_tokens(TRANSLATION, "")
    assert estimate_tokens(TRANSLATION, "abc" * 100) - empty == 100
    assert estimate_tokens(TRANSLATION, "中文" * 100) - empty == 200
    assert estimate_tokens(READING, "") > empty > 0
