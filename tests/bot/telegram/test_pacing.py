import random
from collections import Counter, defaultdict

import pytest

from bot.telegram.pacing import Scope, SendQueue, Ticket

Grants = list[tuple[float, Ticket]]


def joined(pacing: SendQueue, *scopes: Scope, now: float = 0, urgent: bool = False) -> list[Ticket]:
    tickets = [pacing.ticket(scope, urgent=urgent) for scope in scopes]
    for ticket in tickets:
        pacing.join(ticket, now)
    return tickets


def run(pacing: SendQueue, now: float = 0, until: float = float("inf"), late: float = 0) -> Grants:
    """Return all grants from `now` to `until`; each timer fires up to `late` seconds after its time."""
    chance = random.Random(1)
    grants: Grants = []
    while (at := pacing.next_at(now)) is not None and at <= until:
        now = max(now, at) + chance.uniform(0, late)
        while ticket := pacing.grant(now):
            grants.append((now, ticket))
    return grants


def most_within(seconds: float, times: list[float]) -> int:
    first, most = 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("late", [0, 0.003, 0.02])
def test_a_thousand_chats_get_25_a_second_at_first(late: float) -> None:
    pacing = SendQueue(30)
    joined(pacing, *(chat for _ in range(4) for chat in range(1, 1001)))
    grants = run(pacing, late=late)
    times = [time for time, _ in grants]
    assert len(grants) == 4000
    assert most_within(1, times) <= 28  # timers are late, and it makes up for that
    assert len(grants) / (times[-1] - times[0]) == pytest.approx(25, rel=0.01)


def test_a_private_chat_gets_one_a_second() -> None:
    pacing = SendQueue(30)
    joined(pacing, *[1] * 50)
    times = [time for time, _ in run(pacing)]
    assert most_within(1, times) == 1
    assert times[-1] == pytest.approx(49 * 1.01)


@pytest.mark.parametrize("group", [-1001, "@channel"])
def test_a_group_gets_twenty_a_minute_at_one_a_second(group: Scope) -> None:
    pacing = SendQueue(30)
    joined(pacing, *[group] * 65)
    times = [time for time, _ in run(pacing)]
    assert most_within(1, times) == 1
    assert most_within(60, times) == 20
    assert times[-1] == pytest.approx(3 * 60.6 + 4 * 1.01)


def test_chats_that_have_to_wait_hold_no_other_up() -> None:
    pacing = SendQueue(30)
    joined(pacing, *[-1] * 100, *[2] * 100)
    joined(pacing, *range(10, 110))
    grants = run(pacing, until=5)
    per_chat = Counter(ticket.scope for _, ticket in grants)
    assert sum(per_chat[chat] for chat in range(10, 110)) == 100
    assert per_chat[-1] == per_chat[2] == 5


def test_messages_without_a_chat_know_only_the_overall_rate() -> None:
    pacing = SendQueue(30)
    joined(pacing, *[None] * 300)
    times = [time for time, _ in run(pacing)]
    assert most_within(1, times) <= 28
    assert times[-1] < 12.2


def test_an_urgent_message_overtakes_twenty_thousand_that_wait() -> None:
    pacing = SendQueue(30)
    joined(pacing, *range(1, 20_001))
    run(pacing, until=10)
    (ticket,) = joined(pacing, 99_999, now=10, urgent=True)
    time, first = run(pacing, now=10, until=11)[0]
    assert first is ticket
    assert time - 10 < 0.15


def test_messages_of_one_priority_go_in_the_order_they_came() -> None:
    pacing = SendQueue(30)
    tickets = joined(pacing, *range(1, 200))
    assert [ticket for _, ticket in run(pacing)] == tickets


def test_a_ticket_that_joins_again_keeps_its_place() -> None:
    pacing = SendQueue(30)
    tickets = joined(pacing, *range(1, 100))
    assert pacing.grant(0) is tickets[0]
    pacing.join(tickets[0], 0)
    grants = run(pacing, now=1.01)
    assert grants[0][1] is tickets[0]


def test_a_place_that_is_given_up_costs_nothing() -> None:
    pacing = SendQueue(30)
    tickets = joined(pacing, *[1] * 5, *range(2, 1000))
    for ticket in tickets[:-1]:
        pacing.leave(ticket, 0)
        pacing.leave(ticket, 0)
    assert run(pacing) == [(0, tickets[-1])]


def test_everything_pauses_and_goes_on_at_the_rate() -> None:
    pacing = SendQueue(30)
    joined(pacing, *range(1, 101))
    pacing.pause_all(5)
    pacing.pause_all(3)
    times = [time for time, _ in run(pacing)]
    assert min(times) == 5
    assert most_within(1, times) <= 28


def test_a_chat_pauses_alone() -> None:
    pacing = SendQueue(30)
    joined(pacing, -1, -1, 2, 3)
    pacing.pause(-1, 60, 0)
    times = defaultdict(list)
    for time, ticket in run(pacing):
        times[ticket.scope].append(time)
    assert times[-1] == [60, pytest.approx(61.01)]
    assert max(times[2] + times[3]) < 0.1


def test_without_an_overall_rate_chats_keep_their_own() -> None:
    pacing = SendQueue(0)
    joined(pacing, *range(1, 1001), 1)
    times = [time for time, _ in run(pacing)]
    assert times == [0] * 1000 + [1.01]


def test_without_limits_only_pauses_hold_messages_up() -> None:
    pacing = SendQueue(None)
    joined(pacing, *[1] * 500, -1)
    pacing.pause(-1, 7, 0)
    times = [time for time, _ in run(pacing)]
    assert times == [0] * 500 + [7]


@pytest.mark.parametrize(("rate", "seconds"), [(0.5, 2.02), (1, 1.01), (1.5, 1.01)])
def test_slow_rates_are_spaced(rate: float, seconds: float) -> None:
    pacing = SendQueue(rate)
    joined(pacing, *range(1, 6))
    assert [time for time, _ in run(pacing)][-1] == pytest.approx(4 * seconds)


def test_chats_are_forgotten_when_they_could_go_at_once_again() -> None:
    pacing = SendQueue(0)
    joined(pacing, *range(-1000, 1000))
    run(pacing)
    assert len(pacing) == 2000
    assert pacing.next_at(2) is None
    assert len(pacing) == 1000
    assert pacing.next_at(61) is None
    assert len(pacing) == 0


def test_memory_is_bounded_while_messages_come_and_give_up_behind_a_pause() -> None:
    pacing = SendQueue(30)
    joined(pacing, 1)
    pacing.pause_all(1e9)
    for now in range(10_000):
        for ticket in joined(pacing, 2 + now % 100, now=now):
            pacing.leave(ticket, now)
    assert len(pacing) <= 102
    assert sum(len(heap) for heap in pacing._heaps.values()) < 1000


def test_any_order_of_events_keeps_the_rates_and_loses_nothing() -> None:
    chance = random.Random(7)
    pacing = SendQueue(10)
    waiting: list[Ticket] = []
    times: dict[Scope, list[float]] = defaultdict(list)
    now, granted, left = 0.0, 0, 0
    for _ in range(5000):
        now += chance.expovariate(12)
        event = chance.random()
        if event < 0.6:
            urgent = chance.random() < 0.2
            waiting += joined(pacing, chance.choice([1, 2, 3, -4, *range(10, 60)]), now=now, urgent=urgent)
        elif event < 0.65 and waiting:
            pacing.leave(waiting.pop(chance.randrange(len(waiting))), now)
            left += 1
        elif event < 0.66:
            pacing.pause(chance.choice([1, -4, 20]), now + 3, now)
        while ticket := pacing.grant(now):
            waiting.remove(ticket)
            times[ticket.scope].append(now)
            granted += 1
    rest = run(pacing, now=now)
    assert {ticket for _, ticket in rest} == set(waiting)
    for time, ticket in rest:
        times[ticket.scope].append(time)
    assert most_within(1, sorted(time for per_chat in times.values() for time in per_chat)) <= 10
    assert all(most_within(1, per_chat) == 1 for per_chat in times.values())
    assert most_within(60, times[-4]) <= 20
    assert granted > 1000
    assert left > 100
