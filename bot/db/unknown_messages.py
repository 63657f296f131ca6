"""Messages with unknown delivery, until they are resent or dismissed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.tables import deliveries, dispatches
from bot.db.tables import unknown_messages as table
from digest.db.bulk import insert_into, parts, rows_among
from digest.db.types import UtcDateTime

_COLUMNS = table.c


class Decision(StrEnum):
    """The decision about a message with unknown delivery."""

    OPEN = "open"
    """The operator has not decided."""
    AGAIN = "again"
    LEFT = "left"


RENDERINGS_TO_KEEP = (
    select(deliveries.c.rendering_id)
    .select_from(table.join(deliveries))
    .where(_COLUMNS.state != Decision.LEFT, deliveries.c.rendering_id.is_not(None))
)
"""Renderings with a message that may be resent."""
DELIVERIES_TO_SEND_AGAIN = select(_COLUMNS.delivery_id).where(_COLUMNS.state == Decision.AGAIN)


def is_to_be_sent_again(
    delivery: ColumnElement[int], message: ColumnElement[int] | None = None
) -> ColumnElement[bool]:
    """Match if `message` of `delivery` is to be resent; None means any message."""
    again = exists().where(_COLUMNS.delivery_id == delivery, _COLUMNS.state == Decision.AGAIN)
    return again if message is None else again.where(_COLUMNS.part == message)


def is_lacking(delivery: ColumnElement[int]) -> ColumnElement[bool]:
    """Match if a message of `delivery` has unknown delivery, whatever the decision."""
    return exists().where(_COLUMNS.delivery_id == delivery)


def reason(delivery: ColumnElement[int]) -> ColumnElement[str | None]:
    """Select the reason why a message of `delivery` has unknown delivery."""
    return select(func.min(_COLUMNS.reason)).where(_COLUMNS.delivery_id == delivery).scalar_subquery()


async def note(
    connection: AsyncConnection, numbers: Sequence[int], message: int, why: str | None, at: datetime
) -> None:
    """Record that `message` of the deliveries `numbers` may not have arrived."""
    among = select(deliveries.c.id, literal(message)).where(deliveries.c.id.in_(numbers))
    await note_all(connection, among, why, at)


async def note_all(
    connection: AsyncConnection, messages: Select[tuple[int, int]], why: str | None, at: datetime
) -> None:
    """Record that `messages`, pairs of delivery and message number, may not have arrived, also if they were resent."""
    rows = messages.add_columns(literal(Decision.OPEN.value), literal(why), literal(at, UtcDateTime))
    new = insert_into(connection, table).from_select([column.name for column in _COLUMNS], rows)
    again = {name: new.excluded[name] for name in ("state", "reason", "noted_at")}
    keys = [_COLUMNS.delivery_id, _COLUMNS.part]
    await connection.execute(new.on_conflict_do_update(index_elements=keys, set_=again))


async def settle(connection: AsyncConnection, numbers: Sequence[int], message: int) -> None:
    """Record that `message` of the deliveries `numbers` was resent and accepted."""
    taken = delete(table).where(_COLUMNS.delivery_id.in_(numbers), _COLUMNS.part == message)
    await connection.execute(taken)


async def decide(connection: AsyncConnection, campaign: int, decision: Decision) -> int:
    """Store the operator's decision about the open messages of a campaign. Returns how many there are."""
    of_dispatch = exists().where(
        deliveries.c.id == _COLUMNS.delivery_id, deliveries.c.dispatch_id == campaign
    )
    decided = update(table).where(_COLUMNS.state == Decision.OPEN, of_dispatch).values(state=decision)
    return (await connection.execute(decided)).rowcount


async def to_send_again(connection: AsyncConnection, numbers: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return the messages of the deliveries `numbers` that are to be resent, in order."""
    query = select(_COLUMNS.delivery_id, _COLUMNS.part).where(_COLUMNS.state == Decision.AGAIN)
    found: dict[int, tuple[int, ...]] = {}
    for row in sorted(await rows_among(connection, query, _COLUMNS.delivery_id, numbers)):
        found[row.delivery_id] = (*found.get(row.delivery_id, ()), row.part)
    return found


async def make_room(connection: AsyncConnection, delivery: int, message: int, count: int) -> None:
    """Replace `message` by `count` messages with the same state, and renumber later ones."""
    behind = select(table).where(_COLUMNS.delivery_id == delivery, _COLUMNS.part >= message)
    rows = (await connection.execute(behind)).mappings().all()
    if not rows:
        return
    await connection.execute(delete(table).where(_COLUMNS.delivery_id == delivery, _COLUMNS.part >= message))
    for row in rows:
        stand_ins = range(message, message + count) if row["part"] == message else [row["part"] + count - 1]
        await connection.execute(insert(table), [{**row, "part": part} for part in stand_ins])


async def counts(connection: AsyncConnection) -> dict[int, int]:
    """Count the messages that wait for the operator's decision, by the id of their campaign."""
    query = select(deliveries.c.dispatch_id, func.count()).select_from(table.join(deliveries))
    rows = await connection.execute(
        query.where(_COLUMNS.state == Decision.OPEN).group_by(deliveries.c.dispatch_id)
    )
    return {number: count for number, count in rows}  # noqa: C416 - rows are no pairs to the type checker


async def delete_of(connection: AsyncConnection, numbers: Iterable[int]) -> None:
    """Delete the records of the deliveries `numbers`."""
    for some in parts(numbers):
        await connection.execute(delete(table).where(_COLUMNS.delivery_id.in_(some)))


async def of_recent(connection: AsyncConnection, since: datetime) -> dict[int, datetime]:
    """Return the campaigns with a message that became unknown since then, each with the time of its last one."""
    last = func.max(_COLUMNS.noted_at, type_=UtcDateTime)
    query = select(dispatches.c.id, last).select_from(table.join(deliveries).join(dispatches))
    recent = query.where(_COLUMNS.state == Decision.OPEN).group_by(dispatches.c.id).having(last >= since)
    return {number: at for number, at in await connection.execute(recent)}  # noqa: C416 - as above
