"""The whole bot: python-telegram-bot's Application with our handlers, from start to shutdown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog
from telegram import (
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
    Update,
)
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot.container import App
from bot.core.models import Kind
from bot.delivery.outages import outlasting
from bot.delivery.worker import Outbox
from bot.links import Links
from bot.settings import Settings
from bot.subscriptions.service import SubscriptionService
from bot.telegram import requests, words
from bot.telegram.address import Address
from bot.telegram.channel import Outgoing
from bot.telegram.context import Desk, Quotas
from bot.telegram.handlers import (
    admin,
    command_menu,
    editions,
    inline,
    papers,
    preferences,
    privacy,
    start,
    taps,
)
from bot.telegram.incoming import ORIGINAL, Handler, incoming
from bot.telegram.update_queue import Inbox

_log = structlog.get_logger()
_LAST_SECONDS = 2.5  # seconds for updates in progress at shutdown; the outbox has had its own time before
Bot = Application[Any, Any, Any, Any, Any, Any]


def open_desk(
    app: App,
    outgoing: Outgoing,
    outbox: Outbox,
    subscriptions: SubscriptionService,
    settings: Settings,
    links: Links | None = None,
) -> Desk:
    """Build the context of the handlers from the settings."""
    return Desk(
        app=app,
        bot=outgoing.bot,
        outgoing=outgoing,
        outbox=outbox,
        subscriptions=subscriptions,
        operators=frozenset(settings.telegram_admins),
        language=settings.target_language,
        zone=settings.timezone,
        quotas=Quotas(settings.quota_person, settings.quota_day),
        clock=app.clock,
        links=links,
    )


@asynccontextmanager
async def answering(desk: Desk) -> AsyncIterator[Inbox]:
    """Handle updates while the block runs. At its end, work in progress is finished; waiting updates are handled at the
    next start.
    """
    application = _build(desk)
    await application.initialize()
    inbox = Inbox(desk, application)
    try:
        await outlasting("requests", partial(requests.resume, desk))
        await outlasting("replies", desk.replies.resume)
        await outlasting("updates", inbox.resume)
        yield inbox
    finally:
        await inbox.close(_LAST_SECONDS)
        await desk.close()


def _build(desk: Desk) -> Bot:
    """Build the Application with every handler. Our own update queue replaces the built-in one in memory."""
    application = ApplicationBuilder().bot(desk.bot).updater(None).job_queue(None).build()
    application.add_handler(preferences.interruption(desk), group=-1)
    application.add_handlers(_handlers(desk))
    application.add_error_handler(_on_error)
    return application


async def introduce(desk: Desk, channels: tuple[str, ...]) -> None:
    """Tell Telegram the commands in each language, and enroll the operator's `channels`."""
    try:
        for language in ("", *words.languages()):
            await _introduce_in(desk, language)
    except TelegramError as error:  # Telegram is slow to start; that is no reason not to serve
        _log.warning("commands_not_set", error=error.message)
    for operator in sorted(desk.operators):
        await command_menu.show(desk, operator)
    for name in channels:
        await _enroll(desk, name)


async def _introduce_in(desk: Desk, language: str) -> None:
    says, code = words.of(language or desk.language), language.partition("-")[0] or None
    for scope in (BotCommandScopeDefault(), BotCommandScopeAllPrivateChats()):
        await desk.bot.set_my_commands(
            command_menu.commands(command_menu.offered(desk, says)), scope, language_code=code
        )
    await desk.bot.set_my_short_description(str(says.about), language_code=code)


async def _enroll(desk: Desk, name: str) -> None:
    try:
        chat = await desk.bot.get_chat(name if name.startswith("@") else int(name))
    except TelegramError as error:
        _log.warning("channel_unknown", channel=name, error=error.message)
        return
    await outlasting("channels", partial(start.enroll, desk, Address(chat.id), Kind.CHANNEL, None))


def _handlers(desk: Desk) -> list[Handler]:
    """List the handlers in the order in which they are tried. `papers` takes every text, so only unknown commands are
    left.
    """
    return [
        *start.handlers(desk),
        *preferences.handlers(desk),
        *privacy.handlers(desk),
        *admin.handlers(desk),
        *inline.handlers(desk),
        *taps.handlers(desk),
        *editions.handlers(desk),
        *papers.handlers(desk),
        MessageHandler(
            filters.COMMAND & filters.ChatType.PRIVATE & ORIGINAL, partial(_unknown_command, desk)
        ),
        MessageHandler(
            filters.ChatType.PRIVATE & ORIGINAL & ~filters.StatusUpdate.ALL, partial(_unreadable, desk)
        ),
        CallbackQueryHandler(partial(_unknown_button, desk)),
    ]


async def _unknown_command(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    if came := incoming(update):
        reader = await desk.reader(came)
        await desk.answer(came, words.of(reader.choices.language).unknown_command)


async def _unreadable(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer a picture, file or voice message without a caption."""
    if came := incoming(update):
        reader = await desk.reader(came)
        await desk.answer(came, words.of(reader.choices.language).not_understood)


async def _unknown_button(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    if query is not None:
        language = await desk.language_of(query.from_user.id, query.from_user.language_code)
        await desk.acknowledge(query, str(words.of(language).stale_button), alert=True)


async def _on_error(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Log an error that a handler did not catch. The log holds the update's number, never its text."""
    error = context.error
    number = update.update_id if isinstance(update, Update) else None
    if isinstance(error, TelegramError):
        _log.warning("answer_failed", update=number, error=type(error).__name__, cause=error.message[:80])
    else:
        _log.error("update_failed", update=number, exc_info=error)
