"""The routes of alerts to the operator: Telegram, then mail, then a webhook."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot import outboxes
from bot.alerting import alerts
from bot.alerting.alerts import NotToldError, Route
from bot.alerting.webhook import Webhook
from bot.container import App
from bot.core.mailboxes import Mailbox
from bot.core.models import Alert
from bot.delivery.channel import DeliveryError
from bot.links import Links, open_links
from bot.mail import composing
from bot.mail.channel import Mail, open_mail
from bot.outboxes import Rhythm
from bot.settings import Settings
from bot.telegram.handlers.admin import OperatorChats

_RHYTHM = Rhythm(patience_seconds=20)


@dataclass(frozen=True, slots=True)
class TelegramRoute:
    """The Telegram route of a command that ends: it opens the bot for one alert."""

    app: App
    settings: Settings
    name: str = "telegram"

    async def tell(self, alert: Alert) -> None:
        """Send the alert to the operators' chats. Raises NotToldError and ChannelError."""
        async with outboxes.telegram(self.app, self.settings, _RHYTHM) as (outgoing, _):
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
