"""Edition requests and other answers on their way, until their last message is sent."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Part, PendingAnswer
from bot.db.tables import showings, within_address

_COLUMNS = showings.c


async def add(connection: AsyncConnection, new: PendingAnswer, at: datetime) -> PendingAnswer:
    """Store `new` and return it with its id."""
    row = {name: value for name, value in asdict(new).items() if name != "id"}
    result = await connection.execute(
        insert(showings).returning(_COLUMNS.id), row | {"parts": list(new.parts), "asked_at": at}
    )
    return replace(new, id=int(result.scalar_one()))


async def is_under_way(connection: AsyncConnection, address: str, parts: Sequence[Part]) -> bool:
    """Return whether exactly these messages are on their way to `address`."""
    query = select(_COLUMNS.parts).where(_COLUMNS.address == address)
    return list(parts) in (await connection.scalars(query)).all()


async def left(connection: AsyncConnection, since: datetime) -> list[PendingAnswer]:
    """Return the unfinished answers since then, oldest first. Older ones are deleted."""
    await connection.execute(delete(showings).where(_COLUMNS.asked_at < since))
    rows = await connection.execute(select(showings).order_by(_COLUMNS.id))
    return [
        PendingAnswer(row.id, row.address, tuple(row.parts), row.part, row.reply_to, row.prompt, row.silent)
        for row in rows
    ]


async def note(connection: AsyncConnection, number: int, part: int) -> bool:
    """Store how many messages were sent. Returns False if the answer was deleted."""
    result = await connection.execute(update(showings).where(_COLUMNS.id == number).values(part=part))
    return bool(result.rowcount)


async def end(connection: AsyncConnection, number: int) -> None:
    """Delete the answer, because it is finished."""
    await connection.execute(delete(showings).where(_COLUMNS.id == number))


async def move(connection: AsyncConnection, old: str, new: str) -> None:
    """Move answers on their way from the address `old` to `new`, where message ids differ."""
    moved = update(showings).where(_COLUMNS.address == old)
    await connection.execute(moved.values(address=new, reply_to=None))


async def forget(connection: AsyncConnection, address: str) -> None:
    """Delete the answers on their way to `address` and its topics."""
    await connection.execute(delete(showings).where(within_address(_COLUMNS.address, address)))
