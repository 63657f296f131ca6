"""The way to Telegram and back: how the bot gets there, and how its updates come here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import stamina
import structlog
from pydantic import SecretStr
from telegram import Update
from telegram.error import BadRequest, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import Application, ExtBot

from bot.chat.limits import LimitArgs, Limiter
from bot.chat.request import Request, pause_of
from bot.outbox import ChannelError
from bot.settings import Settings

_log = structlog.get_logger()
_CONNECTIONS = 64
_MESSAGES_AT_ONCE = 56  # connections are left over for what is no message: taps that are to be acknowledged
_POLL_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 60
_LAST_POLL_SECONDS = 1.0  # to tell Telegram what was taken; untold, it comes again, and is known
_ALLOWED_UPDATES = (
    Update.MESSAGE,
    Update.CHANNEL_POST,
    Update.CALLBACK_QUERY,
    Update.INLINE_QUERY,
    Update.MY_CHAT_MEMBER,
)


def open_bot(token: SecretStr, settings: Settings, answer_seconds: float) -> ExtBot[LimitArgs]:
    """The bot behind `token`, at the pace of TELEGRAM_RATE; what is not answered in time is unknown."""
    return ExtBot(
        token.get_secret_value(),
        base_url=f"{str(settings.telegram_api_url).rstrip('/')}/bot",
        request=Request(_CONNECTIONS, read_timeout=answer_seconds),
        get_updates_request=Request(1),
        rate_limiter=Limiter(settings.telegram_rate, width=_MESSAGES_AT_ONCE),
    )


@asynccontextmanager
async def initialized(bot: ExtBot[LimitArgs], patience_seconds: float | None = None) -> AsyncIterator[None]:
    """`bot`, known to Telegram. While that cannot be reached, it waits: for `patience_seconds`, or without an end.

    Raises ChannelError.
    """
    try:
        await _settled("the bot", bot.initialize, patience_seconds)
        yield
    finally:
        await bot.shutdown()
        await bot.request.shutdown()  # which the bot leaves open where it never was initialized


@asynccontextmanager
async def polling(application: Application[Any, Any, Any, Any, Any, Any]) -> AsyncIterator[None]:
    """Fetches updates while the block runs. Raises ChannelError."""
    updater = application.updater
    if updater is None:
        raise AssertionError("the application was not built to poll")
    # start_polling does that too, but without a word and without an end where it is refused.
    await _settled("to have updates fetched", application.bot.delete_webhook)
    await updater.start_polling(
        timeout=timedelta(seconds=_POLL_SECONDS),
        allowed_updates=_ALLOWED_UPDATES,
        bootstrap_retries=-1,
        error_callback=_on_polling_error,
    )
    try:
        yield
    finally:
        try:
            await asyncio.wait_for(updater.stop(), _LAST_POLL_SECONDS)
        except TimeoutError:
            _log.warning("updates_left_unconfirmed")


async def have_pushed(bot: ExtBot[LimitArgs], url: str, secret: SecretStr) -> None:
    """Has Telegram push updates to `url`, with the `secret` that proves whose they are. Raises ChannelError."""

    async def set_webhook() -> None:
        await bot.set_webhook(url, secret_token=secret.get_secret_value(), allowed_updates=_ALLOWED_UPDATES)

    await _settled("PUBLIC_URL for a webhook", set_webhook)


async def _settled(
    what: str, request: Callable[[], Awaitable[object]], patience_seconds: float | None = None
) -> None:
    """Returns once Telegram has granted the `request`, which is for `what`."""
    try:
        async for attempt in stamina.retry_context(
            on=_passes, attempts=None, timeout=patience_seconds, wait_max=_LONGEST_PAUSE_SECONDS
        ):
            with attempt:
                await request()
    except InvalidToken:  # its text may hold the token
        raise ChannelError("Telegram does not accept TELEGRAM_BOT_TOKEN.") from None
    except TelegramError as error:
        if _passes(error):
            raise ChannelError(error.message) from None
        raise ChannelError(f"Telegram refuses {what}: {error.message}") from None


def _passes(error: Exception) -> bool | timedelta:
    """Whether it may go by itself, or after which pause it does."""
    if isinstance(error, RetryAfter):
        return pause_of(error)
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest)


def _on_polling_error(error: TelegramError) -> None:
    _log.warning("polling_failed", error=type(error).__name__)
