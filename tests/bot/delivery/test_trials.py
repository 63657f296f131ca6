"""Tests of the trial recipients of a channel that has refused us."""

from bot.delivery.worker import RefusalScope, Trials


def tried(trials: Trials, recipient: int) -> RefusalScope:
    """Try this recipient and return the scope of its refusal."""
    trials.try_on(recipient)
    return trials.met(recipient, is_answer=True)


def test_after_a_refusal_three_others_are_tried_and_then_it_is_clear() -> None:
    trials = Trials()
    assert [tried(trials, each) for each in range(4)] == [RefusalScope.DOUBTFUL] * 3 + [RefusalScope.CLEAR]


def test_after_a_pause_one_more_refusal_is_clear_at_once_and_one_who_is_served_ends_that() -> None:
    trials = Trials()
    for each in range(4):
        tried(trials, each)
    assert tried(trials, 4) is RefusalScope.CLEAR
    trials.served(5)
    assert not trials.are_on
    assert tried(trials, 6) is RefusalScope.DOUBTFUL


def test_those_who_were_under_way_at_the_first_refusal_are_no_trials() -> None:
    trials = Trials()
    for each in range(16):
        trials.try_on(each)
    assert {trials.met(each, is_answer=True) for each in range(15)} == {RefusalScope.DOUBTFUL}


def test_what_answers_no_single_message_is_clear() -> None:
    assert Trials().met(1, is_answer=False) is RefusalScope.CLEAR


def test_who_is_refused_twice_with_others_served_in_between_is_refused_alone_from_then_on() -> None:
    trials = Trials()
    assert tried(trials, 1) is RefusalScope.DOUBTFUL
    for other in (2, 3, 4):
        trials.served(other)
    assert [tried(trials, 1), tried(trials, 1)] == [RefusalScope.ALONE, RefusalScope.ALONE]
    assert not trials.are_on


def test_trials_are_spread_over_all_that_is_due() -> None:
    trials = Trials()
    assert [trials.place(100) for _ in range(4)] == [61, 23, 85, 47]
    assert trials.place(1) == 0
