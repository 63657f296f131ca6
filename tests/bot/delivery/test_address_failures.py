"""Tests of a refusal's effect on an address, by its text, the number of refused recipients and the time of failing."""

from datetime import timedelta

import pytest

from bot.delivery.address_failures import Ruling, Weight, ruling
from bot.delivery.channel import DeferredError, DeliveryError, DeliveryRefusedError, EndedError, StruckError

GONE = EndedError("550 5.1.1").alike("550 user unknown")
FULL = StruckError("552 5.2.2").alike("552 mailbox full")
UNCLEAR = StruckError("550", is_certain=False).alike("550 rejected")
BUSY = DeferredError("450 4.2.1", is_failing=True)
LATER = DeferredError("450", is_failing=True).alike("450 not now")
ERRORS = (GONE, FULL, UNCLEAR, BUSY, LATER)
DAYS = timedelta(days=1)
NEW, OLD, OVER = 0 * DAYS, 13 * DAYS, 14 * DAYS
COMMON = (Weight.MANY, Weight.OURS)


def ends(error: DeliveryError, weight: Weight, failing: timedelta) -> bool:
    return ruling(error, weight, failing, is_proven=True).ends


@pytest.mark.parametrize("weight", list(Weight))
@pytest.mark.parametrize("error", [*ERRORS, DeliveryRefusedError("552 5.3.4").alike("552 too large")])
def test_nothing_counts_and_nobody_ends_where_nobody_was_served(error: DeliveryError, weight: Weight) -> None:
    found = ruling(error, weight, 100 * DAYS, is_proven=False)
    assert (found.counts, found.ends) == (False, False)


def test_only_who_does_not_exist_ends_at_once_and_only_where_few_are_refused_alike() -> None:
    ended = [(error, weight) for error in ERRORS for weight in Weight if ends(error, weight, OLD)]
    assert ended == [(GONE, Weight.FEW)]


@pytest.mark.parametrize("weight", list(Weight))
@pytest.mark.parametrize("error", [GONE, FULL, BUSY])
def test_what_blames_the_address_ends_it_after_two_weeks_however_many_are_refused_alike(
    error: DeliveryError, weight: Weight
) -> None:
    assert ruling(error, weight, NEW, is_proven=True).counts
    assert ends(error, weight, OVER)


@pytest.mark.parametrize("error", [UNCLEAR, LATER])
def test_what_blames_nobody_ends_an_address_only_where_few_hear_it(error: DeliveryError) -> None:
    assert [weight for weight in Weight if ends(error, weight, 100 * DAYS)] == [Weight.FEW]
    assert not ruling(error, Weight.OURS, NEW, is_proven=True).counts


@pytest.mark.parametrize("weight", COMMON)
def test_who_is_refused_like_many_is_tried_again_for_half_a_day(weight: Weight) -> None:
    assert ruling(GONE, weight, DAYS / 2 - timedelta(seconds=1), is_proven=True).again
    assert not ruling(GONE, weight, DAYS / 2, is_proven=True).again
    assert not ruling(FULL, Weight.FEW, NEW, is_proven=True).again


def test_a_message_that_is_refused_for_what_it_is_counts_against_no_address() -> None:
    too_large = DeliveryRefusedError("552 5.3.4").alike("552 too large")
    assert ruling(too_large, Weight.FEW, OVER, is_proven=True) == Ruling(False, False, False)
