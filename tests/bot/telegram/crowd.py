"""Subscribers without a conversation: rows, and the people or groups behind them."""

from zoneinfo import ZoneInfo

from bot.container import open_database
from bot.core.models import ChatKind, Preferences, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.delivery import fanout
from bot.telegram.incoming import Address
from digest.db import engine as database
from tests.bot.telegram.world import BotWorld


def reader(address: Address | int, **changes: object) -> Subscriber:
    """Return an active subscriber there, with the defaults except for `changes`."""
    where = address if isinstance(address, Address) else Address(address)
    kind = ChatKind.PRIVATE if where.is_private else ChatKind.GROUP
    given: dict[str, object] = {
        "preferences": Preferences("zh-CN"),
        "zone": ZoneInfo("Asia/Shanghai"),
        "status": SubscriberStatus.ACTIVE,
    }
    return Subscriber(0, "telegram", str(where), kind, **{**given, **changes})  # type: ignore[arg-type]


async def subscribe(here: BotWorld, *new: Subscriber) -> None:
    """Put them into the database before the bot runs."""
    async with open_database(here.settings()) as engine, database.writing(engine) as connection:
        for each in new:
            await subscribers.add(connection, each, here.clock())


def people(here: BotWorld, count: int) -> list[int]:
    """Return the ids of that many people who have written to the bot."""
    return [here.telegram.user(1000 + number, started=True).id for number in range(count)]


async def broadcast(here: BotWorld, text: str) -> None:
    """Broadcast a confirmed text to all who are subscribed; its arrival shows that the outbox has polled once more."""
    async with open_database(here.settings()) as engine:
        number = await fanout.draft_broadcast(engine, text, here.clock())
        await fanout.confirm_broadcast(engine, number, here.clock())
