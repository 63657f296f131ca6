"""The configured channels, each with its delivery worker and its route for alerts.

Alerts reach the operator by Telegram, then by mail, then by a webhook.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from bot import alerts, daily_run
from bot.alerts import NotToldError, Route, Webhook
from bot.container import App
from bot.core.mailboxes import Mailbox
from bot.core.models import Alert
from bot.delivery.channel import Channel, DeliveryError
from bot.delivery.renderings import Renderings
from bot.delivery.worker import ChannelError, DeliveryWorker
from bot.links import Links, open_links
from bot.mail import composing
from bot.mail.channel import Mail, open_mail
from bot.settings import Settings
from bot.subscriptions.service import SubscriptionService
from bot.telegram import application
from bot.telegram.channel import TelegramChannel
from bot.telegram.context import BotContext, Quotas
from bot.telegram.handlers.admin import OperatorChats
from bot.telegram.learned_rate import keep_rate
from bot.web.pages import Pages
from digest.core.models import Edition


@dataclass(frozen=True, slots=True)
class Intervals:
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
    telegram = (TelegramChannel.name,) if settings.telegram_bot_token is not None else ()
    return (*telegram, Mail.name) if settings.smtp_host is not None else telegram


@asynccontextmanager
async def telegram(
    app: App, settings: Settings, rhythm: Intervals
) -> AsyncIterator[tuple[TelegramChannel, DeliveryWorker]]:
    """Open the Telegram channel. Raises ChannelError if no token is set or Telegram refuses it."""
    token = settings.telegram_bot_token
    if token is None:
        raise ChannelError("TELEGRAM_BOT_TOKEN is not set: get one from @BotFather.")
    limiter = application.open_limiter(settings)
    bot = application.open_bot(token, settings, rhythm.answer_seconds, limiter)
    async with (
        application.initialized(bot, rhythm.patience_seconds),
        keep_rate(app.engine, token, limiter, app.clock),
    ):
        outgoing = TelegramChannel(bot)
        yield outgoing, _outbox(app, outgoing, rhythm)


def open_context(
    app: App,
    outgoing: TelegramChannel,
    outbox: DeliveryWorker,
    subscriptions: SubscriptionService,
    settings: Settings,
    links: Links | None = None,
) -> BotContext:
    """Build the context of the bot's handlers."""
    return BotContext(
        engine=app.engine,
        plan=app.plan,
        paper_service_in=app.paper_service_in,
        stored_edition=partial(daily_run.stored, app),
        rebuild=partial(daily_run.rebuild, app, report=lambda _: None),
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


def open_pages(app: App, links: Links, subscriptions: SubscriptionService, *, newsletter: bool) -> Pages:
    """Build the parts of the program that the pages use."""
    return Pages(
        app.engine, app.plan, app.clock, partial(daily_run.stored, app), links, subscriptions, newsletter
    )


@asynccontextmanager
async def mail(
    app: App, settings: Settings, links: Links, rhythm: Intervals
) -> AsyncIterator[tuple[Mail, DeliveryWorker]]:
    """Open the mail channel, which connects on demand. Raises DigestError."""
    async with open_mail(settings, links, app.clock) as channel:
        yield channel, _outbox(app, channel, rhythm, channel.width)


def _outbox(app: App, channel: Channel, rhythm: Intervals, width: int | None = None) -> DeliveryWorker:
    async def load_edition(wanted: date, language: str) -> Edition | None:
        return await daily_run.stored(app, wanted, language)

    renderings = Renderings(app.engine, channel, load_edition, app.clock)
    outbox = DeliveryWorker(app.engine, channel, renderings, app.clock, look_seconds=rhythm.look_seconds)
    outbox.width = width or outbox.width
    return outbox


_RHYTHM = Intervals(patience_seconds=20)


@dataclass(frozen=True, slots=True)
class TelegramRoute:
    """The Telegram route of a command that ends: it opens the bot for one alert."""

    app: App
    settings: Settings
    name: str = "telegram"

    async def tell(self, alert: Alert) -> None:
        """Send the alert to the operators' chats. Raises NotToldError and ChannelError."""
        async with telegram(self.app, self.settings, _RHYTHM) as (outgoing, _):
            chats = OperatorChats(
                self.app.engine, outgoing, self.settings.telegram_admins, self.settings.target_language
            )
            await chats.tell(alert)


@dataclass(frozen=True, slots=True)
class MailRoute:
    """Mail to the operator, over its own connection."""

    settings: Settings
    links: Links
    clock: Callable[[], datetime]
    to: Mailbox
    name: str = Mail.name

    async def tell(self, alert: Alert) -> None:
        """Hand in one mail. Raises NotToldError and DigestError."""
        language = self.settings.target_language
        part = composing.letter(
            alerts.title(language), [alerts.text(alert, language)], language, personal=False
        )
        phase = "begun" if alert.over_at is None else "over"
        name = f"{alert.kind}:{alert.subject}:{alert.raised_at.isoformat()}:{phase}"
        try:
            async with open_mail(self.settings, self.links, self.clock) as mail:
                await mail.notify(part, to=self.to, name=name)
        except DeliveryError as error:
            raise NotToldError(str(error)) from None


def routes(app: App, settings: Settings, telegram: Route | None = None) -> list[Route]:
    """Return the configured routes in the order in which they are tried.

    `telegram` is the route of a program that is already connected.
    """
    found: list[Route] = []
    if settings.telegram_bot_token is not None and settings.telegram_admins:
        found.append(telegram or TelegramRoute(app, settings))
    links = open_links(settings, app.wall_clock)
    operator = mailbox(settings)
    if operator is not None and links is not None:
        found.append(MailRoute(settings, links, app.wall_clock, operator))
    if settings.alert_webhook is not None:
        url = settings.alert_webhook.get_secret_value()
        found.append(Webhook(url, settings.target_language, settings.alert_webhook_body))
    return found


def mailbox(settings: Settings) -> Mailbox | None:
    """Return the mailbox for alerts: ALERT_MAIL, or else the newsletter's reply address; None without a newsletter."""
    if settings.smtp_host is None or settings.mail_from is None:
        return None
    return settings.alert_mail or settings.mail_reply_to or settings.mail_from.mailbox
