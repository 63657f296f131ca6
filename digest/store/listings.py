"""Which papers were ever seen in a listing of the watched categories.

A submission time says nothing certain about the announcement. A paper is new when it is listed for the first
time, however long moderation held it.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.models import PaperId
from digest.store.bulk import add_missing, rows_among
from digest.store.tables import listings


async def unlisted(connection: AsyncConnection, papers: Iterable[PaperId]) -> set[PaperId]:
    """Those of `papers` that were never listed before."""
    asked = set(papers)
    column = listings.c.paper_id
    rows = await rows_among(connection, select(column), column, map(str, asked))
    return asked - {PaperId(row.paper_id) for row in rows}


async def note(connection: AsyncConnection, papers: Iterable[PaperId], at: datetime) -> None:
    """Remember that `papers` were listed at `at`. The first time stands."""
    rows = [{"paper_id": str(paper), "listed_at": at} for paper in sorted(set(papers))]
    await add_missing(connection, listings, rows)


async def any_listed(connection: AsyncConnection) -> bool:
    """Whether a listing was ever noted; before that, `unlisted` cannot tell new from old."""
    return bool(await connection.scalar(select(exists(select(listings.c.paper_id)))))
