"""An outbox of mail that sends to an SMTP server on loopback, and its subscribers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import settings
from bot.core.models import ChatKind, Preferences, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.db.tables import deliveries
from bot.db.tables import subscribers as readers
from bot.delivery import fanout
from bot.delivery.renderings import Renderings
from bot.delivery.worker import DeliveryWorker
from bot.links import Links
from bot.mail import channel
from bot.mail.channel import Mail
from bot.settings import Settings
from digest.core.models import Edition
from digest.db import engine as database

SECRET = "a-secret-of-thirty-two-characters-and-more"


@dataclass
class MailFixture:
    """A database, and the server that its mail is submitted to."""

    engine: AsyncEngine
    port: int
    now: datetime = datetime(2026, 2, 12, 1, 0, tzinfo=UTC)
    overrides: dict[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return settings.given(
            **{
                "smtp_host": "127.0.0.1",
                "smtp_port": self.port,
                "smtp_security": "none",
                "mail_from": "arXiv Daily <daily@daily.example>",
                "mail_rate": 0,
                "mail_connections": 2,
                "public_url": "https://daily.example",
                "secret_key": SECRET,
                **self.overrides,
            }
        )

    async def subscribe(self, *names: str) -> None:
        """Subscribe mailboxes of these names at reader.example, or whole addresses."""
        async with database.writing(self.engine) as connection:
            for name in names:
                address = name if "@" in name else f"{name}@reader.example"
                zone = ZoneInfo("Asia/Shanghai")
                new = Subscriber(
                    0, "mail", address, ChatKind.MAILBOX, Preferences("en"), zone, SubscriberStatus.ACTIVE
                )
                await subscribers.add(connection, new, self.now)

    async def leave(self, address: str) -> None:
        """End the subscription, as a click on the link does."""
        await self._change(address, status=SubscriberStatus.LEFT)

    async def pause(self, address: str) -> None:
        """Pause for a week, as the preferences page offers it."""
        await self._change(address, paused_until=(self.now + timedelta(days=7)).date())

    async def _change(self, address: str, **changes: Any) -> None:
        async with database.writing(self.engine) as connection:
            found = await subscribers.find(connection, "mail", address)
            assert found is not None
            await subscribers.change(connection, found.id, lambda it: replace(it, **changes), self.now)

    async def broadcast(self, text: str = "Hello, all.") -> None:
        """Queue a broadcast of the operator to everybody, due now."""
        number = await fanout.draft_broadcast(self.engine, text, self.now)
        await fanout.confirm_broadcast(self.engine, number, self.now)

    @asynccontextmanager
    async def mail(self) -> AsyncIterator[Mail]:
        """The open mail channel."""
        links = Links("https://daily.example", SECRET, lambda: self.now)
        async with channel.open_mail(self.settings, links, lambda: self.now) as mail:
            yield mail

    @asynccontextmanager
    async def outbox(self) -> AsyncIterator[DeliveryWorker]:
        """The outbox that sends by that channel."""
        async with self.mail() as mail:
            renderings = Renderings(self.engine, mail, _contents, lambda: self.now)
            yield DeliveryWorker(
                self.engine, mail, renderings, lambda: self.now, width=mail.width, look_seconds=0.05
            )

    async def send(self, **later: float) -> None:
        """Send what is due, `later` than before."""
        self.now += timedelta(**later)
        async with self.outbox() as outbox:
            await outbox.drain()

    async def deliveries(self) -> list[tuple[Any, ...]]:
        """Return state and reason of each delivery, oldest first."""
        columns = deliveries.c
        return await self._rows(select(columns.state, columns.reason).order_by(columns.id))

    async def statuses(self) -> list[tuple[Any, ...]]:
        """Return status, reason and consecutive refusals of each subscriber."""
        columns = readers.c
        return await self._rows(
            select(columns.standing, columns.reason, columns.strikes).order_by(columns.id)
        )

    async def _rows(self, query: Any) -> list[tuple[Any, ...]]:
        async with database.reading(self.engine) as connection:
            return [tuple(row) for row in await connection.execute(query)]


async def _contents(*_: object) -> Edition | None:
    raise AssertionError("no edition is sent here")
