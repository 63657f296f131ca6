import asyncio
import heapq
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from telegram.error import BadRequest, RetryAfter

from bot.telegram.http import FloodError, NotSentError, TelegramThrottledError, pause_of
from bot.telegram.rate_limiter import BULK, Bulk, LimitArgs, RateLimiter


class Clock:
    """Monotonic seconds that pass only when everything waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), future))
        await future

    async def run(self, seconds: float = float("inf")) -> None:
        """Let `seconds` pass, or all that a task still sleeps for."""
        end = self.now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self.now = at
                future.set_result(None)
                await _settle()
        self.now = max(self.now, end) if seconds < float("inf") else self.now


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@dataclass
class World:
    """A limiter that calls a Telegram which records requests and answers with the given faults first."""

    rate: float | None = 30
    width: int | None = None
    clock: Clock = field(default_factory=Clock)
    sent: list[tuple[float, str, Any]] = field(default_factory=list)
    faults: dict[Any, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    latency: float = 0

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(self.rate, width=self.width, clock=self.clock, sleep=self.clock.sleep)

    def request(
        self, chat: int | str | None, args: LimitArgs | None = None, endpoint: str = "sendMessage"
    ) -> "asyncio.Task[Any]":
        data = {} if chat is None else {"chat_id": chat}
        return asyncio.create_task(
            self.limiter.process_request(self._telegram, (endpoint, chat), {}, endpoint, data, args)
        )

    async def _telegram(self, endpoint: str, chat: Any) -> bool:
        self.sent.append((self.clock.now - 1000, endpoint, chat))
        if self.latency:
            await self.clock.sleep(self.latency)
        if faults := self.faults[chat if chat is not None else endpoint]:
            raise faults.pop(0)
        return True

    def times(self, chat: int | str | None = None) -> list[float]:
        return [time for time, _, to in self.sent if chat is None or to == chat]


def flood(seconds: float) -> FloodError:
    return FloodError(timedelta(seconds=seconds))


def most_within(seconds: float, times: list[float]) -> int:
    return max(sum(1 for other in times if time - seconds < other <= time) for time in times)


async def failure(task: "asyncio.Task[Any]") -> BaseException | None:
    await asyncio.wait({task})
    return task.exception()


async def test_a_thousand_chats_are_served_within_all_of_telegrams_rates() -> None:
    world = World(latency=0.05)
    chats = [*range(1, 981), *range(-20, 0)]
    tasks = [world.request(chat, BULK) for _ in range(2) for chat in chats]
    tasks += [world.request(-1, BULK) for _ in range(30)] + [world.request(1, BULK) for _ in range(30)]
    await world.clock.run()
    assert all([await task for task in tasks])
    counts = Counter(chat for _, _, chat in world.sent)
    assert counts[5] == 2
    assert counts[-1] == counts[1] == 32
    assert most_within(1, world.times()) <= 30
    assert all(most_within(1, world.times(chat)) == 1 for chat in chats)
    assert most_within(60, world.times(-1)) == 20


@pytest.mark.play
async def test_it_begins_at_25_a_second_and_grows_by_one_a_minute_without_a_refusal() -> None:
    world = World()
    tasks = [world.request(chat, BULK) for chat in range(1, 6001)]
    await world.clock.run()
    assert all([await task for task in tasks])
    minutes = Counter(int(time // 60) for time in world.times())
    assert [minutes[each] / 60 for each in range(3)] == pytest.approx([25.5, 26.5, 27.5], abs=0.1)
    assert most_within(1, world.times()) <= 30


async def test_short_refusals_of_chats_that_were_not_hurried_slow_everything_down_and_long_ones_do_not() -> (
    None
):
    seconds = {}
    for pause in (5, 3600):
        world = World()
        for chat in range(10, 500, 25):
            world.faults[chat] = [flood(pause)]
        tasks = [world.request(chat, BULK) for chat in range(1, 751)]
        await world.clock.run()
        await asyncio.gather(*tasks, return_exceptions=True)
        seconds[pause] = world.times()[-1]
    assert seconds[3600] < 31
    assert 40 < seconds[5] < 75 + 10  # a third of the rate is the least


async def test_a_chat_that_was_hurried_slows_nothing_else_down() -> None:
    world = World()
    for _ in range(20):
        world.faults[1] = [flood(1)]
        answers = [world.request(1), world.request(1), world.request(1)]
        world.faults[1].insert(0, BadRequest("the first passes"))
        await world.clock.run()
        await asyncio.gather(*answers, return_exceptions=True)
    began = world.clock.now
    tasks = [world.request(chat, BULK) for chat in range(2, 502)]
    await world.clock.run()
    assert all([await task for task in tasks])
    assert world.clock.now - began < 20.5


async def test_a_process_that_just_began_spaces_what_goes_to_a_group() -> None:
    world = World()
    tasks = [world.request(-1, BULK) for _ in range(30)]
    await world.clock.run()
    assert all([await task for task in tasks])
    times = world.times(-1)
    assert times[:20] == pytest.approx([at * 3.03 for at in range(20)])
    assert most_within(60, times) == 20


@pytest.mark.play
async def test_an_answer_overtakes_twenty_thousand_that_wait() -> None:
    world = World()
    tasks = [world.request(chat, BULK) for chat in range(1, 20_001)]
    await world.clock.run(1)
    answer = world.request(99_999)
    await world.clock.run(0.2)
    assert answer.done()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_pause_is_kept_by_all_requests_of_the_chat_and_nothing_is_lost() -> None:
    world = World(latency=0.01)
    world.faults[-1] = [flood(3)]
    tasks = [world.request(-1) for _ in range(3)]
    await world.clock.run(0.5)
    tasks += [world.request(-1, endpoint="sendChatAction"), *(world.request(chat) for chat in range(1, 11))]
    await world.clock.run()
    assert all([await task for task in tasks])
    assert world.times(-1)[0] == 0
    assert all(time >= 3 for time in world.times(-1)[1:])
    assert len(world.times(-1)) == 5
    assert all(world.times(chat)[0] < 1 for chat in range(1, 11))


async def test_a_second_refusal_is_left_to_the_ledger() -> None:
    world = World()
    world.faults[1] = [flood(3), flood(5)]
    task = world.request(1)
    await world.clock.run()
    error = await failure(task)
    assert isinstance(error, RetryAfter)
    assert pause_of(error) == timedelta(seconds=5)
    assert len(world.sent) == 2


async def test_a_long_pause_fails_at_once_what_is_sent_waits_and_comes() -> None:
    world = World(latency=0.5)
    world.faults[1] = [flood(3600)]
    sent, waits = world.request(1), world.request(1)
    await world.clock.run(0.6)
    comes = world.request(1)
    await world.clock.run(0)
    errors = [await failure(task) for task in (sent, waits, comes)]
    pauses = [pause_of(error).total_seconds() for error in errors if isinstance(error, RetryAfter)]
    assert pauses == pytest.approx([3600, 3600, 3599.9])
    assert len(world.sent) == 1
    await world.clock.run(3600)
    again = world.request(1)
    await world.clock.run()
    assert await again


async def test_the_waits_of_several_chats_are_theirs_however_long() -> None:
    world = World()
    for chat, seconds in ((1, 43_838), (2, 40), (3, 3600), (4, 600), (5, 35)):
        world.faults[chat] = [flood(seconds)]
    tasks = [world.request(chat) for chat in range(1, 101)]
    await world.clock.run(10)
    assert all([await task for task in tasks[5:]])
    errors = [await failure(task) for task in tasks[:5]]
    assert [pause_of(error).seconds for error in errors if isinstance(error, RetryAfter)] == [
        43_838,
        40,
        3600,
        600,
        35,
    ]


async def test_where_all_are_refused_one_message_at_a_time_tries_and_nothing_is_lost() -> None:
    world = World(latency=0.05)
    for chat in range(1, 8):
        world.faults[chat] = [flood(30)]
    tasks = [world.request(chat, BULK) for chat in range(1, 101)]
    await world.clock.run()
    outcomes = [await failure(task) for task in tasks]
    assert [chat for chat, error in enumerate(outcomes, start=1) if error] == list(range(1, 8))
    times = world.times()
    pauses = [after - before - 0.05 for before, after in itertools.pairwise(times)]
    assert [round(pause) for pause in pauses if pause > 0.5] == [1, 2, 4]  # between the probes, one at a time
    assert len(world.sent) == 100


async def test_what_waits_while_everything_is_refused_fails_not_and_is_tried_each_minute_at_least() -> None:
    world = World()
    for chat in range(1, 30):
        world.faults[chat] = [flood(600), flood(600)]
    tasks = [world.request(chat) for chat in range(1, 40)]
    await world.clock.run(7 * 60)
    assert len(world.sent) == 15  # after 0, 0, 0, 0, 1, 3, 7, 15, 31 and 63 s, then once a minute
    assert not any(task.done() for task in tasks[29:])
    world.faults.clear()
    await world.clock.run(62)
    assert all([await task for task in tasks[29:]])


async def test_refusals_far_apart_pause_only_their_chats() -> None:
    world = World()
    for chat in (1, 2, 3):
        world.faults[chat] = [flood(4)]
        world.request(chat)
        await world.clock.run(6)
    world.faults[4] = [flood(4)]
    tasks = [world.request(4), world.request(5)]
    await world.clock.run(0.5)
    assert tasks[1].done()
    await world.clock.run()


async def test_a_message_without_a_chat_that_is_refused_is_a_sign_about_all() -> None:
    world = World()
    world.faults["editMessageText"] = [flood(3)]
    world.faults[1] = [flood(3)]
    edit = world.request(None, endpoint="editMessageText")
    await world.clock.run(0)
    others = [world.request(1), world.request(2)]
    answer = world.request(None, endpoint="answerCallbackQuery")
    await world.clock.run(0.9)
    assert answer.done()
    assert not others[1].done()
    await world.clock.run()
    assert all([await task for task in (edit, *others)])
    assert world.times(2) == [1]


async def test_a_refused_setting_of_the_bot_pauses_no_message() -> None:
    world = World()
    world.faults["setMyCommands"] = [flood(3600)]
    setting = world.request(None, endpoint="setMyCommands")
    await world.clock.run(0)
    message = world.request(1)
    await world.clock.run(0)
    assert isinstance(await failure(setting), RetryAfter)
    assert await message


@pytest.mark.parametrize(("faults", "delivered"), [(3, True), (4, False)])
async def test_a_refusal_without_a_pause_is_retried_with_growing_ones(
    faults: int, *, delivered: bool
) -> None:
    world = World()
    world.faults[1] = [TelegramThrottledError("429") for _ in range(faults)]
    task = world.request(1)
    await world.clock.run()
    assert world.times(1) == pytest.approx([0, 1.01, 3.01, 7.01])
    assert (await failure(task) is None) is delivered


async def test_no_other_error_is_retried() -> None:
    world = World()
    world.faults[1] = [BadRequest("chat not found")]
    task = world.request(1)
    await world.clock.run()
    assert isinstance(await failure(task), BadRequest)
    assert len(world.sent) == 1


async def test_what_is_no_message_passes_at_once() -> None:
    world = World()
    endpoints = ["sendChatAction", "sendMessageDraft", "getMe", "deleteMessage", "editForumTopic"]
    tasks = [world.request(1, endpoint=endpoint) for endpoint in endpoints * 20]
    await world.clock.run(0)
    assert all(task.done() for task in tasks)


@pytest.mark.parametrize(
    "endpoint", ["sendMessage", "sendRichMessage", "copyMessage", "forwardMessages", "editMessageText"]
)
async def test_messages_of_every_kind_are_paced(endpoint: str) -> None:
    world = World()
    tasks = [world.request(1, endpoint=endpoint) for _ in range(2)]
    await world.clock.run(0)
    assert [task.done() for task in tasks] == [True, False]
    await world.clock.run()


async def test_a_chat_is_the_same_as_a_number_and_as_text() -> None:
    world = World()
    for chat in (-100, "-100", "@Name", "@name"):
        world.request(chat)
    await world.clock.run()
    assert [chat for time, _, chat in world.sent if time < 1] == [-100, "@Name"]


async def test_messages_that_are_cancelled_leave_their_places_to_the_others() -> None:
    world = World()
    tasks = [world.request(chat, BULK) for chat in range(1, 1001)]
    await world.clock.run(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = world.request(2000, BULK)
    await world.clock.run(0.2)
    assert late.done()
    assert not world.limiter._waiting
    await world.clock.run()
    await world.clock.run(100)
    assert len(world.sent) < 10


async def test_without_limits_everything_passes_but_a_pause_is_kept() -> None:
    world = World(rate=None)
    tasks = [world.request(1) for _ in range(500)]
    await world.clock.run(0)
    assert all(task.done() for task in tasks)
    world.faults[1] = [flood(3)]
    task = world.request(1)
    await world.clock.run()
    assert await task
    assert world.times(1)[-1] == 3


async def test_shutting_down_fails_what_waits_as_not_sent() -> None:
    world = World()
    world.faults["setMyCommands"] = [flood(5)]
    world.faults[1] = [flood(5)]
    tasks = [world.request(None, endpoint="setMyCommands") for _ in range(2)]
    await world.clock.run(0.1)
    tasks += [world.request(None, endpoint="setMyCommands"), *(world.request(1) for _ in range(50))]
    await world.clock.run(0)
    await world.limiter.shutdown()
    tasks.append(world.request(60))
    errors = [await failure(task) for task in tasks]
    assert all(isinstance(error, NotSentError) for error in errors)
    await world.limiter.initialize()
    task = world.request(70)
    await world.clock.run()
    assert await task


async def test_the_sender_is_told_before_each_attempt_and_not_while_the_message_waits() -> None:
    world = World()
    world.faults[1] = [flood(3)]
    told: list[float] = []

    async def before() -> None:
        told.append(world.clock.now - 1000)

    tasks = [world.request(1, Bulk(before)), world.request(1)]
    await world.clock.run()
    assert all([await task for task in tasks])
    assert world.times(1) == pytest.approx([0, 3, 4.01])
    assert told == pytest.approx([0, 4.01])


async def test_a_sender_who_changes_his_mind_at_the_last_moment_sends_nothing() -> None:
    world = World()

    async def before() -> None:
        raise LookupError

    task = world.request(1, Bulk(before))
    await world.clock.run()
    assert isinstance(await failure(task), LookupError)
    assert not world.sent


async def test_a_pause_that_comes_while_the_sender_is_told_is_kept() -> None:
    world = World()

    async def before() -> None:
        await world.clock.sleep(0.5)

    world.faults[1] = [flood(3)]
    told = world.request(1, Bulk(before))
    await world.clock.run(0.1)
    tasks = [world.request(1, endpoint="deleteMessage"), told]
    await world.clock.run()
    assert all([await task for task in tasks])
    assert [time for time in world.times(1) if 0.2 < time < 3.1] == []


async def test_no_message_is_begun_before_there_is_a_place_for_it() -> None:
    world = World(latency=10, width=2)
    told: list[float] = []

    async def before() -> None:
        told.append(world.clock.now - 1000)

    tasks = [world.request(chat, Bulk(before)) for chat in range(1, 6)]
    await world.clock.run()
    assert all([await task for task in tasks])
    assert told == pytest.approx([0, 0, 10, 10, 20], abs=0.1)


async def test_a_place_is_given_back_by_whoever_fails_gives_up_or_has_to_wait() -> None:
    world = World(latency=1, width=1)
    world.faults[1] = [flood(3)]
    world.faults[2] = [BadRequest("chat not found")]
    waits, fails, leaves, comes = (world.request(chat) for chat in range(1, 5))
    await world.clock.run(2.5)
    leaves.cancel()
    await world.clock.run()
    assert isinstance(await failure(fails), BadRequest)
    assert await waits
    assert await comes
    assert leaves.cancelled()
    assert [chat for _, _, chat in world.sent] == [1, 2, 3, 4, 1]


async def test_too_many_drafts_hold_up_drafts_and_no_answer() -> None:
    world = World()
    for chat in (1, 2, 3):
        world.faults[chat] = [flood(3600)]
        refused = world.request(chat, endpoint="sendMessageDraft")
        await world.clock.run(0)
        assert isinstance(await failure(refused), RetryAfter)
        world.faults[chat].clear()
    assert len(world.sent) == 1  # the others were not even sent
    answers = [world.request(chat) for chat in (1, 2, 3, 4)]
    await world.clock.run(0.2)
    assert all([await task for task in answers])


async def test_a_draft_heeds_the_pause_of_its_chat() -> None:
    world = World()
    world.faults[1] = [flood(5)]
    answer = world.request(1)
    await world.clock.run(0.1)
    draft = world.request(1, endpoint="sendMessageDraft")
    other = world.request(2, endpoint="sendMessageDraft")
    await world.clock.run(0.1)
    assert (draft.done(), other.done()) == (False, True)
    await world.clock.run()
    assert all(await asyncio.gather(answer, draft))
