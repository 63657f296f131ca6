"""Messages of which nobody knows whether they arrived, until they are sent again or left at that."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import deliveries, dispatches
from bot.store.tables import unknown_messages as table
from digest.store.bulk import insert_into, parts, rows_among
from digest.store.types import UtcDateTime

_COLUMNS = table.c


class Decision(StrEnum):
    """What is to become of a message that may not have arrived."""

    OPEN = "open"
    """The operator has not decided."""
    AGAIN = "again"
    LEFT = "left"


RENDERINGS_TO_KEEP = (
    select(deliveries.c.rendering_id)
    .select_from(table.join(deliveries))
    .where(_COLUMNS.state != Decision.LEFT, deliveries.c.rendering_id.is_not(None))
)
"""Those with a message that may be sent again."""
DELIVERIES_TO_SEND_AGAIN = select(_COLUMNS.delivery_id).where(_COLUMNS.state == Decision.AGAIN)


def is_to_be_sent_again(
    delivery: ColumnElement[int], message: ColumnElement[int] | None = None
) -> ColumnElement[bool]:
    """Whether `message` of `delivery` is to be sent again; None: any."""
    again = exists().where(_COLUMNS.delivery_id == delivery, _COLUMNS.state == Decision.AGAIN)
    return again if message is None else again.where(_COLUMNS.part == message)


def is_lacking(delivery: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a message of `delivery` may not have arrived, whatever was decided."""
    return exists().where(_COLUMNS.delivery_id == delivery)


def reason(delivery: ColumnElement[int]) -> ColumnElement[str | None]:
    """Why a message of `delivery` may not have arrived."""
    return select(func.min(_COLUMNS.reason)).where(_COLUMNS.delivery_id == delivery).scalar_subquery()


async def note(
    connection: AsyncConnection, numbers: Sequence[int], message: int, why: str | None, at: datetime
) -> None:
    """`message` of the deliveries `numbers` may not have arrived."""
    among = select(deliveries.c.id, literal(message)).where(deliveries.c.id.in_(numbers))
    await note_all(connection, among, why, at)


async def note_all(
    connection: AsyncConnection, messages: Select[tuple[int, int]], why: str | None, at: datetime
) -> None:
    """`messages`, each a delivery and a number, may not have arrived; also those that were sent again."""
    rows = messages.add_columns(literal(Decision.OPEN.value), literal(why), literal(at, UtcDateTime))
    new = insert_into(connection, table).from_select([column.name for column in _COLUMNS], rows)
    again = {name: new.excluded[name] for name in ("state", "reason", "noted_at")}
    keys = [_COLUMNS.delivery_id, _COLUMNS.part]
    await connection.execute(new.on_conflict_do_update(index_elements=keys, set_=again))


async def settle(connection: AsyncConnection, numbers: Sequence[int], message: int) -> None:
    """`message` of the deliveries `numbers` was sent again, and taken."""
    taken = delete(table).where(_COLUMNS.delivery_id.in_(numbers), _COLUMNS.part == message)
    await connection.execute(taken)


async def decide(connection: AsyncConnection, dispatch: int, decision: Decision) -> int:
    """What the operator decides about the open messages of a dispatch; gives how many there are."""
    of_dispatch = exists().where(
        deliveries.c.id == _COLUMNS.delivery_id, deliveries.c.dispatch_id == dispatch
    )
    decided = update(table).where(_COLUMNS.state == Decision.OPEN, of_dispatch).values(state=decision)
    return (await connection.execute(decided)).rowcount


async def to_send_again(connection: AsyncConnection, numbers: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """The messages of the deliveries `numbers` that are to be sent again, in their order."""
    query = select(_COLUMNS.delivery_id, _COLUMNS.part).where(_COLUMNS.state == Decision.AGAIN)
    found: dict[int, tuple[int, ...]] = {}
    for row in sorted(await rows_among(connection, query, _COLUMNS.delivery_id, numbers)):
        found[row.delivery_id] = (*found.get(row.delivery_id, ()), row.part)
    return found


async def make_room(connection: AsyncConnection, delivery: int, message: int, count: int) -> None:
    """In place of `message` there are `count`: the same holds for each of them, and those behind move up."""
    behind = select(table).where(_COLUMNS.delivery_id == delivery, _COLUMNS.part >= message)
    rows = (await connection.execute(behind)).mappings().all()
    if not rows:
        return
    await connection.execute(delete(table).where(_COLUMNS.delivery_id == delivery, _COLUMNS.part >= message))
    for row in rows:
        stand_ins = range(message, message + count) if row["part"] == message else [row["part"] + count - 1]
        await connection.execute(insert(table), [{**row, "part": part} for part in stand_ins])


async def counts(connection: AsyncConnection) -> dict[int, int]:
    """How many messages wait for the operator's decision, by the number of their dispatch."""
    query = select(deliveries.c.dispatch_id, func.count()).select_from(table.join(deliveries))
    rows = await connection.execute(
        query.where(_COLUMNS.state == Decision.OPEN).group_by(deliveries.c.dispatch_id)
    )
    return {number: count for number, count in rows}  # noqa: C416 - rows are no pairs to the type checker


async def delete_of(connection: AsyncConnection, numbers: Iterable[int]) -> None:
    """Delete what is noted about the deliveries `numbers`."""
    for some in parts(numbers):
        await connection.execute(delete(table).where(_COLUMNS.delivery_id.in_(some)))


async def of_recent(connection: AsyncConnection, since: datetime) -> dict[int, datetime]:
    """The dispatches of which a message has become unknown since then, and when the last one did."""
    last = func.max(_COLUMNS.noted_at, type_=UtcDateTime)
    query = select(dispatches.c.id, last).select_from(table.join(deliveries).join(dispatches))
    recent = query.where(_COLUMNS.state == Decision.OPEN).group_by(dispatches.c.id).having(last >= since)
    return {number: at for number, at in await connection.execute(recent)}  # noqa: C416 - as above
