import asyncio

import pytest

from digest.core.singleflight import Listeners, SingleFlight


class Work:
    """Work that ends on command, and counts how often it was begun."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.ended = False
        self.may_end = asyncio.Event()
        self._error = error

    async def __call__(self, _: Listeners) -> str:
        self.begun += 1
        await self.may_end.wait()
        self.ended = True
        if self._error:
            raise self._error
        return "made"


async def landed(single_flight: SingleFlight, key: str) -> None:
    while single_flight.is_under_way(key):  # noqa: ASYNC110 - a turn of the loop, no time
        await asyncio.sleep(0)


async def test_what_many_ask_for_at_once_is_done_once() -> None:
    single_flight, work = SingleFlight(), Work()
    asked = [asyncio.create_task(single_flight.once("a", work)) for _ in range(10)]
    await asyncio.sleep(0)
    work.may_end.set()
    assert await asyncio.gather(*asked) == ["made"] * 10
    assert work.begun == 1


async def test_other_work_is_not_waited_for() -> None:
    single_flight, slow, quick = SingleFlight(), Work(), Work()
    first = asyncio.create_task(single_flight.once("slow", slow))
    quick.may_end.set()
    assert await single_flight.once("quick", quick) == "made"
    assert not first.done()
    slow.may_end.set()
    await first


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    single_flight, work = SingleFlight(), Work()
    one, other = (asyncio.create_task(single_flight.once("a", work)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    work.may_end.set()
    assert await other == "made"


async def test_work_goes_on_when_nobody_waits_any_more() -> None:
    single_flight, work = SingleFlight(), Work()
    only = asyncio.create_task(single_flight.once("a", work))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    work.may_end.set()
    await landed(single_flight, "a")
    assert work.ended


async def test_a_fault_reaches_all_who_wait_and_the_next_try_is_a_new_one() -> None:
    single_flight, work = SingleFlight(), Work(ValueError("no"))
    asked = [asyncio.create_task(single_flight.once("a", work)) for _ in range(2)]
    await asyncio.sleep(0)
    work.may_end.set()
    assert [type(error) for error in await asyncio.gather(*asked, return_exceptions=True)] == [ValueError] * 2
    with pytest.raises(ValueError, match="no"):
        await single_flight.once("a", work)
    assert work.begun == 2


async def test_closing_cuts_off_what_is_under_way() -> None:
    single_flight, work = SingleFlight(), Work()
    waiting = asyncio.create_task(single_flight.once("a", work))
    await asyncio.sleep(0)
    await single_flight.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not work.ended


async def test_all_who_join_hear_what_is_written_also_what_was_before() -> None:
    single_flight = SingleFlight()
    first: list[str] = []
    second: list[str] = []
    may_end = asyncio.Event()

    async def work(listeners: Listeners) -> str:
        assert listeners.hears
        listeners.tell("one")
        await may_end.wait()
        listeners.tell("one, two")
        return "made"

    one = asyncio.create_task(single_flight.once("a", work, first.append))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    other = asyncio.create_task(single_flight.once("a", work, second.append))
    deaf = asyncio.create_task(single_flight.once("a", work))
    await asyncio.sleep(0)
    may_end.set()
    assert {*await asyncio.gather(one, other, deaf)} == {"made"}
    assert first == second == ["one", "one, two"]


async def test_work_becomes_urgent_when_a_person_joins() -> None:
    single_flight = SingleFlight()
    seen: list[bool] = []
    may_end = asyncio.Event()

    async def work(listeners: Listeners) -> None:
        seen.append(listeners.is_urgent)
        await may_end.wait()
        seen.append(listeners.is_urgent)

    edition = asyncio.create_task(single_flight.once("a", work))
    await asyncio.sleep(0)
    person = asyncio.create_task(single_flight.once("a", work, urgent=True))
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(edition, person)
    assert seen == [False, True]
