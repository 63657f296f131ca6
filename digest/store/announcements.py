"""What the feeds announced, batch by batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.announcements import NEW_TYPES, AnnounceType
from digest.models import PaperId, VersionId, Window
from digest.store.bulk import add_missing, rows_among
from digest.store.tables import announcements


@dataclass(frozen=True, slots=True)
class Announced:
    """One paper version as a batch announced it."""

    version: VersionId
    type: AnnounceType
    batch: datetime


async def note(connection: AsyncConnection, announced: Iterable[Announced], at: datetime) -> None:
    """Keep what a feed said at `at`. The first batch that names a paper version in this way stands."""
    rows = [
        {
            "paper_id": str(each.version.paper),
            "version": each.version.number,
            "announce_type": each.type,
            "batch": each.batch,
            "seen_at": at,
        }
        for each in sorted(announced, key=lambda each: (each.version, each.type))
    ]
    await add_missing(connection, announcements, rows)


async def within(connection: AsyncConnection, window: Window) -> list[Announced]:
    """What the batches in `window` announced, as far as their feeds were seen; in the order of the papers."""
    batch = announcements.c.batch
    query = select(announcements).where(batch > window.start, batch <= window.end)
    rows = await connection.execute(query.order_by(announcements.c.paper_id, announcements.c.version))
    return [_announced(row) for row in rows]


async def batches_of(connection: AsyncConnection, wanted: Iterable[PaperId]) -> dict[PaperId, datetime]:
    """The batch that first announced each of `wanted` as new or as a cross-list, as far as its feed was seen."""
    query = select(announcements).where(announcements.c.announce_type.in_(NEW_TYPES))
    rows = await rows_among(connection, query, announcements.c.paper_id, map(str, wanted))
    ordered = sorted(rows, key=lambda row: row.batch, reverse=True)
    return {PaperId(row.paper_id): row.batch for row in ordered}


def _announced(row: Row[Any]) -> Announced:
    return Announced(
        VersionId(PaperId(row.paper_id), row.version), AnnounceType(row.announce_type), row.batch
    )
