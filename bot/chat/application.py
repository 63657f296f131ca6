"""The bot as a whole: python-telegram-bot's Application with our parts in it, from the first request to the last."""

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

from bot.app import App
from bot.chat import (
    command_menu,
    days,
    inline,
    on_demand,
    operators,
    papers,
    preferences,
    privacy,
    taps,
    welcome,
    words,
)
from bot.chat.address import Address
from bot.chat.desk import Desk, Quotas
from bot.chat.inbox import Inbox
from bot.chat.incoming import ORIGINAL, Handler, incoming
from bot.chat.sending import Outgoing
from bot.links import Links
from bot.models import Kind
from bot.outages import outlasting
from bot.outbox import Outbox
from bot.settings import Settings

_log = structlog.get_logger()
_LAST_SECONDS = 2.5  # for what is being handled when the program stops: the outbox had its time before
Bot = Application[Any, Any, Any, Any, Any, Any]


def open_desk(
    app: App, outgoing: Outgoing, outbox: Outbox, settings: Settings, links: Links | None = None
) -> Desk:
    """The counter, as the settings want it."""
    return Desk(
        app=app,
        bot=outgoing.bot,
        outgoing=outgoing,
        outbox=outbox,
        operators=frozenset(settings.telegram_admins),
        language=settings.target_language,
        zone=settings.timezone,
        quotas=Quotas(settings.quota_person, settings.quota_day),
        clock=app.clock,
        links=links,
    )


@asynccontextmanager
async def answering(desk: Desk) -> AsyncIterator[Inbox]:
    """Has updates handled while the block runs; what was begun ends then, what waits is handled at the next start."""
    application = _build(desk)
    await application.initialize()
    inbox = Inbox(desk, application)
    try:
        await outlasting("requests", partial(on_demand.resume, desk))
        await outlasting("replies", desk.replies.resume)
        await outlasting("updates", inbox.resume)
        yield inbox
    finally:
        await inbox.close(_LAST_SECONDS)
        await desk.close()


def _build(desk: Desk) -> Bot:
    """The Application with every handler. The way in is ours: its own queue lives in memory."""
    application = ApplicationBuilder().bot(desk.bot).updater(None).job_queue(None).build()
    application.add_handler(preferences.interruption(desk), group=-1)
    application.add_handlers(_handlers(desk))
    application.add_error_handler(_on_error)
    return application


async def introduce(desk: Desk, channels: tuple[str, ...]) -> None:
    """Tells Telegram which commands there are, in each language, and enrolls the operator's `channels`."""
    try:
        for language in ("", *words.languages()):
            await _introduce_in(desk, language)
    except TelegramError as error:  # a slow start: no reason not to serve
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
    await outlasting("channels", partial(welcome.enroll, desk, Address(chat.id), Kind.CHANNEL, None))


def _handlers(desk: Desk) -> list[Handler]:
    """In the order in which they are asked; `papers` takes every text, so what is left are unknown commands."""
    return [
        *welcome.handlers(desk),
        *preferences.handlers(desk),
        *privacy.handlers(desk),
        *operators.handlers(desk),
        *inline.handlers(desk),
        *taps.handlers(desk),
        *days.handlers(desk),
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
    """A picture, a file or a voice, without a word to it."""
    if came := incoming(update):
        reader = await desk.reader(came)
        await desk.answer(came, words.of(reader.choices.language).not_understood)


async def _unknown_button(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    if query is not None:
        language = await desk.language_of(query.from_user.id, query.from_user.language_code)
        await desk.acknowledge(query, str(words.of(language).stale_button), alert=True)


async def _on_error(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    """The edge of what one update can do. Its text is nobody's business; its number finds it."""
    error = context.error
    number = update.update_id if isinstance(update, Update) else None
    if isinstance(error, TelegramError):
        _log.warning("answer_failed", update=number, error=type(error).__name__, cause=error.message[:80])
    else:
        _log.error("update_failed", update=number, exc_info=error)
