"""Tests of the priority of the calls to the model."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.responses import Response, StreamingResponse

from digest.core.singleflight import Listeners
from digest.llm.client import PrioritySemaphore
from tests.digest.llm.llm_world import full_text, world
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked
from tests.papers import paper


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Queue:
    """The calls that wait for a priority semaphore, and the order in which they are let in."""

    def __init__(self, width: int = 1) -> None:
        self.line = PrioritySemaphore(width)
        self.called: list[str] = []
        self.urgent: set[str] = set()

    async def stand(self, *names: str) -> list["asyncio.Task[None]"]:
        tasks = [asyncio.create_task(self._enter(name)) for name in names]
        await turns()
        return tasks

    async def _enter(self, name: str) -> None:
        await self.line.enter(lambda: name in self.urgent)
        self.called.append(name)

    async def leave(self, times: int = 1) -> None:
        for _ in range(times):
            self.line.leave()
        await turns()


async def test_people_go_before_the_edition_and_each_in_the_order_of_their_coming() -> None:
    queue = Queue()
    queue.urgent = {"c", "e"}
    await queue.stand("a", "b", "c", "d", "e")
    for _ in range(4):
        await queue.leave()
    assert queue.called == ["a", "c", "e", "b", "d"]


async def test_who_becomes_urgent_while_waiting_moves_up() -> None:
    queue = Queue()
    await queue.stand("a", "b", "c", "d")
    queue.urgent.add("d")
    await queue.leave(3)
    assert queue.called == ["a", "d", "b", "c"]


async def test_who_leaves_the_line_takes_no_slot_along() -> None:
    queue = Queue()
    _, second, _ = await queue.stand("a", "b", "c")
    second.cancel()
    await queue.leave()  # in the same turn of the loop
    assert queue.called == ["a", "c"]
    await queue.leave()
    await queue.stand("d", "e")
    assert queue.called == ["a", "c", "d"]  # one slot still, and no more


async def test_one_who_is_called_and_cancelled_at_once_gives_the_slot_on() -> None:
    queue = Queue()
    _, second, _ = await queue.stand("a", "b", "c")
    queue.line.leave()
    second.cancel()  # called already, and not yet awake
    await turns()
    assert queue.called == ["a", "c"]


async def test_an_answer_for_a_person_is_the_next_call_though_twenty_of_the_edition_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered = 0
    all_wait, enter = asyncio.Event(), PrioritySemaphore.enter

    async def counted(line: PrioritySemaphore, is_urgent: Callable[[], bool]) -> None:
        nonlocal entered
        entered += 1
        if entered == 21:
            all_wait.set()
        await enter(line, is_urgent)

    def once_all_wait(asked: Asked) -> Response:
        async def later() -> AsyncIterator[bytes]:
            await all_wait.wait()
            yield json.dumps(asked.completion).encode()

        return StreamingResponse(later())

    monkeypatch.setattr(PrioritySemaphore, "enter", counted)
    async with FakeModel(always=once_all_wait) as fake, world(fake, concurrency=1) as it:
        edition = [asyncio.create_task(it.translate(paper(number))) for number in range(1, 21)]
        while not fake.requests:  # noqa: ASYNC110 - the fake sends no notification
            await asyncio.sleep(0.005)
        person = Listeners()
        person.join(urgent=True)
        await it.reader.read(paper(99), full_text(paper(99)), person)
        await asyncio.gather(*edition)
    assert "2602.00099v1" in fake.requests[1]["messages"][1]["content"]
