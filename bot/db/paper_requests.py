"""Paper requests: stored until answered, counted for the quotas, deleted after 90 days.

For people whose data was deleted, only their quota usage of the day remains, under an alias, for two days.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import REQUEST_LIFETIME, PaperRequest, RequestKind
from bot.db.tables import asks, spent, within_address
from digest.db.bulk import BATCH, delete_some, insert_into

_COLUMNS = asks.c
_KEPT = timedelta(days=90)
_COUNT_KEPT = timedelta(days=2)  # covers one day of the quotas in any time zone


async def add(connection: AsyncConnection, ask: PaperRequest, *, made: bool = False) -> int:
    """Store `ask` as due and return its id. With `made`, something will be made for it, which counts for the quotas."""
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
        "made": made,
        "part": ask.part,
    }
    result = await connection.execute(insert(asks).returning(_COLUMNS.id), row)
    return int(result.scalar_one())


async def note_status(connection: AsyncConnection, number: int, message: int) -> None:
    """Store the id of the status message."""
    await connection.execute(update(asks).where(_COLUMNS.id == number).values(status_message=message))


async def note_version(connection: AsyncConnection, ask: PaperRequest, version: str) -> bool:
    """Store the version of the requested paper. Returns False if the same version is already being requested there."""
    if await is_due(connection, replace(ask, paper=version), ask.asked_at - REQUEST_LIFETIME):
        return ask.paper == version
    await connection.execute(update(asks).where(_COLUMNS.id == ask.id).values(paper=version))
    return True


async def note_part(connection: AsyncConnection, number: int, part: int) -> bool:
    """Store how many messages of the answer were sent or may have been. Returns False if the request was deleted."""
    noted = await connection.execute(update(asks).where(_COLUMNS.id == number).values(part=part))
    return bool(noted.rowcount)


async def end(connection: AsyncConnection, number: int, outcome: str, at: datetime, *, made: bool) -> None:
    """End the request. It counts for the quotas if something was `made` and shown."""
    values: dict[str, Any] = {"answered_at": at, "outcome": outcome, "made": made}
    await connection.execute(update(asks).where(_COLUMNS.id == number).values(values))


async def move(connection: AsyncConnection, old: str, new: str) -> None:
    """Move requests from the address `old` to `new`, where message ids differ."""
    values = {"address": new, "status_message": None, "reply_to": None}
    await connection.execute(update(asks).where(_COLUMNS.address == old).values(values))


async def due(connection: AsyncConnection, since: datetime) -> list[PaperRequest]:
    """Return the unanswered requests since then, oldest first."""
    query = select(asks).where(_COLUMNS.answered_at.is_(None), _COLUMNS.asked_at >= since)
    return [_ask(row) for row in await connection.execute(query.order_by(_COLUMNS.id))]


async def is_due(connection: AsyncConnection, ask: PaperRequest, since: datetime) -> bool:
    """Return whether the same request was made from there since then and is unanswered."""
    query = select(func.count()).where(
        _COLUMNS.address == ask.address,
        _COLUMNS.paper == ask.paper,
        _COLUMNS.wish == ask.wish,
        _COLUMNS.question.is_(None) if ask.question is None else _COLUMNS.question == ask.question,
        _COLUMNS.answered_at.is_(None),
        _COLUMNS.asked_at >= since,
    )
    return bool(await connection.scalar(query))


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the quotas: its start, and the function that gives a person's alias on that day."""

    began: datetime
    alias: Callable[[str], str]


async def counted(connection: AsyncConnection, day: Day, person: str | None = None) -> int:
    """Count the requests of the day that used the model, by `person` or by all, including deleted ones."""
    query = select(func.count()).where(_COLUMNS.made, _COLUMNS.asked_at >= day.began)
    if person is not None:
        query = query.where(_COLUMNS.person == person)
    return int(await connection.scalar(query) or 0) + await forgotten(connection, day, person)


async def forgotten(connection: AsyncConnection, day: Day, person: str | None = None) -> int:
    """Count the deleted ones among them."""
    query = select(func.sum(spent.c.requests)).where(spent.c.day == day.began)
    if person is not None:
        query = query.where(spent.c.alias == day.alias(person))
    return int(await connection.scalar(query) or 0)


async def forget(connection: AsyncConnection, address: str) -> None:
    """Delete the requests from `address` and its topics, and those of its person in groups."""
    await connection.execute(delete(asks).where(_of(address)))


async def keep_count(connection: AsyncConnection, address: str, day: Day) -> None:
    """Store how many of these requests count for the quotas of `day`, before they are deleted."""
    counts = select(_COLUMNS.person, func.count().label("requests")).where(
        _of(address), _COLUMNS.made, _COLUMNS.asked_at >= day.began
    )
    for row in (await connection.execute(counts.group_by(_COLUMNS.person).order_by(_COLUMNS.person))).all():
        new = insert_into(connection, spent)
        added = new.on_conflict_do_update(
            index_elements=[spent.c.alias, spent.c.day],
            set_={"requests": spent.c.requests + new.excluded.requests},
        )
        values = {"alias": day.alias(row.person), "day": day.began, "requests": row.requests}
        await connection.execute(added, values)


async def prune(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete at most `limit` old requests and quota counts. Returns how many."""
    old = await delete_some(connection, asks, _COLUMNS.asked_at < at - _KEPT, limit)
    return old + await delete_some(connection, spent, spent.c.day < at - _COUNT_KEPT, limit - old)


async def of_address(connection: AsyncConnection, address: str) -> list[dict[str, Any]]:
    """Export all requests from `address` and its topics, and those of its person in groups."""
    query = select(
        _COLUMNS.paper, _COLUMNS.wish, _COLUMNS.question, _COLUMNS.asked_at, _COLUMNS.outcome
    ).where(_of(address))
    rows = await connection.execute(query.order_by(_COLUMNS.id))
    return [dict(row) for row in rows.mappings()]


def _of(address: str) -> ColumnElement[bool]:
    return within_address(_COLUMNS.address, address) | (_COLUMNS.person == address)


def _ask(row: Row[Any]) -> PaperRequest:
    return PaperRequest(
        id=row.id,
        address=row.address,
        person=row.person,
        paper=row.paper,
        wish=RequestKind(row.wish),
        language=row.language,
        asked_at=row.asked_at,
        question=row.question,
        reply_to=row.reply_to,
        status_message=row.status_message,
        rich=row.rich,
        part=row.part,
    )
