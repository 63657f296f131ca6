"""The connection to Telegram: opening the bot, and receiving updates by polling or by webhook."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TypeVar

import stamina
from pydantic import SecretStr
from telegram import Update
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from bot.delivery.worker import ChannelError
from bot.settings import Settings
from bot.telegram.http import Request, pause_of
from bot.telegram.rate_limiter import LimitArgs, Limiter

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


def open_limiter(settings: Settings) -> Limiter:
    """Create the rate limiter for all requests of the bot, with the rate TELEGRAM_RATE (messages a second)."""
    return Limiter(settings.telegram_rate, width=_MESSAGES_AT_ONCE)


def open_bot(
    token: SecretStr, settings: Settings, answer_seconds: float, limiter: Limiter | None = None
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
    await _settled("to have updates fetched", bot.delete_webhook)


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

    await _settled("PUBLIC_URL for a webhook", set_webhook)


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
