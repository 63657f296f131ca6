"""Bounce reports, each stored once by its id, and counted by the reason that they give.

`likeness` is equal for reports that give the same reason; by it, reports of many subscribers are weighed together, and
changed to another kind if the cause turns out to be ours.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Subscriber
from bot.db.subscribers import subscriber_of as subscriber
from bot.db.tables import bounces, subscribers
from digest.db.bulk import insert_into

_COLUMNS = bounces.c


async def take(
    connection: AsyncConnection,
    message_id: str,
    kind: str,
    detail: str | None,
    subscriber: int | None,
    at: datetime,
    *,
    likeness: str = "",
) -> bool:
    """Store a report. Returns False if it was stored before.

    `likeness` identifies reports that give the same reason.
    """
    row = {
        "message_id": message_id,
        "kind": kind,
        "detail": detail,
        "likeness": likeness,
        "subscriber_id": subscriber,
        "seen_at": at,
    }
    insert = insert_into(connection, bounces).on_conflict_do_nothing(index_elements=[_COLUMNS.message_id])
    taken = await connection.scalar(insert.returning(_COLUMNS.message_id), row)
    return taken is not None


async def moments(
    connection: AsyncConnection, subscriber: int, kinds: Collection[str], since: datetime
) -> list[datetime]:
    """Return when reports of `kinds` about a subscriber arrived since then, oldest first."""
    query = select(_COLUMNS.seen_at).where(
        _COLUMNS.subscriber_id == subscriber, _COLUMNS.kind.in_(kinds), _COLUMNS.seen_at >= since
    )
    return list(await connection.scalars(query.order_by(_COLUMNS.seen_at)))


async def alike(connection: AsyncConnection, likeness: str, since: datetime) -> list[Subscriber]:
    """Return the subscribers with reports of that `likeness` since then, each once."""
    about = select(_COLUMNS.subscriber_id).where(_COLUMNS.likeness == likeness, _COLUMNS.seen_at >= since)
    rows = await connection.execute(select(subscribers).where(subscribers.c.id.in_(about)))
    return [subscriber(row) for row in rows]


async def forgive(connection: AsyncConnection, likeness: str, kind: str, since: datetime) -> None:
    """Change the reports with that `likeness` since then to `kind`."""
    alike = update(bounces).where(_COLUMNS.likeness == likeness, _COLUMNS.seen_at >= since)
    await connection.execute(alike.values(kind=kind))


async def most_alike(connection: AsyncConnection, kind: str, since: datetime) -> tuple[int, str]:
    """Return how many subscribers had reports of `kind` since then, and the most frequent `likeness`."""
    about = func.count(_COLUMNS.subscriber_id.distinct())
    wanted = _COLUMNS.kind == kind, _COLUMNS.seen_at >= since
    query = select(_COLUMNS.likeness).where(*wanted).group_by(_COLUMNS.likeness).order_by(about.desc())
    count = await connection.scalar(select(about).where(*wanted))
    return count or 0, (await connection.scalar(query.limit(1))) or ""


async def of_subscriber(connection: AsyncConnection, number: int) -> list[dict[str, Any]]:
    """Export all reports about a subscriber."""
    query = select(_COLUMNS.kind, _COLUMNS.detail, _COLUMNS.seen_at).where(_COLUMNS.subscriber_id == number)
    return [dict(row) for row in (await connection.execute(query.order_by(_COLUMNS.seen_at))).mappings()]


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Delete the reports from before that time."""
    await connection.execute(delete(bounces).where(_COLUMNS.seen_at < before))
