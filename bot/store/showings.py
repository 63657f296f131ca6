"""Answers on their way to who asked, until the last message is gone."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Part, Showing
from bot.store.addresses import within
from bot.store.tables import showings

_COLUMNS = showings.c


async def add(connection: AsyncConnection, new: Showing, at: datetime) -> Showing:
    """Keeps `new` under an id of its own."""
    row = {name: value for name, value in asdict(new).items() if name != "id"}
    result = await connection.execute(
        insert(showings).returning(_COLUMNS.id), row | {"parts": list(new.parts), "asked_at": at}
    )
    return replace(new, id=int(result.scalar_one()))


async def is_under_way(connection: AsyncConnection, address: str, parts: Sequence[Part]) -> bool:
    """Whether just these messages are on their way to `address`."""
    query = select(_COLUMNS.parts).where(_COLUMNS.address == address)
    return list(parts) in (await connection.scalars(query)).all()


async def left(connection: AsyncConnection, since: datetime) -> list[Showing]:
    """What was asked for since then and is not all gone, oldest first; what is older is dropped."""
    await connection.execute(delete(showings).where(_COLUMNS.asked_at < since))
    rows = await connection.execute(select(showings).order_by(_COLUMNS.id))
    return [
        Showing(row.id, row.address, tuple(row.parts), row.part, row.reply_to, row.prompt, row.silent)
        for row in rows
    ]


async def note(connection: AsyncConnection, number: int, part: int) -> bool:
    """So many messages are gone; False where the showing was forgotten."""
    result = await connection.execute(update(showings).where(_COLUMNS.id == number).values(part=part))
    return bool(result.rowcount)


async def end(connection: AsyncConnection, number: int) -> None:
    """Nothing more goes."""
    await connection.execute(delete(showings).where(_COLUMNS.id == number))


async def move(connection: AsyncConnection, old: str, new: str) -> None:
    """What is on its way to the address `old` goes to `new`, where messages have other numbers."""
    moved = update(showings).where(_COLUMNS.address == old)
    await connection.execute(moved.values(address=new, reply_to=None))


async def forget(connection: AsyncConnection, address: str) -> None:
    """Nothing more goes to `address` and its topics."""
    await connection.execute(delete(showings).where(within(_COLUMNS.address, address)))
