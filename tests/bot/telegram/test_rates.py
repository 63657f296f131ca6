"""Telegram's rates for one group, kept by the whole bot before a Telegram that counts by the same clock.

The clock stands still unless the test moves it, so nothing here depends on how fast the machine is.
"""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from bot.core.models import Detail, Preferences
from bot.telegram import application, messages
from bot.telegram.rate_limiter import RateLimiter
from tests.bot.telegram.crowd import reader, subscribe
from tests.bot.telegram.world import bot_world
from tests.fakes.telegram import FakeTelegram

GROUP = -1_001_000_000_500
A_MINUTE = 20  # messages


class Clock:
    """Monotonic seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._passed = asyncio.Condition()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        async with self._passed:
            await self._passed.wait_for(lambda: self.now >= until)

    async def forward_to(self, moment: float) -> None:
        self.now = moment
        async with self._passed:
            self._passed.notify_all()


async def test_a_group_gets_twenty_messages_a_minute_of_the_digest_and_of_answers_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(application, "RateLimiter", partial(RateLimiter, clock=clock, sleep=clock.sleep))
    monkeypatch.setattr(messages, "TEXT_LIMIT", 600)  # a few papers take several messages
    async with bot_world(tmp_path, papers=6, telegram=FakeTelegram(clock=clock)) as here:
        members = [here.telegram.user(1001 + at, started=True) for at in range(3)]
        group = here.telegram.group(GROUP, members=members)
        choices = Preferences("zh-CN", Detail.READINGS)
        await subscribe(here, reader(group.id, preferences=choices))
        async with here.running():
            await group.waits_for(1)
            for at in range(A_MINUTE):
                await members[at % 3].says("/help", chat=group)
            first = clock.now
            for count in range(2, A_MINUTE + 1):
                await clock.forward_to(clock.now + 1.02)
                await group.waits_for(1)
                assert here.telegram.sent[group.id] == count
            await clock.forward_to(first + 60.5)  # a minute, but for the margin on this side
            for member in members:  # other chats are not delayed meanwhile
                await member.says("/help")
                await member.chat.waits_for(1)
            assert here.telegram.sent[group.id] == A_MINUTE
            pushed = sum("EchoNet" in message.text for message in group.shown)
            assert 1 <= pushed < A_MINUTE
            for count in range(A_MINUTE + 1, A_MINUTE + 4):
                await clock.forward_to(max(first + 60.7, clock.now + 1.02))
                await group.waits_for(1)
                assert here.telegram.sent[group.id] == count
            while here.rows("SELECT state FROM deliveries") != [("sent",)]:
                await clock.forward_to(clock.now + 61)
                await asyncio.sleep(0.05)
        assert here.telegram.refusals == []
