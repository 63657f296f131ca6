"""The configured channels, each with its delivery worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from bot import daily_run
from bot.container import App
from bot.delivery.channel import Channel
from bot.delivery.fanout import Renderings
from bot.delivery.worker import ChannelError, Outbox
from bot.links import Links
from bot.mail.channel import Mail, open_mail
from bot.settings import Settings
from bot.telegram import connection, learned_rate
from bot.telegram.channel import Outgoing
from digest.core.models import Edition


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Intervals of the checks for due editions and deliveries, and time limits of answers, in seconds.

    An unreachable Telegram is waited for at the start: for `patience_seconds`, or without a limit. A refused channel
    pauses for `pause_seconds`, then longer.
    """

    tick_seconds: float = 30
    look_seconds: float = 5
    answer_seconds: float = 20
    patience_seconds: float | None = None
    pause_seconds: float = 60


def require_channel(settings: Settings) -> None:
    """Check that a channel is configured. Raises ChannelError."""
    if not has_channel(settings):
        raise ChannelError("No channel is configured: set TELEGRAM_BOT_TOKEN (from @BotFather) or SMTP_HOST.")


def has_channel(settings: Settings) -> bool:
    """Return whether a channel is configured."""
    return bool(channels(settings))


def channels(settings: Settings) -> tuple[str, ...]:
    """Return the names of the configured channels."""
    telegram = (Outgoing.name,) if settings.telegram_bot_token is not None else ()
    return (*telegram, Mail.name) if settings.smtp_host is not None else telegram


@asynccontextmanager
async def telegram(app: App, settings: Settings, rhythm: Rhythm) -> AsyncIterator[tuple[Outgoing, Outbox]]:
    """Open the Telegram channel. Raises ChannelError if no token is set or Telegram refuses it."""
    token = settings.telegram_bot_token
    if token is None:
        raise ChannelError("TELEGRAM_BOT_TOKEN is not set: get one from @BotFather.")
    limiter = connection.open_limiter(settings)
    bot = connection.open_bot(token, settings, rhythm.answer_seconds, limiter)
    async with (
        connection.initialized(bot, rhythm.patience_seconds),
        learned_rate.kept(app.engine, token, limiter, app.clock),
    ):
        outgoing = Outgoing(bot)
        yield outgoing, _outbox(app, outgoing, rhythm)


@asynccontextmanager
async def mail(
    app: App, settings: Settings, links: Links, rhythm: Rhythm
) -> AsyncIterator[tuple[Mail, Outbox]]:
    """Open the mail channel, which connects on demand. Raises DigestError."""
    async with open_mail(settings, links, app.clock) as channel:
        yield channel, _outbox(app, channel, rhythm, channel.width)


def _outbox(app: App, channel: Channel, rhythm: Rhythm, width: int | None = None) -> Outbox:
    async def contents(wanted: date, language: str) -> Edition | None:
        return await daily_run.stored(app, wanted, language)

    renderings = Renderings(app.engine, channel, contents, app.clock)
    outbox = Outbox(app.engine, channel, renderings, app.clock, look_seconds=rhythm.look_seconds)
    outbox.width = width or outbox.width
    return outbox
