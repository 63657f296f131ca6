"""Checks of the channels.

Mail: sending by SMTP, bounces by IMAP. Telegram: the token, the webhook, and whether alerts would arrive.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from telegram import WebhookInfo
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.delivery.channel import DeferredError, DeliveryError, EndedError, StruckError, blames_the_address
from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.links import open_links
from bot.mail import imap, smtp
from bot.mail.channel import letterhead
from bot.mail.smtp import Connection, SmtpTimeouts
from bot.settings import Settings
from bot.telegram.application import open_bot
from bot.telegram.rate_limiter import LimitArgs
from bot.web.webhook import PATH

Clock = Callable[[], datetime]


async def check_smtp(settings: Settings, clock: Clock) -> str:
    """Check that the SMTP server accepts the login and the envelope of a mail. None is sent."""
    links = open_links(settings, clock)
    if settings.smtp_host is None or settings.mail_from is None or links is None:
        raise OffError("SMTP_HOST is not set.")
    relay = Connection(smtp.server(settings), SmtpTimeouts())
    sender = letterhead(settings, settings.mail_from, links).return_path(0)
    to = settings.mail_reply_to or settings.mail_from.mailbox
    try:
        await relay.open()
        await relay.offer(sender, to)
    except (EndedError, StruckError, DeferredError) as error:
        raise UnsureError(_unsure(error, str(sender), str(to))) from None
    except DeliveryError as error:
        sentence = f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}"
        raise BrokenError(f"{sentence}; the envelope's sender was {sender}.") from None
    finally:
        await relay.close()
    return f"{settings.smtp_host} accepts mail from {sender} ({settings.smtp_security})"


def _unsure(error: DeliveryError, sender: str, to: str) -> str:
    """Return the sentence about a refused recipient. Only known words tell whose fault it is."""
    answer = error.answer or str(error)
    if blames_the_address(error):
        return f"The server accepts mail from {sender}, but not to {to} ({answer}): replies are lost."
    return (
        f"The server answered “{answer}” to a mail from {sender} to {to}. The cause is unknown:"
        " it may be the sender or the recipient."
    )


async def check_imap(settings: Settings) -> str:
    """Check that the mailbox of bounces can be opened."""
    account = imap.account(settings)
    if account is None:
        raise OffError("IMAP_HOST is not set: bounce reports are read only by `arxiv-daily bounces`.")
    async with imap.entered(account) as inbox:
        waiting = await asyncio.to_thread(inbox.unseen)
    return f"{account.host} accepts the login; {len(waiting)} mails are unread"


_ANSWER_SECONDS = 20.0
_FRESH = timedelta(hours=1)


async def telegram_bot(settings: Settings, now: datetime) -> str:
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
