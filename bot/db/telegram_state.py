"""State that survives a restart of the bot: updates that are not answered yet, and the learned sending rate."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.tables import learned_rates, updates
from digest.db.bulk import BATCH, delete_some, insert_into, parts

_COLUMNS = updates.c
_STARTS = 3  # processes that may begin with one update
_KEPT = timedelta(days=2)  # Telegram repeats an update for a day at most

Content = dict[str, Any]
"""An update as JSON of the Bot API."""


async def keep_update(connection: AsyncConnection, contents: Mapping[int, Content], at: datetime) -> set[int]:
    """Store the updates by id until they are answered. Returns the ids of new ones."""
    insert = insert_into(connection, updates).on_conflict_do_nothing(index_elements=[_COLUMNS.id])
    rows = [
        {"id": number, "content": content, "taken_at": at} for number, content in sorted(contents.items())
    ]
    return set(await connection.scalars(insert.returning(_COLUMNS.id), rows))


async def waiting_updates(connection: AsyncConnection, since: datetime) -> list[Content]:
    """Return the unanswered updates since then, in order, without those that ended several processes.

    Counts this start for each of them.
    """
    left = _COLUMNS.content.is_not(None), _COLUMNS.taken_at >= since, _COLUMNS.starts < _STARTS
    query = select(_COLUMNS.content).where(*left).order_by(_COLUMNS.id)
    found = list(await connection.scalars(query))
    await connection.execute(update(updates).where(*left).values(starts=_COLUMNS.starts + 1))
    return found


async def end_update(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    """Delete the contents of these updates, because they are no longer needed."""
    for some in parts(numbers):
        begun = update(updates).where(_COLUMNS.id.in_(some)).values(content=null())
        await connection.execute(begun)


async def prune_updates(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete at most `limit` updates that cannot come again. Returns how many."""
    return await delete_some(connection, updates, _COLUMNS.taken_at < at - _KEPT, limit)


_RATE_COLUMNS = learned_rates.c


async def learned_rate(connection: AsyncConnection, bot: str) -> float | None:
    """Return the learned rate of `bot` in messages a second; None if it is unknown."""
    found: float | None = await connection.scalar(
        select(_RATE_COLUMNS.per_second).where(_RATE_COLUMNS.bot == bot)
    )
    return found


async def note_learned_rate(connection: AsyncConnection, bot: str, per_second: float, at: datetime) -> None:
    """Store the rate of `bot`, and delete those of other bots."""
    await connection.execute(delete(learned_rates).where(_RATE_COLUMNS.bot != bot))
    insert = insert_into(connection, learned_rates).values(bot=bot, per_second=per_second, noted_at=at)
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=[_RATE_COLUMNS.bot],
            set_={"per_second": insert.excluded.per_second, "noted_at": insert.excluded.noted_at},
        )
    )
