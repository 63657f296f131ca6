"""Checks of Telegram: the token, the webhook, and whether alerts would arrive."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from telegram import WebhookInfo
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.doctor.findings import BrokenError, OffError
from bot.settings import Settings
from bot.telegram.connection import open_bot
from bot.telegram.rate_limiter import LimitArgs
from bot.web.webhook import PATH

_ANSWER_SECONDS = 20.0
_FRESH = timedelta(hours=1)


async def bot(settings: Settings, now: datetime) -> str:
    """Check that Telegram knows the bot, reaches its webhook, and lets it write to its operators."""
    async with _opened(settings) as opened:
        webhook = _webhook(settings, await opened.get_webhook_info(), now)
        for operator in settings.telegram_admins:
            await _reach(opened, operator)
        operators = len(settings.telegram_admins) or "no"
        return f"@{opened.username}, {webhook}, {operators} reachable operators"


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[ExtBot[LimitArgs]]:
    if settings.telegram_bot_token is None:
        raise OffError("TELEGRAM_BOT_TOKEN is not set.")
    opened = open_bot(settings.telegram_bot_token, settings, _ANSWER_SECONDS)
    try:
        await opened.initialize()
        yield opened
    except InvalidToken:
        raise BrokenError(
            "Telegram does not accept TELEGRAM_BOT_TOKEN: get the right one from @BotFather."
        ) from None
    except TelegramError as error:
        what = "cannot be reached" if _is_passing(error) else "refuses"
        raise BrokenError(f"Telegram, at TELEGRAM_API_URL, {what} ({type(error).__name__}).") from None
    finally:
        await opened.shutdown()
        await opened.request.shutdown()  # the bot leaves its request open if it was never initialized


def _is_passing(error: TelegramError) -> bool:
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest)


def _webhook(settings: Settings, info: WebhookInfo, now: datetime) -> str:
    """Describe how updates arrive. Raises BrokenError if Telegram recently reported a failure."""
    if settings.telegram_webhook_secret is None:
        return "which polls for updates"
    expected = f"{str(settings.public_url).rstrip('/')}{PATH}"
    if not info.url:
        return "whose webhook is set when `serve` starts"
    if info.url != expected:
        raise BrokenError(
            f"The webhook is not {expected}: restart `serve`, or check whether another program uses the token."
        )
    if info.last_error_date and info.last_error_date > now - _FRESH:
        raise BrokenError(f"Telegram could not deliver to the webhook: {info.last_error_message}.")
    return f"whose webhook has {info.pending_update_count} updates waiting"


async def _reach(opened: ExtBot[LimitArgs], operator: int) -> None:
    """Show "typing" to the operator, which leaves no trace."""
    try:
        await opened.send_chat_action(operator, ChatAction.TYPING)
    except (Forbidden, BadRequest):
        raise BrokenError(
            f"The operator {operator} of TELEGRAM_ADMINS gets no alerts: they have to send /start to the bot."
        ) from None
