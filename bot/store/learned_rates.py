"""The rate that Telegram was found to take from the bot: one row, as there is one bot."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import learned_rates
from digest.store.bulk import insert_into

_COLUMNS = learned_rates.c


async def get(connection: AsyncConnection, bot: str) -> float | None:
    """Messages a second that `bot` was found to may send; None where nothing is known of it."""
    found: float | None = await connection.scalar(select(_COLUMNS.per_second).where(_COLUMNS.bot == bot))
    return found


async def note(connection: AsyncConnection, bot: str, per_second: float, at: datetime) -> None:
    """Keep the rate of `bot`, and forget that of any other."""
    await connection.execute(delete(learned_rates).where(_COLUMNS.bot != bot))
    insert = insert_into(connection, learned_rates).values(bot=bot, per_second=per_second, noted_at=at)
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=[_COLUMNS.bot],
            set_={"per_second": insert.excluded.per_second, "noted_at": insert.excluded.noted_at},
        )
    )
