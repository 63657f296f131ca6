"""The channels that the settings name, each with the outbox that sends on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from bot import day
from bot.app import App
from bot.channels import Channel
from bot.chat import connection, learned_rate
from bot.chat.sending import Outgoing
from bot.fanout import Renderings
from bot.links import Links
from bot.mail.channel import Mail, open_mail
from bot.outbox import ChannelError, Outbox
from bot.settings import Settings
from digest.models import Edition


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often the tables are asked what is due, of editions and of deliveries; how long an answer may take.

    A Telegram that is out of reach at the start is waited for: for `patience_seconds`, or without an end. A channel
    that is refused rests for `pause_seconds`, then longer.
    """

    tick_seconds: float = 30
    look_seconds: float = 5
    answer_seconds: float = 20
    patience_seconds: float | None = None
    pause_seconds: float = 60


def require_channel(settings: Settings) -> None:
    """Raises ChannelError where the settings name no way to reach anybody."""
    if not has_channel(settings):
        raise ChannelError(
            "Nobody can be reached: set TELEGRAM_BOT_TOKEN (@BotFather gives one) or SMTP_HOST."
        )


def has_channel(settings: Settings) -> bool:
    """Whether the settings name a way to reach somebody."""
    return bool(channels(settings))


def channels(settings: Settings) -> tuple[str, ...]:
    """The names of the channels that the settings name."""
    telegram = (Outgoing.name,) if settings.telegram_bot_token is not None else ()
    return (*telegram, Mail.name) if settings.smtp_host is not None else telegram


@asynccontextmanager
async def telegram(app: App, settings: Settings, rhythm: Rhythm) -> AsyncIterator[tuple[Outgoing, Outbox]]:
    """What sends to Telegram. Raises ChannelError where no token is set, or Telegram refuses it."""
    token = settings.telegram_bot_token
    if token is None:
        raise ChannelError("TELEGRAM_BOT_TOKEN is not set: @BotFather gives one.")
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
    """What sends mail, over connections that are opened when they are needed. Raises DigestError."""
    async with open_mail(settings, links, app.clock) as channel:
        yield channel, _outbox(app, channel, rhythm, channel.width)


def _outbox(app: App, channel: Channel, rhythm: Rhythm, width: int | None = None) -> Outbox:
    async def contents(wanted: date, language: str) -> Edition | None:
        return await day.stored(app, wanted, language)

    renderings = Renderings(app.engine, channel, contents, app.clock)
    outbox = Outbox(app.engine, channel, renderings, app.clock, look_seconds=rhythm.look_seconds)
    outbox.width = width or outbox.width
    return outbox
