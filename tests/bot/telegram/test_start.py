"""The bot's start: it waits for the end of Telegram's outages, and ends on refusals with an error message."""

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.channel_setup import Intervals, telegram
from bot.container import open_app
from bot.core.models import AlertKind
from bot.delivery.worker import ChannelError
from bot.serve import _links, _Runtime, _watch_telegram, serve
from bot.telegram.application import initialized, open_bot
from tests.bot.telegram.test_webhook import SECRET, pushed
from tests.bot.telegram.world import IMPATIENT, OPERATOR, RHYTHM, BotWorld, bot_world
from tests.bot.world import QUICK, WEDNESDAY_NOON
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram import TOKEN


def settings_for(here: BotWorld, method: str) -> dict[str, object]:
    """Return the settings with which the bot calls `method` at its start."""
    return pushed(here)[1] if method == "setWebhook" else {}


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("getMe", faults.status(502)),
        ("deleteWebhook", faults.reset()),
        ("setWebhook", faults.status(500)),
        ("setWebhook", faults.hang()),
        ("setMyCommands", faults.status(502)),
    ],
)
async def test_a_telegram_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path, method: str, fault: faults.Fault
) -> None:
    async with bot_world(tmp_path, papers=0, rhythm=IMPATIENT) as here:
        user = here.telegram.user(1001)
        settings = settings_for(here, method)
        here.telegram.fail(fault, method=method, times=2 if method != "setMyCommands" else 1)
        async with here.running(listens_by="setWebhook" if settings else "getUpdates", **settings):
            await user.says("/start")
            assert "您已订阅" in (await user.chat.waits_for(1))[0].text


@pytest.mark.parametrize(
    ("method", "code", "why", "sentence"),
    [
        ("getMe", 401, "Unauthorized", "Telegram does not accept TELEGRAM_BOT_TOKEN."),
        ("deleteWebhook", 401, "Unauthorized", "Telegram does not accept TELEGRAM_BOT_TOKEN."),
        (
            "getMe",
            403,
            "Forbidden: the bot is banned",
            "Telegram refuses the bot: Forbidden: the bot is banned",
        ),
        (
            "setWebhook",
            400,
            "Bad Request: bad webhook: HTTPS url must be provided for webhook",
            "Telegram refuses PUBLIC_URL as the webhook: Bad webhook: https url must be provided for webhook",
        ),
        ("setWebhook", 401, "Unauthorized", "Telegram does not accept TELEGRAM_BOT_TOKEN."),
    ],
)
async def test_what_telegram_refuses_at_the_start_ends_the_program_with_a_sentence(
    tmp_path: Path, method: str, code: int, why: str, sentence: str
) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        chosen = here.settings(**settings_for(here, method))
        here.telegram.fail(faults.status(code, why), method=method, times=100)
        with pytest.raises(ChannelError) as failed:
            await asyncio.wait_for(serve(chosen, here.clock, asyncio.Event(), QUICK, RHYTHM), 300)
        told = str(failed.value)
        assert told.lower() == sentence.lower()
        assert TOKEN not in told
        assert SECRET not in told
        assert (
            failed.value.__suppress_context__
        )  # a traceback would show the library's sentence, with the token


async def test_what_the_operators_have_to_hear_waits_for_telegram(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        operator = here.telegram.user(OPERATOR)
        await operator.says("/status")  # a bot may not begin a conversation
        here.telegram.fail(faults.status(502), method="getMe", times=1_000)
        stop = asyncio.Event()
        with capture_logs() as logs:
            serving = asyncio.create_task(serve(here.settings(), here.clock, stop, QUICK, RHYTHM))
            async with asyncio.timeout(300):
                while not any(each["event"] == "alert" for each in logs):  # noqa: ASYNC110 - a log is no event
                    await asyncio.sleep(0.05)
        here.telegram.mend()
        await operator.chat.waits_for(lambda message: "⚠️" in message.text)
        stop.set()
        await serving


async def test_a_stop_is_obeyed_while_telegram_is_out_of_reach(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(here.settings(**nowhere()), here.clock, stop, QUICK, RHYTHM))
        await asyncio.wait({serving}, timeout=0.5)
        assert not serving.done()
        stop.set()
        await asyncio.wait_for(serving, 300)


async def test_a_command_that_ends_waits_for_telegram_only_for_a_while(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        settings = here.settings(**nowhere())
        async with here.machine.app(WEDNESDAY_NOON) as app:
            with pytest.raises(ChannelError, match=r"Telegram cannot be reached \(ConnectError\)"):
                async with telegram(app, settings, Intervals(patience_seconds=0.3)):
                    pass


def nowhere() -> dict[str, object]:
    """Settings that lead to a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return {"telegram_api_url": f"http://127.0.0.1:{free.getsockname()[1]}"}


async def test_a_telegram_that_falls_silent_is_told_and_that_it_is_back(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here, open_app(here.settings(), here.clock, QUICK) as app:
        bot = open_bot(SecretStr(TOKEN), here.settings(), 1)
        async with initialized(bot):
            house = _Runtime(
                app, here.settings(), RHYTHM, _links(here.settings(), here.clock), asyncio.Event()
            )
            house.context, house.joined = SimpleNamespace(bot=bot), asyncio.Event()  # type: ignore[assignment]
            house.joined.set()
            here.telegram.fail(faults.status(502), method="getMe", times=1_000)
            watching = asyncio.create_task(_watch_telegram(house, 0.01))
            async with asyncio.timeout(300):
                while not await app.alerts.lasting(AlertKind.CHANNEL_PAUSED):  # noqa: ASYNC110 - a row is no event
                    await asyncio.sleep(0.02)
                here.telegram.mend()
                while await app.alerts.lasting(AlertKind.CHANNEL_PAUSED):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            watching.cancel()
