"""The whole program in one process: pages, schedule, mail and Telegram, from start-up to a clean stop.

The parts run in parallel and fail independently: an unreachable Telegram or a revoked token does not affect pages and
mail, and a stalled mail server does not affect Telegram. A stop takes a bounded time.
"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from starlette.exceptions import HTTPException
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot import channel_setup, post_writer, process, publishing
from bot import links as signed
from bot.alerts import NotToldError
from bot.channel_setup import Intervals
from bot.container import App, Clock, RemoteOverrides, open_app
from bot.core.models import Alert, AlertKind
from bot.delivery import resuming
from bot.delivery.outages import outlasting
from bot.delivery.resuming import keep_sending, send_until, with_pauses
from bot.delivery.worker import DeliveryWorker
from bot.links import Links
from bot.mail import imap, return_path
from bot.mail.transactional import TransactionalMail
from bot.scheduler import Schedule
from bot.settings import Settings
from bot.subscriptions.service import SubscriptionService
from bot.telegram import application, http
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.handlers.admin import OperatorChats
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.update_queue import UpdateQueue
from bot.web import webhook
from bot.web.app import listening, site
from digest.db import engine as database

T = TypeVar("T")
_log = structlog.get_logger()
_STOP_SECONDS, _CUT_OFF_SECONDS = 6.0, 1.0  # for all parts to end, and for those that were cancelled


async def in_time(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Await `work`, which ends by itself at `stop`, and cancel it if it takes some seconds more.

    The tables tell where to continue: a cancellation here is like a crash.
    """
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    _, late = await asyncio.wait({working}, timeout=_STOP_SECONDS)
    if late:
        _log.warning("cancelled_at_stop", seconds=_STOP_SECONDS)
        working.cancel()
        _, late = await asyncio.wait({working}, timeout=_CUT_OFF_SECONDS)
    if not late and not working.cancelled():
        await working


async def side_by_side(stop: asyncio.Event, parts: list[Coroutine[Any, Any, object]]) -> None:
    """Run all `parts`, which end by themselves at `stop`. If one fails, the others stop and its exception is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def unless(stop: asyncio.Event, work: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
    """Return the result of `work`, or None if `stop` is set before."""
    working, stopped = asyncio.create_task(work()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        stopped.cancel()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@asynccontextmanager
async def own_stop(stop: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set with `stop`, or on its own to end only some parts."""
    own = asyncio.Event()

    async def follow() -> None:
        await stop.wait()
        own.set()

    following = asyncio.create_task(follow())
    try:
        yield own
    finally:
        following.cancel()


_RETURNS_SECONDS = 300.0  # between two checks of the bounce mailbox
# A stop takes at most ten seconds: time limits for mail and answers in progress, for all parts (`in_time`), and for
# what they depend on. What hangs even then is left to `process.leave_within`.
_LAST_SECONDS, _LEAVE_SECONDS = 5.0, 9.5
_JOIN_SECONDS = 30.0  # the time an alert waits for Telegram before another route is used
_PUBLISHING_SECONDS = 15.0  # between two checks for posts to write or push
_TELEGRAM_SECONDS = 60.0  # between two checks whether Telegram answers
_SILENT_LOOKS = 5  # in a row, before an alert
_ALERT_SECONDS = 15.0  # between two checks for alerts of other processes


@dataclass
class _Runtime:
    """The runtime: what the parts share, and what of it has been opened so far."""

    app: App
    settings: Settings
    rhythm: Intervals
    links: Links
    stop: asyncio.Event
    outboxes: list[DeliveryWorker] = field(default_factory=list)
    letters: TransactionalMail | None = None
    context: BotContext | None = None
    update_queue: UpdateQueue | None = None
    listens: asyncio.Event = field(default_factory=asyncio.Event)
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    has_joined: bool = False
    """True if Telegram accepted us in this process, now or before."""
    subscriptions: SubscriptionService = field(init=False)

    def __post_init__(self) -> None:
        own = return_path.own_mailboxes(self.settings)
        self.subscriptions = SubscriptionService(self.app.engine, self.app.clock, self.wake, own)

    def wake(self) -> None:
        """Tell the senders that there may be something new."""
        for outbox in self.outboxes:
            outbox.wake()
        if self.letters is not None:
            self.letters.wake()

    def leave_telegram(self, outbox: DeliveryWorker) -> None:
        """Remove Telegram from what the parts share."""
        self.joined.clear()
        self.context = self.update_queue = None
        self.outboxes.remove(outbox)


async def serve(
    settings: Settings,
    clock: Clock,
    stop: asyncio.Event,
    far_ends: RemoteOverrides | None = None,
    rhythm: Intervals | None = None,
) -> None:
    """Serve until `stop` is set; then finish or cancel the work in progress. Raises DigestError."""
    channel_setup.require_channel(settings)
    async with open_app(settings, clock, far_ends) as app:
        database.require_writable(app.engine)
        if fault := await post_writer.obstacle(app):
            _log.error("posts_cannot_be_published", error=str(fault))
        runtime = _Runtime(app, settings, rhythm or Intervals(), _links(settings, clock), stop)
        parts: list[Coroutine[Any, Any, object]] = [
            _pages(runtime),
            _ticks(runtime),
            _alerts(runtime),
            _unknown(runtime),
            _publishing(runtime),
        ]
        if settings.smtp_host is not None:
            parts.append(_mail(runtime))
        if settings.telegram_bot_token is not None:
            parts += [_telegram(runtime), unless(stop, partial(_watch_telegram, runtime))]
        await in_time(stop, side_by_side(stop, parts))


async def _pages(runtime: _Runtime) -> None:
    settings, secret = runtime.settings, runtime.settings.telegram_webhook_secret

    async def take(update: dict[str, Any]) -> None:
        if runtime.context is None or runtime.update_queue is None:  # Telegram sends it again
            raise HTTPException(503)
        await runtime.update_queue.take([Update.de_json(http.readable_updates(update), runtime.context.bot)])

    pages = channel_setup.open_pages(
        runtime.app, runtime.links, runtime.subscriptions, newsletter=settings.smtp_host is not None
    )
    hook = webhook.route(secret.get_secret_value(), take) if secret is not None else None
    served = site(pages, hook=hook, channels=channel_setup.channels(settings))
    async with listening(served, settings.web_host, settings.web_port):
        runtime.listens.set()
        _log.info("serving", webhook=hook is not None)
        await runtime.stop.wait()


async def _ticks(runtime: _Runtime) -> None:
    async def pause(time: timedelta) -> datetime:
        await asyncio.sleep(time.total_seconds())
        return runtime.app.clock()

    scheduler = Schedule(runtime.app, runtime.wake, pause).start(runtime.rhythm.tick_seconds)
    try:
        await runtime.stop.wait()
    finally:
        scheduler.shutdown(wait=False)


async def _publishing(runtime: _Runtime) -> None:
    look = min(_PUBLISHING_SECONDS, runtime.rhythm.tick_seconds)
    await unless(runtime.stop, partial(publishing.keep_publishing, runtime.app, look))


async def _alerts(runtime: _Runtime) -> None:
    app, settings = runtime.app, runtime.settings
    ways = channel_setup.routes(app, settings, _Joined(runtime))
    telling = partial(app.alerts.keep_telling, ways, min(_ALERT_SECONDS, runtime.rhythm.tick_seconds))
    await unless(runtime.stop, telling)


@dataclass(frozen=True, slots=True)
class _Joined:
    """The route of alerts over the running bot. At start-up it waits for Telegram for a while."""

    runtime: _Runtime
    name: str = CHANNEL

    async def tell(self, alert: Alert) -> None:
        if not self.runtime.has_joined:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.runtime.joined.wait(), _JOIN_SECONDS)
        context = self.runtime.context
        if context is None or not self.runtime.joined.is_set():
            raise NotToldError("Telegram is out of reach")
        await OperatorChats(
            self.runtime.app.engine, context.outgoing, context.operators, context.language
        ).tell(alert)


async def _unknown(runtime: _Runtime) -> None:
    """Alert the operator of messages with unknown delivery."""
    app = runtime.app
    seconds = runtime.rhythm.tick_seconds
    await unless(runtime.stop, partial(resuming.watch_unknown, app.engine, app.alerts, app.clock, seconds))


async def _mail(runtime: _Runtime) -> None:
    app, links, stop = runtime.app, runtime.links, runtime.stop
    async with channel_setup.mail(app, runtime.settings, links, runtime.rhythm) as (mail, outbox):
        runtime.outboxes.append(outbox)
        runtime.letters = TransactionalMail(
            app.engine, links, mail.post, app.clock, runtime.rhythm.look_seconds
        )

        parts: list[Coroutine[Any, Any, object]] = [
            keep_sending(stop, outbox, app.alerts, first_pause_seconds=runtime.rhythm.pause_seconds),
            _letters(stop, runtime.letters),
        ]
        account = imap.account(runtime.settings)
        if account is not None:
            watch = partial(imap.watch, account, links, app.alerts, _RETURNS_SECONDS)
            parts.append(unless(stop, watch))
        await side_by_side(stop, parts)


async def _letters(stop: asyncio.Event, letters: TransactionalMail) -> None:
    sending = asyncio.create_task(letters.run())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    letters.close()
    await asyncio.wait({sending}, timeout=_LAST_SECONDS)
    if not sending.cancel():
        await sending


async def _telegram(runtime: _Runtime) -> None:
    """Run Telegram. A refusal at start-up ends the program; a later one pauses only this channel."""
    await with_pauses(
        runtime.stop,
        CHANNEL,
        runtime.app.alerts,
        partial(_talk, runtime),
        may_pause=lambda: runtime.has_joined,
        first_pause_seconds=runtime.rhythm.pause_seconds,
    )


async def _talk(runtime: _Runtime) -> None:
    """Run Telegram from joining it to the stop. Raises ChannelError, after which it may be joined again."""
    async with AsyncExitStack() as stack, own_stop(runtime.stop) as stop:
        joined = await unless(stop, partial(_joined, runtime, stack))
        if joined is None:
            return
        bot, outbox, update_queue = joined
        parts: list[Coroutine[Any, Any, object]] = [
            send_until(stop, outbox),
            _close_inbox(stop, update_queue),
        ]
        if runtime.settings.telegram_webhook_secret is None:

            async def take(found: Sequence[Update]) -> None:
                await outlasting("updates", partial(update_queue.take, found))

            parts.append(unless(stop, partial(application.poll, bot, take)))
        await side_by_side(stop, parts)


async def _close_inbox(stop: asyncio.Event, update_queue: UpdateQueue) -> None:
    """Finish the updates in progress in parallel with the sends, not after them."""
    await stop.wait()
    await update_queue.close(_LAST_SECONDS)


async def _watch_telegram(runtime: _Runtime, look_seconds: float = _TELEGRAM_SECONDS) -> None:
    """Alert the operator if Telegram does not answer several checks, and resolve that when it does again."""
    silent, is_told = 0, True  # an earlier process may have raised the alert
    while True:
        await asyncio.sleep(look_seconds)
        if runtime.has_joined and not runtime.joined.is_set():
            continue  # it is paused, and the operator knows why
        silent = 0 if await _answers(runtime) else silent + 1
        if silent == _SILENT_LOOKS:
            reason = f"Telegram has been out of reach for {silent * look_seconds / 60:g} minutes."
            await runtime.app.alerts.raise_(AlertKind.CHANNEL_PAUSED, CHANNEL, reason)
            is_told = True
        elif is_told and not silent:
            await runtime.app.alerts.resolve(AlertKind.CHANNEL_PAUSED, CHANNEL)
            is_told = False


async def _answers(runtime: _Runtime) -> bool:
    """Return whether Telegram was joined and answers."""
    if runtime.context is None or not runtime.joined.is_set():
        return False
    try:
        await runtime.context.bot.get_me()
    except TelegramError:
        return False
    return True


async def _joined(
    runtime: _Runtime, stack: AsyncExitStack
) -> tuple[ExtBot[LimitArgs], DeliveryWorker, UpdateQueue]:
    """Join Telegram, and return what sends messages and handles updates; `stack` closes them."""
    settings = runtime.settings
    outgoing, outbox = await stack.enter_async_context(
        channel_setup.telegram(runtime.app, settings, runtime.rhythm)
    )
    newsletter = runtime.links if settings.smtp_host is not None else None
    context = channel_setup.open_context(
        runtime.app, outgoing, outbox, runtime.subscriptions, settings, newsletter
    )
    outgoing.alert = partial(runtime.app.alerts.raise_, AlertKind.TOPIC_CLOSED)
    update_queue = await stack.enter_async_context(application.answering(context))
    runtime.context, runtime.update_queue = context, update_queue
    runtime.outboxes.append(outbox)
    stack.callback(runtime.leave_telegram, outbox)
    if settings.telegram_webhook_secret is None:
        await application.have_fetched(context.bot)
    else:
        await runtime.listens.wait()
        url = f"{str(settings.public_url).rstrip('/')}{webhook.PATH}"
        await application.have_pushed(context.bot, url, settings.telegram_webhook_secret)
    await application.introduce(context, settings.telegram_channels)
    if runtime.has_joined:  # after a refusal
        await runtime.app.alerts.resolve(AlertKind.CHANNEL_PAUSED, CHANNEL)
    runtime.has_joined = True
    runtime.joined.set()
    _log.info("telegram_connected")
    await runtime.app.alerts.hurry()
    return context.bot, outbox, update_queue


def _links(settings: Settings, clock: Clock) -> Links:
    """Return the links of the settings. Without a newsletter no signature has to last, so any secret will do."""
    base = settings.public_url or f"http://{settings.web_host}:{settings.web_port}"
    return signed.open_links(settings, clock) or Links(
        str(base).rstrip("/"), secrets.token_hex(32), clock, str(settings.archive_url or "") or None
    )


def stopping() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; the process ends within ten seconds, whatever hangs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin() -> None:
        stop.set()
        process.leave_within(_LEAVE_SECONDS)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, begin)
    return stop
