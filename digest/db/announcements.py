"""The announcements of the feeds, by batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.arxiv.announcements import NEW_TYPES, AnnounceType
from digest.core.models import PaperId, VersionId, Window
from digest.db.bulk import add_missing, rows_among
from digest.db.tables import announcements, empty_batches, listings


@dataclass(frozen=True, slots=True)
class Announced:
    """The announcement of one paper version in a batch."""

    version: VersionId
    type: AnnounceType
    batch: datetime


async def note(
    connection: AsyncConnection, announced: Iterable[Announced], at: datetime, *, replacements: bool = False
) -> None:
    """Store a feed's announcements, seen at `at`; the first batch that announces a version with this type is kept.

    If `replacements` is set, newer versions are awaited from now on.
    """
    rows = [
        {
            "paper_id": str(each.version.paper),
            "version": each.version.number,
            "announce_type": each.type,
            "batch": each.batch,
            "seen_at": at,
            "awaited": replacements and each.type not in NEW_TYPES,
        }
        for each in sorted(announced, key=lambda each: (each.version, each.type))
    ]
    await add_missing(connection, announcements, rows)


async def within(connection: AsyncConnection, window: Window) -> list[Announced]:
    """Load the announcements of the batches in `window` whose feeds were seen, in the order of the papers."""
    batch = announcements.c.batch
    query = select(announcements).where(batch > window.start, batch <= window.end)
    rows = await connection.execute(query.order_by(announcements.c.paper_id, announcements.c.version))
    return [_announced(row) for row in rows]


async def batches_of(connection: AsyncConnection, wanted: Iterable[PaperId]) -> dict[PaperId, datetime]:
    """Return the first batch that announced each of `wanted` as new or as a cross-list, if its feed was seen."""
    query = select(announcements).where(announcements.c.announce_type.in_(NEW_TYPES))
    rows = await rows_among(connection, query, announcements.c.paper_id, map(str, wanted))
    ordered = sorted(rows, key=lambda row: row.batch, reverse=True)
    return {PaperId(row.paper_id): row.batch for row in ordered}


async def noted(
    connection: AsyncConnection, wanted: Iterable[PaperId]
) -> dict[tuple[VersionId, AnnounceType], datetime]:
    """Return the batches of all announcements of `wanted` so far."""
    rows = await rows_among(connection, select(announcements), announcements.c.paper_id, map(str, wanted))
    found = map(_announced, rows)
    return {(each.version, each.type): each.batch for each in found}


async def unlisted(connection: AsyncConnection, since: datetime) -> list[Announced]:
    """Load the new papers and cross-lists of batches after `since` that no listing has shown yet."""
    query = select(announcements).where(
        announcements.c.batch > since,
        announcements.c.announce_type.in_(NEW_TYPES),
        announcements.c.paper_id.not_in(select(listings.c.paper_id)),
    )
    return [_announced(row) for row in await connection.execute(query)]


async def awaited(connection: AsyncConnection, since: datetime) -> list[Announced]:
    """Load the newer versions of batches after `since` that no edition has shown yet."""
    query = select(announcements).where(announcements.c.awaited, announcements.c.batch > since)
    return [_announced(row) for row in await connection.execute(query)]


async def mark_arrived(connection: AsyncConnection, announced: Iterable[Announced]) -> None:
    """Mark these newer versions as no longer awaited."""
    rows = [
        {"paper": str(each.version.paper), "number": each.version.number, "type": each.type}
        for each in sorted(announced, key=lambda each: (each.version, each.type))
    ]
    columns = announcements.c
    statement = (
        update(announcements)
        .where(columns.paper_id == bindparam("paper"), columns.version == bindparam("number"))
        .where(columns.announce_type == bindparam("type"))
        .values(awaited=False)
    )
    if rows:
        await connection.execute(statement, rows)


async def mark_empty(connection: AsyncConnection, batches: Iterable[datetime], at: datetime) -> None:
    """Record that both sources had nothing of the watched categories in `batches`."""
    rows = [{"batch": batch, "seen_at": at} for batch in sorted(batches)]
    await add_missing(connection, empty_batches, rows)


async def empty(connection: AsyncConnection, since: datetime) -> set[datetime]:
    """Return the batches after `since` that were empty."""
    rows = await connection.execute(select(empty_batches.c.batch).where(empty_batches.c.batch > since))
    return set(rows.scalars())


def _announced(row: Row[Any]) -> Announced:
    return Announced(
        VersionId(PaperId(row.paper_id), row.version), AnnounceType(row.announce_type), row.batch
    )
