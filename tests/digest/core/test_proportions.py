"""Proportions: the interval agrees with published values, and says how little a small sample tells."""

import pytest

from digest.core.proportions import Proportion


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (8, 10, 0.4902, 0.9433), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_that_of_wilson(hits: int, total: int, low: float, high: float) -> None:
    assert Proportion(hits, total).interval == pytest.approx((low, high), abs=1e-4)


def test_without_cases_nothing_is_known() -> None:
    nothing = Proportion(0, 0)
    assert (nothing.share, nothing.interval, str(nothing)) == (None, (0.0, 1.0), "–")


def test_a_proportion_is_shown_in_percent_with_its_interval() -> None:
    assert str(Proportion(8, 10)) == "80 % (49 to 94)"
