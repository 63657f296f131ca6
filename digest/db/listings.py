"""The papers ever seen in a listing of the watched categories, and the decision on each.

A listed paper is in an edition, left out with a reason, or still undecided; there is no other state.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.arxiv.announcements import NEW_TYPES, Sighting
from digest.core.errors import StoreError
from digest.core.models import LeftOut, PaperId, Reason, Window
from digest.db.bulk import add_missing, put, rows_among
from digest.db.tables import announcements, edition_papers, listings, versions, watches

_UNDECIDED = listings.c.left_out.is_(None) & listings.c.paper_id.not_in(select(edition_papers.c.paper_id))


async def unlisted(connection: AsyncConnection, papers: Iterable[PaperId]) -> set[PaperId]:
    """Return those of `papers` that were never listed before."""
    asked = set(papers)
    column = listings.c.paper_id
    rows = await rows_among(connection, select(column), column, map(str, asked))
    return asked - {PaperId(row.paper_id) for row in rows}


async def undecided(connection: AsyncConnection) -> set[PaperId]:
    """Return the listed papers that are neither in an edition nor left out."""
    rows = await connection.execute(select(listings.c.paper_id).where(_UNDECIDED))
    return {PaperId(row.paper_id) for row in rows}


async def sightings(connection: AsyncConnection, since: datetime) -> list[Sighting]:
    """Load the listed papers that are undecided or were submitted after `since`, in no particular order."""
    submitted = select(versions.c.paper_id, func.max(versions.c.published).label("submitted"))
    records = submitted.group_by(versions.c.paper_id).subquery()
    batch = select(announcements.c.paper_id, func.min(announcements.c.batch).label("named"))
    named = (
        batch.where(announcements.c.announce_type.in_(NEW_TYPES))
        .group_by(announcements.c.paper_id)
        .subquery()
    )
    query = (
        select(
            listings.c.paper_id,
            listings.c.listed_at,
            listings.c.absent_at,
            records.c.submitted,
            named.c.named,
        )
        .join(records, records.c.paper_id == listings.c.paper_id)
        .outerjoin(named, named.c.paper_id == listings.c.paper_id)
        .where(or_(records.c.submitted >= since, _UNDECIDED), records.c.submitted.is_not(None))
    )
    return [_sighting(row) for row in await connection.execute(query)]


async def first_listed_at(connection: AsyncConnection) -> datetime | None:
    """Return the time at which papers were listed first; None if none were."""
    first: datetime | None = await connection.scalar(select(func.min(listings.c.listed_at)))
    return first


async def ever_listed(connection: AsyncConnection) -> set[str]:
    """Return the categories in which papers were ever listed."""
    watched = await connection.execute(select(watches.c.category))
    of_papers = await connection.execute(
        select(versions.c.categories)
        .join(listings, listings.c.paper_id == versions.c.paper_id)
        .where(_UNDECIDED)
    )
    return {*watched.scalars()} | {name for names in of_papers.scalars() for name in names}


async def note(connection: AsyncConnection, papers: Mapping[PaperId, datetime | None], at: datetime) -> None:
    """Record that `papers` were listed at `at`, each with the last check that did not show it.

    The record of a paper that was listed before is kept.
    """
    rows = [
        {"paper_id": str(paper), "listed_at": at, "absent_at": absent_at}
        for paper, absent_at in sorted(papers.items())
    ]
    await add_missing(connection, listings, rows)


async def correct(connection: AsyncConnection, papers: Iterable[PaperId], at: datetime) -> None:
    """Set the first listing of `papers` to `at` if it is later, as a clock that was ahead may have recorded it."""
    rows = [{"paper": str(paper)} for paper in sorted(set(papers))]
    statement = update(listings).where(listings.c.paper_id == bindparam("paper"), listings.c.listed_at > at)
    if rows:
        await connection.execute(statement.values(listed_at=at), rows)


async def place(connection: AsyncConnection, batches: Mapping[PaperId, datetime]) -> None:
    """Store the inferred batch of each paper."""
    rows = [{"paper": str(paper), "placed": batch} for paper, batch in sorted(batches.items())]
    statement = update(listings).where(listings.c.paper_id == bindparam("paper"))
    if rows:
        await connection.execute(statement.values(batch=bindparam("placed")), rows)


async def placed_in(connection: AsyncConnection, window: Window) -> set[PaperId]:
    """Return the decided papers whose inferred batch is in `window`."""
    batch = listings.c.batch
    query = select(listings.c.paper_id).where(batch > window.start, batch <= window.end)
    return {PaperId(row.paper_id) for row in await connection.execute(query)}


async def batches_of(connection: AsyncConnection, wanted: Iterable[PaperId]) -> dict[PaperId, datetime]:
    """Return the inferred batches of those of `wanted` that are decided."""
    query = select(listings.c.paper_id, listings.c.batch).where(listings.c.batch.is_not(None))
    rows = await rows_among(connection, query, listings.c.paper_id, map(str, wanted))
    return {PaperId(row.paper_id): row.batch for row in rows}


async def leave_out(connection: AsyncConnection, left_out: Iterable[LeftOut], day: date | None) -> None:
    """Record the papers that the edition of `day` leaves out; with None, papers that no edition will show."""
    rows = [
        {"paper": str(each.paper), "reason": each.reason, "about": each.detail or None, "day": day}
        for each in sorted(left_out, key=lambda each: each.paper)
    ]
    statement = (
        update(listings)
        .where(listings.c.paper_id == bindparam("paper"))
        .values(left_out=bindparam("reason"), detail=bindparam("about"), edition_date=bindparam("day"))
    )
    if rows:
        await connection.execute(statement, rows)


async def left_out_of(connection: AsyncConnection, day: date) -> list[LeftOut]:
    """Load what the edition of `day` leaves out, in the order of papers. Raises StoreError if a reason is unknown."""
    query = select(listings).where(listings.c.edition_date == day, listings.c.left_out.is_not(None))
    return [_left_out(row) for row in await connection.execute(query.order_by(listings.c.paper_id))]


async def left_out(connection: AsyncConnection, wanted: Iterable[PaperId]) -> list[LeftOut]:
    """Load those of `wanted` that were left out, by any edition. Raises StoreError if a reason is unknown."""
    query = select(listings).where(listings.c.left_out.is_not(None))
    return [
        _left_out(row) for row in await rows_among(connection, query, listings.c.paper_id, map(str, wanted))
    ]


async def check(connection: AsyncConnection, categories: Iterable[str], at: datetime) -> None:
    """Record that everything arXiv showed of `categories` was stored at `at`; papers that appear later are new."""
    await put(
        connection, watches, [{"category": category, "listed_at": at} for category in sorted(set(categories))]
    )


async def checks(connection: AsyncConnection) -> dict[str, datetime]:
    """Return the time of the last check of each category that was ever checked."""
    rows = await connection.execute(select(watches.c.category, watches.c.listed_at))
    return {row.category: row.listed_at for row in rows}


def _sighting(row: Row[*tuple[Any, ...]]) -> Sighting:
    return Sighting(PaperId(row.paper_id), row.submitted, row.listed_at, row.named, row.absent_at)


def _left_out(row: Row[Any]) -> LeftOut:
    try:
        reason = Reason(row.left_out)
    except ValueError:
        raise StoreError(f"The database has an unknown reason why {row.paper_id} was left out.") from None
    return LeftOut(PaperId(row.paper_id), reason, row.detail or "")
