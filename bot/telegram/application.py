"""The whole bot: python-telegram-bot's Application with our handlers, from start to shutdown, and its connection.

Updates arrive by polling or by webhook.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import stamina
import structlog
from pydantic import SecretStr
from telegram import (
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
    Update,
)
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    filters,
)

from bot.core.models import ChatKind
from bot.delivery.outages import outlasting
from bot.delivery.worker import ChannelError
from bot.settings import Settings
from bot.telegram import requests, templates
from bot.telegram.context import BotContext
from bot.telegram.handlers import admin, editions, papers, privacy, prompts, start
from bot.telegram.handlers import settings as settings_handlers
from bot.telegram.http import Request, pause_of
from bot.telegram.incoming import ORIGINAL, Address, Handler, incoming
from bot.telegram.rate_limiter import LimitArgs, RateLimiter
from bot.telegram.update_queue import UpdateQueue

T = TypeVar("T")
_CONNECTIONS = 64
_MESSAGES_AT_ONCE = 56  # leaves connections free for other requests, such as acknowledging taps
_POLL_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 60
_ALLOWED_UPDATES = (
    Update.MESSAGE,
    Update.CHANNEL_POST,
    Update.CALLBACK_QUERY,
    Update.INLINE_QUERY,
    Update.MY_CHAT_MEMBER,
)


def open_limiter(settings: Settings) -> RateLimiter:
    """Create the rate limiter for all requests of the bot, with the rate TELEGRAM_RATE (messages a second)."""
    return RateLimiter(settings.telegram_rate, width=_MESSAGES_AT_ONCE)


def open_bot(
    token: SecretStr, settings: Settings, answer_seconds: float, limiter: RateLimiter | None = None
) -> ExtBot[LimitArgs]:
    """Create the bot for `token`, with `limiter` or a new one. `answer_seconds` limits the silence within an answer."""
    return ExtBot(
        token.get_secret_value(),
        base_url=f"{str(settings.telegram_api_url).rstrip('/')}/bot",
        request=Request(_CONNECTIONS, read_timeout=answer_seconds),
        get_updates_request=Request(1),
        rate_limiter=limiter or open_limiter(settings),
    )


@asynccontextmanager
async def initialized(bot: ExtBot[LimitArgs], patience_seconds: float | None = None) -> AsyncIterator[None]:
    """Initialize `bot`, retrying while Telegram cannot be reached: for `patience_seconds`, or without a limit.

    Raises ChannelError.
    """
    try:
        await _settled("the bot", bot.initialize, patience_seconds)
        yield
    finally:
        await bot.shutdown()
        await bot.request.shutdown()  # the bot leaves its request open if it was never initialized


async def have_fetched(bot: ExtBot[LimitArgs]) -> None:
    """Delete the webhook, so that updates can be polled. Raises ChannelError."""
    await _settled("polling for updates", bot.delete_webhook)


async def poll(bot: ExtBot[LimitArgs], take: Callable[[Sequence[Update]], Awaitable[None]]) -> None:
    """Poll for updates forever. `take` must store them: the next request confirms them to Telegram.

    Raises ChannelError, and whatever `take` raises.
    """
    fetch = partial(
        bot.get_updates, timeout=timedelta(seconds=_POLL_SECONDS), allowed_updates=_ALLOWED_UPDATES
    )
    following: int | None = None
    while True:
        if found := await _settled("updates", partial(fetch, following)):
            await take(found)
            following = found[-1].update_id + 1


async def have_pushed(bot: ExtBot[LimitArgs], url: str, secret: SecretStr) -> None:
    """Set the webhook `url`. Telegram sends `secret` with each update to prove its origin. Raises ChannelError."""

    async def set_webhook() -> None:
        await bot.set_webhook(url, secret_token=secret.get_secret_value(), allowed_updates=_ALLOWED_UPDATES)

    await _settled("PUBLIC_URL as the webhook", set_webhook)


async def _settled(
    what: str, request: Callable[[], Awaitable[T]], patience_seconds: float | None = None
) -> T:
    """Send the `request` until Telegram accepts it, and return its result. Error messages name its purpose, `what`."""
    try:
        async for attempt in stamina.retry_context(
            on=_passes, attempts=None, timeout=patience_seconds, wait_max=_LONGEST_PAUSE_SECONDS
        ):
            with attempt:
                return await request()
    except InvalidToken:  # its text may contain the token
        raise ChannelError("Telegram does not accept TELEGRAM_BOT_TOKEN.") from None
    except TelegramError as error:
        if _passes(error):
            raise ChannelError(error.message) from None
        raise ChannelError(f"Telegram refuses {what}: {error.message}") from None
    raise AssertionError  # stamina returns or raises


def _passes(error: Exception) -> bool | timedelta:
    """Return whether the error is temporary, or the pause before the next attempt.

    A conflict with another polling process may end. Telegram may name a pause of hours. We ask again sooner, so that
    nobody waits longer than necessary.
    """
    if isinstance(error, RetryAfter):
        return min(pause_of(error), timedelta(seconds=_LONGEST_PAUSE_SECONDS))
    return isinstance(error, NetworkError | Conflict) and not isinstance(error, BadRequest)


_log = structlog.get_logger()
_LAST_SECONDS = 2.5  # seconds for updates in progress at shutdown; the outbox has had its own time before
Bot = Application[Any, Any, Any, Any, Any, Any]


@asynccontextmanager
async def answering(context: BotContext) -> AsyncIterator[UpdateQueue]:
    """Handle updates while the block runs. At its end, work in progress is finished; waiting updates are handled at the
    next start.
    """
    application = _build(context)
    await application.initialize()
    update_queue = UpdateQueue(context, application)
    try:
        await outlasting("requests", partial(requests.resume, context))
        await outlasting("replies", context.replies.resume)
        await outlasting("updates", update_queue.resume)
        yield update_queue
    finally:
        await update_queue.close(_LAST_SECONDS)
        await context.close()


def _build(context: BotContext) -> Bot:
    """Build the Application with every handler. Our own update queue replaces the built-in one in memory."""
    application = ApplicationBuilder().bot(context.bot).updater(None).job_queue(None).build()
    application.add_handler(settings_handlers.interruption(context), group=-1)
    application.add_handlers(_handlers(context))
    application.add_error_handler(_on_error)
    return application


async def introduce(context: BotContext, channels: tuple[str, ...]) -> None:
    """Tell Telegram the commands in each language, and enroll the operator's `channels`."""
    try:
        for language in ("", *templates.languages()):
            await _introduce_in(context, language)
    except TelegramError as error:  # Telegram is slow to start; that is no reason not to serve
        _log.warning("commands_not_set", error=error.message)
    for operator in sorted(context.operators):
        await prompts.show_commands(context, operator)
    for name in channels:
        await _enroll(context, name)


async def _introduce_in(context: BotContext, language: str) -> None:
    says, code = templates.words(language or context.language), language.partition("-")[0] or None
    for scope in (BotCommandScopeDefault(), BotCommandScopeAllPrivateChats()):
        await context.bot.set_my_commands(
            prompts.commands(prompts.offered_commands(context, says)), scope, language_code=code
        )
    await context.bot.set_my_short_description(str(says.about), language_code=code)


async def _enroll(context: BotContext, name: str) -> None:
    try:
        chat = await context.bot.get_chat(name if name.startswith("@") else int(name))
    except TelegramError as error:
        _log.warning("channel_unknown", channel=name, error=error.message)
        return
    await outlasting("channels", partial(start.enroll, context, Address(chat.id), ChatKind.CHANNEL, None))


def _handlers(context: BotContext) -> list[Handler]:
    """List the handlers in the order in which they are tried. `papers` takes every text, so only unknown commands are
    left.
    """
    return [
        *start.handlers(context),
        *settings_handlers.handlers(context),
        *privacy.handlers(context),
        *admin.handlers(context),
        *editions.inline_handlers(context),
        *papers.tap_handlers(context),
        *editions.handlers(context),
        *papers.handlers(context),
        MessageHandler(
            filters.COMMAND & filters.ChatType.PRIVATE & ORIGINAL, partial(_unknown_command, context)
        ),
        MessageHandler(
            filters.ChatType.PRIVATE & ORIGINAL & ~filters.StatusUpdate.ALL, partial(_unreadable, context)
        ),
        CallbackQueryHandler(partial(_unknown_button, context)),
    ]


async def _unknown_command(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    if message := incoming(update):
        subscriber = await context.subscriber(message)
        await context.answer(message, templates.words(subscriber.preferences.language).unknown_command)


async def _unreadable(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer a picture, file or voice message without a caption."""
    if message := incoming(update):
        subscriber = await context.subscriber(message)
        await context.answer(message, templates.words(subscriber.preferences.language).not_understood)


async def _unknown_button(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    if query is not None:
        language = await context.language_of(query.from_user.id, query.from_user.language_code)
        await context.acknowledge(query, str(templates.words(language).stale_button), alert=True)


async def _on_error(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Log an error that a handler did not catch. The log holds the update's number, never its text."""
    error = context.error
    number = update.update_id if isinstance(update, Update) else None
    if isinstance(error, TelegramError):
        _log.warning("answer_failed", update=number, error=type(error).__name__, cause=error.message[:80])
    else:
        _log.error("update_failed", update=number, exc_info=error)
