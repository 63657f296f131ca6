"""Tests of the circuit breaker: similar refusals of many recipients."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.delivery.address_failures import RecipientAnswer, RefusalCircuitBreaker, Weight, weigh

NOW = datetime(2026, 2, 12, 1, 0, tzinfo=UTC)
UNKNOWN = "550 user unknown"
DOMAINS = ("a.example", "b.example", "c.example", "d.example")


def stops(
    brake: RefusalCircuitBreaker, *likenesses: str, domains: tuple[str, ...] = DOMAINS, first: int = 0
) -> list[bool]:
    """Return whether the channel stops at each of these answers, given to one subscriber after the other."""
    return [
        brake.note(first + at, RecipientAnswer(domains[at % len(domains)], likeness), NOW)
        for at, likeness in enumerate(likenesses)
    ]


@pytest.mark.parametrize(
    ("domains", "tried", "weight"),
    [
        (["a"], 1, Weight.FEW),
        (["a", "b"], 2, Weight.MANY),
        (["a", "b"], 3, Weight.MANY),
        (["a", "b"], 10, Weight.FEW),
        (["a", "b", "c"], 3, Weight.OURS),
        (["a", "b", "b"], 6, Weight.OURS),
        (["a", "b", "b"], 7, Weight.MANY),
        (["a", "b", "c"], 43, Weight.FEW),
        (["a", "b", "c", "d", "e"], 43, Weight.MANY),
        (["a"] * 22 + ["b"], 43, Weight.OURS),
        (["a"] * 43, 43, Weight.FEW),
    ],
)
def test_a_share_of_all_over_more_than_one_domain_is_about_us(
    domains: list[str], tried: int, weight: Weight
) -> None:
    assert weigh(domains, tried) is weight


def test_three_who_are_refused_alike_stop_the_channel_where_nobody_was_served() -> None:
    assert stops(RefusalCircuitBreaker(), UNKNOWN, UNKNOWN, UNKNOWN) == [False, False, True]


def test_refusals_of_one_domain_stop_the_channel_only_where_nobody_was_served() -> None:
    one = ("a.example",)
    assert stops(RefusalCircuitBreaker(), UNKNOWN, UNKNOWN, UNKNOWN, domains=one)[-1]
    assert not any(stops(RefusalCircuitBreaker(), "", *[UNKNOWN] * 20, domains=one))


def test_a_relay_that_begins_to_refuse_in_the_midst_of_a_long_run_stops_it_soon() -> None:
    brake = RefusalCircuitBreaker()
    assert not any(stops(brake, *[""] * 5000))
    assert stops(brake, *[UNKNOWN] * 20, first=5000).index(True) == 9


def test_scattered_unknown_addresses_stop_nothing() -> None:
    assert not any(stops(RefusalCircuitBreaker(), *(["", "", "", "", UNKNOWN] * 200)))


def test_after_a_stop_one_more_stops_at_once_and_one_who_is_served_ends_that() -> None:
    brake = RefusalCircuitBreaker()
    stops(brake, UNKNOWN, UNKNOWN, UNKNOWN)
    assert stops(brake, UNKNOWN, first=3) == [True]
    assert stops(brake, "", UNKNOWN, first=40) == [False, False] or brake.tripped


def test_a_run_in_which_nobody_was_served_proves_nothing() -> None:
    brake = RefusalCircuitBreaker()
    stops(brake, UNKNOWN, UNKNOWN)
    assert not brake.has_served
    unknown = RecipientAnswer("a.example", UNKNOWN)
    assert brake.weights([unknown]) == {unknown: Weight.OURS}


def test_a_whole_domain_that_knows_nobody_is_an_outage_and_ends_nobody_at_once() -> None:
    brake = RefusalCircuitBreaker()
    stops(brake, *[""] * 30, domains=("b.example", "c.example"))
    stops(brake, UNKNOWN, UNKNOWN, UNKNOWN, domains=("a.example",), first=30)
    unknown = RecipientAnswer("a.example", UNKNOWN)
    assert brake.weights([unknown]) == {unknown: Weight.MANY}


def test_a_run_begins_anew_after_a_day_without_any() -> None:
    brake = RefusalCircuitBreaker()
    stops(brake, "")
    brake.note(1, RecipientAnswer("a.example", UNKNOWN), NOW + timedelta(days=2))
    assert not brake.has_served


def test_refusals_that_others_who_are_served_interrupt_stop_nothing() -> None:
    assert not any(stops(RefusalCircuitBreaker(), *["", UNKNOWN, UNKNOWN, UNKNOWN] * 50))


def test_who_failed_before_says_nothing_about_the_relay_but_weighs_among_all() -> None:
    brake = RefusalCircuitBreaker()
    unknown = RecipientAnswer("a.example", UNKNOWN)
    assert not any(
        brake.note(each, RecipientAnswer(DOMAINS[each % 4], UNKNOWN), NOW, is_expected=True)
        for each in range(20)
    )
    stops(brake, *[""] * 20, first=20)
    assert brake.weights([unknown]) == {unknown: Weight.OURS}


def test_who_hears_the_same_again_says_nothing_new() -> None:
    brake = RefusalCircuitBreaker()
    assert not any(stops(brake, UNKNOWN, UNKNOWN) + stops(brake, UNKNOWN, UNKNOWN))
    assert stops(brake, UNKNOWN, first=2) == [True]
    assert stops(brake, UNKNOWN) == [True]
