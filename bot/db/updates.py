"""Telegram's updates: the ids of all, and the content of those not yet answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.tables import updates
from digest.db.bulk import BATCH, delete_some, insert_into, parts

_COLUMNS = updates.c
_STARTS = 3  # processes that may begin with one update
_KEPT = timedelta(days=2)  # Telegram repeats an update for a day at most

Content = dict[str, Any]
"""An update as JSON of the Bot API."""


async def keep(connection: AsyncConnection, contents: Mapping[int, Content], at: datetime) -> set[int]:
    """Store the updates by id until they are answered. Returns the ids of new ones."""
    insert = insert_into(connection, updates).on_conflict_do_nothing(index_elements=[_COLUMNS.id])
    rows = [
        {"id": number, "content": content, "taken_at": at} for number, content in sorted(contents.items())
    ]
    return set(await connection.scalars(insert.returning(_COLUMNS.id), rows))


async def waiting(connection: AsyncConnection, since: datetime) -> list[Content]:
    """Return the unanswered updates since then, in order, without those that ended several processes.

    Counts this start for each of them.
    """
    left = _COLUMNS.content.is_not(None), _COLUMNS.taken_at >= since, _COLUMNS.starts < _STARTS
    query = select(_COLUMNS.content).where(*left).order_by(_COLUMNS.id)
    found = list(await connection.scalars(query))
    await connection.execute(update(updates).where(*left).values(starts=_COLUMNS.starts + 1))
    return found


async def answered(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    """Delete the contents of these updates, because they are no longer needed."""
    for some in parts(numbers):
        begun = update(updates).where(_COLUMNS.id.in_(some)).values(content=null())
        await connection.execute(begun)


async def prune(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete at most `limit` updates that cannot come again. Returns how many."""
    return await delete_some(connection, updates, _COLUMNS.taken_at < at - _KEPT, limit)
