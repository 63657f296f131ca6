"""What people asked for on demand: kept until it is answered, counted for the quotas."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Ask, Wish
from bot.store.tables import asks

_COLUMNS = asks.c
_UNCOUNTED = frozenset({"unknown", "unreachable", "failed"})


async def add(connection: AsyncConnection, ask: Ask) -> int:
    """Keep `ask` as due, and give its number."""
    row = {
        "address": ask.address,
        "person": ask.person,
        "paper": ask.paper,
        "wish": ask.wish,
        "question": ask.question,
        "language": ask.language,
        "rich": ask.rich,
        "reply_to": ask.reply_to,
        "status_message": ask.status_message,
        "asked_at": ask.asked_at,
        "made": False,
        "part": ask.part,
    }
    result = await connection.execute(insert(asks).returning(_COLUMNS.id), row)
    return int(result.scalar_one())


async def note_status(connection: AsyncConnection, number: int, message: int) -> None:
    """The message that shows how far the work is."""
    await connection.execute(update(asks).where(_COLUMNS.id == number).values(status_message=message))


async def note_made(connection: AsyncConnection, number: int) -> None:
    """It cannot be answered from what is stored: it counts for the quotas."""
    await connection.execute(update(asks).where(_COLUMNS.id == number).values(made=True))


async def note_part(connection: AsyncConnection, number: int, part: int) -> bool:
    """How many messages of the answer went out, or may have; False where the request is deleted."""
    noted = await connection.execute(update(asks).where(_COLUMNS.id == number).values(part=part))
    return bool(noted.rowcount)


async def end(connection: AsyncConnection, number: int, outcome: str, at: datetime) -> None:
    """It is answered, or nothing more can be said; what could not even be looked up counts for no quota."""
    values: dict[str, Any] = {"answered_at": at, "outcome": outcome}
    if outcome in _UNCOUNTED:
        values["made"] = False
    await connection.execute(update(asks).where(_COLUMNS.id == number).values(values))


async def due(connection: AsyncConnection, since: datetime) -> list[Ask]:
    """What was asked since then and is not answered, oldest first."""
    query = select(asks).where(_COLUMNS.answered_at.is_(None), _COLUMNS.asked_at >= since)
    return [_ask(row) for row in await connection.execute(query.order_by(_COLUMNS.id))]


async def is_due(connection: AsyncConnection, ask: Ask, since: datetime) -> bool:
    """Whether the same was asked from there since then, and is not answered yet."""
    query = select(func.count()).where(
        _COLUMNS.address == ask.address,
        _COLUMNS.paper == ask.paper,
        _COLUMNS.wish == ask.wish,
        _COLUMNS.question.is_(None) if ask.question is None else _COLUMNS.question == ask.question,
        _COLUMNS.answered_at.is_(None),
        _COLUMNS.asked_at >= since,
    )
    return bool(await connection.scalar(query))


async def made_since(connection: AsyncConnection, since: datetime, person: str | None = None) -> int:
    """How many were asked since then, of `person` or of all, that took the model."""
    query = select(func.count()).where(_COLUMNS.made, _COLUMNS.asked_at >= since)
    if person is not None:
        query = query.where(_COLUMNS.person == person)
    return int(await connection.scalar(query) or 0)


async def of_address(connection: AsyncConnection, address: str) -> list[dict[str, Any]]:
    """All that was asked from `address`, or by its person in groups, for them to see."""
    query = select(
        _COLUMNS.paper, _COLUMNS.wish, _COLUMNS.question, _COLUMNS.asked_at, _COLUMNS.outcome
    ).where((_COLUMNS.address == address) | (_COLUMNS.person == address))
    rows = await connection.execute(query.order_by(_COLUMNS.id))
    return [dict(row) for row in rows.mappings()]


def _ask(row: Row[Any]) -> Ask:
    return Ask(
        id=row.id,
        address=row.address,
        person=row.person,
        paper=row.paper,
        wish=Wish(row.wish),
        language=row.language,
        asked_at=row.asked_at,
        question=row.question,
        reply_to=row.reply_to,
        status_message=row.status_message,
        rich=row.rich,
        part=row.part,
    )
