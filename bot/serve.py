"""The whole bot in one process: Telegram, mail, pages, schedule; from the first request to a clean stop."""

import asyncio
import secrets
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from starlette.routing import Route
from telegram import Update

from bot import links as signed
from bot import outboxes
from bot.app import App, Clock, FarEnds, open_app
from bot.chat import application, connection, operators, updates
from bot.chat.desk import Desk
from bot.links import Links
from bot.mail import mailbox
from bot.mail.correspondence import Letters
from bot.models import Alarm, Trouble
from bot.outbox import Outbox
from bot.outboxes import Rhythm
from bot.resuming import keep_sending, send_until
from bot.schedule import Schedule
from bot.settings import Settings
from bot.web import webhook
from bot.web.pages import Pages
from bot.web.server import listening
from bot.web.site import site

T = TypeVar("T")
_log = structlog.get_logger()
_RETURNS_SECONDS = 300.0  # between two looks into the mailbox for what comes back
_LAST_SECONDS = 5.0  # for letters that are under way at the end


@dataclass
class _House:
    """What has been opened: the newsletter's parts and the counter, where there are any, and what runs beside them."""

    app: App
    settings: Settings
    rhythm: Rhythm
    links: Links
    letters: Letters | None = None
    desk: Desk | None = None
    outboxes: list[Outbox] = field(default_factory=list)
    running: list[Callable[[asyncio.Event], Coroutine[Any, Any, None]]] = field(default_factory=list)

    async def alert(self, alarm: Alarm) -> None:
        """Tells the operators, whom only Telegram reaches; the log has it all anyway."""
        if self.desk is not None:
            await operators.alert(self.desk, alarm)

    def wake(self) -> None:
        """There is something new to send."""
        for outbox in self.outboxes:
            outbox.wake()
        if self.letters is not None:
            self.letters.wake()


async def serve(
    settings: Settings,
    clock: Clock,
    stop: asyncio.Event,
    far_ends: FarEnds | None = None,
    rhythm: Rhythm | None = None,
) -> None:
    """Serves until `stop` is set; what is in flight ends then, within ten seconds. Raises DigestError."""
    outboxes.require_channel(settings)
    async with open_app(settings, clock, far_ends) as app, AsyncExitStack() as stack:
        house = _House(app, settings, rhythm or Rhythm(), _links(settings, clock))
        if await _until(stop, partial(_open, house, stack)):  # Telegram may be out of reach for long
            await _run(house, stop)
        else:
            _log.info("stopped_before_it_started")


async def _open(house: _House, stack: AsyncExitStack) -> bool:
    """Opens everything; `stack` closes it, the last first."""
    if house.settings.smtp_host is not None:
        await _open_mail(house, stack)
    hook = None
    if house.settings.telegram_bot_token is not None:
        hook = await _open_telegram(house, stack)
    pages = Pages(house.app, house.links, house.letters is not None, house.wake)
    web = site(pages, hook=hook)
    await stack.enter_async_context(listening(web, house.settings.web_host, house.settings.web_port))
    if house.desk is not None:
        await _introduce(house.desk, house.settings)
    scheduler = _schedule(house).start(house.rhythm.tick_seconds)
    stack.callback(scheduler.shutdown, wait=False)
    _log.info("serving", channels=[each.channel.name for each in house.outboxes], webhook=hook is not None)
    return True


async def _open_mail(house: _House, stack: AsyncExitStack) -> None:
    app, links = house.app, house.links
    mail, outbox = await stack.enter_async_context(outboxes.mail(app, house.settings, links, house.rhythm))
    house.outboxes.append(outbox)
    letters = Letters(app.engine, links, mail.post, app.clock, house.rhythm.look_seconds)
    house.letters = letters

    async def alert(sentence: str) -> None:
        await house.alert(Alarm(Trouble.FAILED, reason=sentence))

    house.running.append(partial(keep_sending, outbox=outbox, alert=alert))
    house.running.append(partial(_send_letters, letters))
    account = mailbox.account(house.settings)
    if account is not None:
        watch = partial(mailbox.watch, account, app.engine, links, app.clock, _RETURNS_SECONDS)
        house.running.append(partial(_until, work=watch))


async def _open_telegram(house: _House, stack: AsyncExitStack) -> Route | None:
    """The way in for updates, where Telegram pushes them."""
    settings = house.settings
    outgoing, outbox = await stack.enter_async_context(outboxes.telegram(house.app, settings, house.rhythm))
    newsletter = house.links if house.letters is not None else None
    desk = application.open_desk(house.app, outgoing, outbox, settings, newsletter)
    outgoing.alert = lambda address, reason: operators.alert(desk, Alarm(Trouble.ENDED, address, reason))
    house.desk = desk
    house.outboxes.append(outbox)
    house.running.append(partial(send_until, outbox=outbox))
    inbox = await stack.enter_async_context(application.answering(desk))
    secret = settings.telegram_webhook_secret
    if secret is None:
        house.running.append(partial(_until, work=partial(connection.poll, desk.bot, inbox.take)))
        return None

    async def take(update: dict[str, Any]) -> None:
        await inbox.take([Update.de_json(updates.readable(update), desk.bot)])

    return webhook.route(secret.get_secret_value(), take)


async def _introduce(desk: Desk, settings: Settings) -> None:
    if settings.telegram_webhook_secret is not None:
        url = f"{str(settings.public_url).rstrip('/')}{webhook.PATH}"
        await connection.have_pushed(desk.bot, url, settings.telegram_webhook_secret)
    await application.introduce(desk, settings.telegram_channels)


def _schedule(house: _House) -> Schedule:
    app = house.app

    async def pause(time: timedelta) -> datetime:
        await asyncio.sleep(time.total_seconds())
        return app.clock()

    return Schedule(app, house.alert, house.wake, pause)


async def _run(house: _House, stop: asyncio.Event) -> None:
    """All that runs, until `stop`, or until one of them cannot go on."""
    tasks = [asyncio.create_task(each(stop)) for each in house.running]
    await asyncio.wait({*tasks, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def _send_letters(letters: Letters, stop: asyncio.Event) -> None:
    sending = asyncio.create_task(letters.run())
    await stop.wait()
    letters.close()
    await asyncio.wait({sending}, timeout=_LAST_SECONDS)
    sending.cancel()


async def _until(stop: asyncio.Event, work: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
    """What `work` comes to; None where `stop` is set before."""
    working, stopped = asyncio.create_task(work()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        stopped.cancel()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _links(settings: Settings, clock: Clock) -> Links:
    """Those of the settings; without a newsletter they sign nothing that has to last, and any secret will do."""
    base = settings.public_url or f"http://{settings.web_host}:{settings.web_port}"
    return signed.open_links(settings, clock) or Links(
        str(base).rstrip("/"), secrets.token_hex(32), clock, str(settings.archive_url or "") or None
    )


def stopping() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop
