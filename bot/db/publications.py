"""Publication of the posts: which are still to be written or pushed, and when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.tables import publications
from digest.db.bulk import insert_into
from digest.db.tables import editions

_COLUMNS = publications.c


@dataclass(frozen=True, slots=True)
class Publication:
    """The state of the post of `day`. `write_at` and `push_at` are the next attempts; None means none."""

    day: date
    write_at: datetime | None
    write_tries: int
    push_at: datetime | None
    push_tries: int
    reason: str | None


async def note_written(connection: AsyncConnection, day: date, at: datetime, *, pushes: bool) -> None:
    """Record that the post of `day` is written; with `pushes`, it is to be pushed at once."""
    values: dict[str, Any] = {"written_at": at, "write_at": None, "write_tries": 0}
    await _put(connection, day, values | ({"push_at": at} if pushes else {}))


async def note_unwritten(
    connection: AsyncConnection, day: date, reason: str, next_at: datetime, tries: int
) -> None:
    """Record that writing the post of `day` failed for the `tries`-th time in a row."""
    await _put(connection, day, {"write_at": next_at, "write_tries": tries, "reason": reason})


async def note_pushed(connection: AsyncConnection, pushed: Collection[Publication], at: datetime) -> None:
    """Record that these are published. A post that was rewritten in the meantime remains to be pushed."""
    done = {"pushed_at": at, "push_at": None, "push_tries": 0, "reason": None}
    for each in pushed:
        same = _COLUMNS.edition_date == each.day, _COLUMNS.push_at == each.push_at
        await connection.execute(update(publications).where(*same).values(**done))


async def note_unpushed(
    connection: AsyncConnection, days: Collection[date], reason: str, next_at: datetime, tries: int
) -> None:
    """Record that pushing the posts of `days` failed for the `tries`-th time in a row."""
    values = {"push_at": next_at, "push_tries": tries, "reason": reason}
    await connection.execute(update(publications).where(_COLUMNS.edition_date.in_(days)).values(**values))


async def note_nothing_to_push(connection: AsyncConnection) -> None:
    """Cancel all pending pushes."""
    await connection.execute(update(publications).values(push_at=None, push_tries=0))


async def without_state(connection: AsyncConnection) -> list[date]:
    """Return the editions archived before this table existed, oldest first."""
    query = select(editions.c.date).outerjoin(publications, _COLUMNS.edition_date == editions.c.date)
    old = query.where(editions.c.archived_at.is_not(None), _COLUMNS.edition_date.is_(None))
    return list(await connection.scalars(old.order_by(editions.c.date)))


async def note_found(
    connection: AsyncConnection, days: Collection[date], unpublished: Collection[date], at: datetime
) -> None:
    """Record the state of the posts of `days` that have none: the `unpublished` are to be pushed at once."""
    insert = insert_into(connection, publications).on_conflict_do_nothing()
    for day in days:
        state = "push_at" if day in unpublished else "pushed_at"
        await connection.execute(insert.values(edition_date=day, **{state: at}))


async def unwritten(connection: AsyncConnection) -> list[Publication]:
    """Return the posts still to be written, oldest first."""
    return await _where(connection, _COLUMNS.write_at.is_not(None))


async def unpushed(connection: AsyncConnection) -> list[Publication]:
    """Return the posts still to be pushed, oldest first."""
    return await _where(connection, _COLUMNS.push_at.is_not(None))


async def _where(connection: AsyncConnection, condition: Any) -> list[Publication]:
    query = select(publications).where(condition).order_by(_COLUMNS.edition_date)
    return [_publication(row) for row in await connection.execute(query)]


async def _put(connection: AsyncConnection, day: date, values: dict[str, Any]) -> None:
    insert = insert_into(connection, publications).values(edition_date=day, **values)
    await connection.execute(insert.on_conflict_do_update(index_elements=["edition_date"], set_=values))


def _publication(row: Row[Any]) -> Publication:
    return Publication(
        row.edition_date, row.write_at, row.write_tries, row.push_at, row.push_tries, row.reason
    )
