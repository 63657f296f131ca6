"""The whole bot in one process: Telegram, schedule, delivery; from the first request to a clean stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from telegram import Update

from bot import day
from bot.app import App, Clock, FarEnds, open_app
from bot.chat import application, connection, operators, updates
from bot.chat.desk import Desk
from bot.chat.sending import Outgoing
from bot.fanout import Renderings
from bot.models import Alarm, Trouble
from bot.outbox import ChannelError, Outbox
from bot.schedule import Schedule
from bot.settings import Settings
from bot.web import webhook
from bot.web.server import listening
from digest.models import Edition
from digest.store.exclusive import BusyError

T = TypeVar("T")
_log = structlog.get_logger()
_BUSY_SECONDS = 15.0  # until the other process that sends may be done


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often the tables are asked what is due, of editions and of deliveries; how long an answer may take.

    A Telegram that is out of reach at the start is waited for: for `patience_seconds`, or without an end.
    """

    tick_seconds: float = 60
    look_seconds: float = 5
    answer_seconds: float = 20
    patience_seconds: float | None = None


async def serve(
    settings: Settings,
    clock: Clock,
    stop: asyncio.Event,
    far_ends: FarEnds | None = None,
    rhythm: Rhythm | None = None,
) -> None:
    """Serves until `stop` is set; what is in flight ends then, within ten seconds. Raises DigestError."""
    rhythm = rhythm or Rhythm()
    async with open_app(settings, clock, far_ends) as app, AsyncExitStack() as stack:
        outbox = await _unless(stop, _started(app, settings, rhythm, stack))
        if outbox is not None:
            await _send_until(stop, outbox)


async def _started(app: App, settings: Settings, rhythm: Rhythm, stack: AsyncExitStack) -> Outbox:
    """What there is to send, once everything else runs; `stack` ends it."""
    outgoing, outbox = await stack.enter_async_context(telegram(app, settings, rhythm))
    desk = application.open_desk(app, outgoing, outbox, settings)
    outgoing.alert = lambda address, reason: operators.alert(desk, Alarm(Trouble.ENDED, address, reason))
    await stack.enter_async_context(_answering(desk, settings))
    await application.introduce(desk, settings.telegram_channels)
    scheduler = _schedule(desk).start(rhythm.tick_seconds)
    stack.callback(scheduler.shutdown, wait=False)
    _log.info("serving", webhook=settings.telegram_webhook_secret is not None)
    return outbox


async def _unless(stop: asyncio.Event, start: Coroutine[Any, Any, T]) -> T | None:
    """What `start` comes to; None where `stop` is set before: Telegram may be out of reach for long."""
    starting, stopped = asyncio.create_task(start), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            return await starting
        _log.info("stopped_before_it_started")
        return None
    finally:
        stopped.cancel()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


@asynccontextmanager
async def telegram(app: App, settings: Settings, rhythm: Rhythm) -> AsyncIterator[tuple[Outgoing, Outbox]]:
    """What sends to Telegram. Raises ChannelError where no token is set, or Telegram refuses it."""
    if settings.telegram_bot_token is None:
        raise ChannelError("TELEGRAM_BOT_TOKEN is not set: @BotFather gives one.")
    bot = connection.open_bot(settings.telegram_bot_token, settings, rhythm.answer_seconds)
    async with connection.initialized(bot, rhythm.patience_seconds):
        outgoing = Outgoing(bot)

        async def contents(wanted: date, language: str) -> Edition | None:
            return await day.stored(app, wanted, language)

        renderings = Renderings(app.engine, outgoing, contents, app.clock)
        yield outgoing, Outbox(app.engine, outgoing, renderings, app.clock, look_seconds=rhythm.look_seconds)


def stopping() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


@asynccontextmanager
async def _answering(desk: Desk, settings: Settings) -> AsyncIterator[None]:
    """Takes updates: pushed where a webhook is set, else fetched."""
    secret = settings.telegram_webhook_secret
    bot = application.build(desk, polls=secret is None)
    async with application.answering(bot, desk):
        if secret is None:
            async with connection.polling(bot):
                yield
            return

        async def take(update: dict[str, Any]) -> None:
            await bot.update_queue.put(Update.de_json(updates.readable(update), desk.bot))

        web = webhook.app(secret.get_secret_value(), take)
        async with listening(web, settings.web_host, settings.web_port):
            url = f"{str(settings.public_url).rstrip('/')}{webhook.PATH}"
            await connection.have_pushed(desk.bot, url, secret)
            yield


def _schedule(desk: Desk) -> Schedule:
    app = desk.app

    async def pause(time: timedelta) -> datetime:
        await asyncio.sleep(time.total_seconds())
        return app.clock()

    return Schedule(app, partial(operators.alert, desk), desk.outbox.wake, pause)


async def _send_until(stop: asyncio.Event, outbox: Outbox) -> None:
    """Sends until `stop`; a cron job's process that sends at the same time has its way first."""
    sending = asyncio.create_task(_send(outbox, stop))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    outbox.close()
    await sending


async def _send(outbox: Outbox, stop: asyncio.Event) -> None:
    while True:
        try:
            await outbox.run()
        except BusyError:
            _log.info("another_process_sends")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _BUSY_SECONDS)
            if stop.is_set():
                return
        else:
            return
