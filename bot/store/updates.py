"""Which of Telegram's updates were taken."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import updates
from digest.store.bulk import insert_into

_KEPT = timedelta(days=2)  # Telegram sends an update again for a day at the most


async def take(connection: AsyncConnection, number: int, at: datetime) -> bool:
    """Whether the update `number` comes for the first time; from now on it does not."""
    insert = insert_into(connection, updates).on_conflict_do_nothing(index_elements=[updates.c.id])
    taken = await connection.scalar(insert.returning(updates.c.id), {"id": number, "taken_at": at})
    return taken is not None


async def prune(connection: AsyncConnection, at: datetime) -> None:
    """Forget the updates that cannot come again."""
    await connection.execute(delete(updates).where(updates.c.taken_at < at - _KEPT))
