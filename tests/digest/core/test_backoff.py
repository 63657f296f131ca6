"""Tests of the pause before the next attempt."""

from datetime import timedelta

from digest.core.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(timedelta(seconds=30), timedelta(hours=1))
    assert [backoff.pause(doublings).total_seconds() for doublings in (0, 1, 2, 6, 7)] == [
        30,
        60,
        120,
        1920,
        3600,
    ]


def test_who_has_failed_for_years_waits_for_the_longest_pause() -> None:
    assert Backoff(timedelta(days=1), timedelta(days=9)).pause(1_000_000) == timedelta(days=9)
