"""The sending rate that Telegram was found to accept. One row, because there is one bot."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.tables import learned_rates
from digest.db.bulk import insert_into

_COLUMNS = learned_rates.c


async def get(connection: AsyncConnection, bot: str) -> float | None:
    """Return the learned rate of `bot` in messages a second; None if it is unknown."""
    found: float | None = await connection.scalar(select(_COLUMNS.per_second).where(_COLUMNS.bot == bot))
    return found


async def note(connection: AsyncConnection, bot: str, per_second: float, at: datetime) -> None:
    """Store the rate of `bot`, and delete those of other bots."""
    await connection.execute(delete(learned_rates).where(_COLUMNS.bot != bot))
    insert = insert_into(connection, learned_rates).values(bot=bot, per_second=per_second, noted_at=at)
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=[_COLUMNS.bot],
            set_={"per_second": insert.excluded.per_second, "noted_at": insert.excluded.noted_at},
        )
    )
