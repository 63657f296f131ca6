"""What came back, each report once."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import bounces
from digest.store.bulk import insert_into

_COLUMNS = bounces.c


async def take(
    connection: AsyncConnection,
    message_id: str,
    kind: str,
    detail: str | None,
    subscriber: int | None,
    at: datetime,
) -> bool:
    """Whether the report comes for the first time; from now on it does not."""
    row = {
        "message_id": message_id,
        "kind": kind,
        "detail": detail,
        "subscriber_id": subscriber,
        "seen_at": at,
    }
    insert = insert_into(connection, bounces).on_conflict_do_nothing(index_elements=[_COLUMNS.message_id])
    taken = await connection.scalar(insert.returning(_COLUMNS.message_id), row)
    return taken is not None


async def moments(connection: AsyncConnection, subscriber: int, kind: str, since: datetime) -> list[datetime]:
    """When reports of `kind` about a subscriber came since then."""
    query = select(_COLUMNS.seen_at).where(
        _COLUMNS.subscriber_id == subscriber, _COLUMNS.kind == kind, _COLUMNS.seen_at >= since
    )
    return list(await connection.scalars(query.order_by(_COLUMNS.seen_at)))


async def of_subscriber(connection: AsyncConnection, number: int) -> list[dict[str, Any]]:
    """All reports about a subscriber, for them to see."""
    query = select(_COLUMNS.kind, _COLUMNS.detail, _COLUMNS.seen_at).where(_COLUMNS.subscriber_id == number)
    return [dict(row) for row in (await connection.execute(query.order_by(_COLUMNS.seen_at))).mappings()]


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Forget what came before then."""
    await connection.execute(delete(bounces).where(_COLUMNS.seen_at < before))
