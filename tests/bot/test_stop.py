"""Tests of stopping `serve`: work in progress may end, the rest is cut off, and the process exits in time."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.virtual_time import VirtualLoop
from bot import serve
from bot.core.models import Sending
from tests.bot.delivery.test_worker_restart import FIRST, fixture, sqlite_url
from tests.bot.mail.people import subscribed
from tests.fakes import model_faults
from tests.fakes import telegram_faults as faults
from tests.fakes.smtp import FakeSmtp, Stage, Stalls

__all__ = ["sqlite_url"]  # a fixture

STOPPED_AT = 100.0


def ended_at(part: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> float:
    """Return after how many seconds from the stop nothing waits for `part` any more."""

    async def served() -> float:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_at(STOPPED_AT, stop.set)
        await serve.in_time(stop, part(stop))
        return asyncio.get_running_loop().time() - STOPPED_AT

    with VirtualLoop() as loop:
        seconds = loop.run_until_complete(served())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        return seconds


def test_what_ends_in_time_is_waited_for() -> None:
    async def part(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(5)

    assert ended_at(part) == 5


def test_what_does_not_end_is_cut_off_and_may_put_things_away() -> None:
    put_away = []

    async def part(_: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.5)
            put_away.append(True)

    assert ended_at(part) == serve._STOP_SECONDS + 0.5
    assert put_away


def test_what_holds_on_even_then_is_left() -> None:
    async def part(_: asyncio.Event) -> None:
        for _again in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    assert ended_at(part) == serve._STOP_SECONDS + serve._CUT_OFF_SECONDS < serve._LEAVE_SECONDS < 10


def test_a_part_that_fails_is_told() -> None:
    async def part(_: asyncio.Event) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        ended_at(part)


async def test_a_process_in_which_a_thread_hangs_is_left_all_the_same() -> None:
    code = (
        "import threading, time; from bot.process import leave_within;"
        "threading.Thread(target=time.sleep, args=(600,)).start(); leave_within(0.05)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(300):
        await process.communicate()
    assert process.returncode == 0


@pytest.mark.play
async def test_with_everything_under_way_and_nothing_answered_the_program_ends_and_goes_on_later(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with fixture(tmp_path, sqlite_url, latency_seconds=0) as here, FakeSmtp().serving() as smtp:
        await here.subscribe(*range(FIRST, FIRST + 40))
        for number in range(10):
            await subscribed(here.engine, f"reader{number}@example.org")
        here.telegram.fail(faults.accept_then_hang(), method="sendMessage", times=20)
        smtp.fail(Stage.CONTENT, Stalls(), times=5)
        here.machine.model.always = model_faults.hang
        await here.broadcast()
        mailed = {
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp.port), "SMTP_SECURITY": "none",
            "MAIL_FROM": "daily@papers.example", "PUBLIC_URL": "http://127.0.0.1:9", "SECRET_KEY": "x" * 32,
        }  # fmt: skip
        async with here.serving(**mailed) as process:
            await here.telegram.user(77).says("/paper 2602.00001")
            async with asyncio.timeout(300):
                while not (  # noqa: ASYNC110 - the fakes send no notification
                    smtp.met and here.machine.model.requests and here.telegram.methods["sendMessage"] > 9
                ):
                    await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert await process.status() == 0
        here.telegram.mend()
        smtp.mend()
        async with here.serving(**mailed):
            assert (await here.settle()).keys() <= {Sending.SENT, Sending.UNKNOWN}
        assert max(here.telegram.sent[FIRST + number] for number in range(40)) == 1
