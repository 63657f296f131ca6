"""Which papers were ever seen in a listing of the watched categories.

A submission time says nothing certain about the announcement. A paper is new when it is listed for the first
time, however long moderation held it.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.models import PaperId
from digest.store.bulk import add_missing, put, rows_among
from digest.store.tables import listings, watches


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


async def watch(connection: AsyncConnection, categories: Iterable[str], at: datetime) -> None:
    """Remember that the listings of `categories` were noted at `at`, so that what they lack later is new."""
    await put(
        connection, watches, [{"category": category, "listed_at": at} for category in sorted(set(categories))]
    )


async def watched(connection: AsyncConnection, since: datetime) -> set[str]:
    """The categories whose listings were noted at `since` or later."""
    rows = await connection.execute(select(watches.c.category).where(watches.c.listed_at >= since))
    return set(rows.scalars())
