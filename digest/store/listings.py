"""Which papers were ever seen in a listing of the watched categories, and what became of each.

A paper that was listed is in an edition, or left out with its reason, or still undecided: nothing falls between.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.announcements import NEW_TYPES, Sighting
from digest.errors import StoreError
from digest.models import LeftOut, PaperId, Reason, Window
from digest.store.bulk import add_missing, put, rows_among
from digest.store.tables import announcements, edition_papers, listings, versions, watches

_UNDECIDED = listings.c.left_out.is_(None) & listings.c.paper_id.not_in(select(edition_papers.c.paper_id))


async def unlisted(connection: AsyncConnection, papers: Iterable[PaperId]) -> set[PaperId]:
    """Those of `papers` that were never listed before."""
    asked = set(papers)
    column = listings.c.paper_id
    rows = await rows_among(connection, select(column), column, map(str, asked))
    return asked - {PaperId(row.paper_id) for row in rows}


async def undecided(connection: AsyncConnection) -> set[PaperId]:
    """The listed papers that are neither in an edition nor left out."""
    rows = await connection.execute(select(listings.c.paper_id).where(_UNDECIDED))
    return {PaperId(row.paper_id) for row in rows}


async def sightings(connection: AsyncConnection, since: datetime) -> list[Sighting]:
    """The listed papers that are undecided or were submitted since then, in no order."""
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
    """When papers were listed for the first time, None before that."""
    first: datetime | None = await connection.scalar(select(func.min(listings.c.listed_at)))
    return first


async def ever_listed(connection: AsyncConnection) -> set[str]:
    """The categories in which papers were ever listed."""
    watched = await connection.execute(select(watches.c.category))
    of_papers = await connection.execute(
        select(versions.c.categories)
        .join(listings, listings.c.paper_id == versions.c.paper_id)
        .where(_UNDECIDED)
    )
    return {*watched.scalars()} | {name for names in of_papers.scalars() for name in names}


async def note(connection: AsyncConnection, papers: Mapping[PaperId, datetime | None], at: datetime) -> None:
    """Remember that `papers` were listed at `at`, each with the last look that did not show it. The first time
    stands."""
    rows = [
        {"paper_id": str(paper), "listed_at": at, "absent_at": absent_at}
        for paper, absent_at in sorted(papers.items())
    ]
    await add_missing(connection, listings, rows)


async def correct(connection: AsyncConnection, papers: Iterable[PaperId], at: datetime) -> None:
    """Where a clock that was ahead said that `papers` were first listed after `at`, it was at `at`."""
    rows = [{"paper": str(paper)} for paper in sorted(set(papers))]
    statement = update(listings).where(listings.c.paper_id == bindparam("paper"), listings.c.listed_at > at)
    if rows:
        await connection.execute(statement.values(listed_at=at), rows)


async def place(connection: AsyncConnection, batches: Mapping[PaperId, datetime]) -> None:
    """Remember which batch each of these papers was taken for."""
    rows = [{"paper": str(paper), "placed": batch} for paper, batch in sorted(batches.items())]
    statement = update(listings).where(listings.c.paper_id == bindparam("paper"))
    if rows:
        await connection.execute(statement.values(batch=bindparam("placed")), rows)


async def placed_in(connection: AsyncConnection, window: Window) -> set[PaperId]:
    """The decided papers that were taken for a batch in `window`."""
    batch = listings.c.batch
    query = select(listings.c.paper_id).where(batch > window.start, batch <= window.end)
    return {PaperId(row.paper_id) for row in await connection.execute(query)}


async def batches_of(connection: AsyncConnection, wanted: Iterable[PaperId]) -> dict[PaperId, datetime]:
    """The batches that those of `wanted` were taken for which were decided."""
    query = select(listings.c.paper_id, listings.c.batch).where(listings.c.batch.is_not(None))
    rows = await rows_among(connection, query, listings.c.paper_id, map(str, wanted))
    return {PaperId(row.paper_id): row.batch for row in rows}


async def leave_out(connection: AsyncConnection, left_out: Iterable[LeftOut], day: date | None) -> None:
    """Remember what the edition of `day` leaves out, or what no edition will show."""
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
    """What the edition of `day` leaves out, in the order of the papers. Raises StoreError where a reason is unknown."""
    query = select(listings).where(listings.c.edition_date == day, listings.c.left_out.is_not(None))
    return [_left_out(row) for row in await connection.execute(query.order_by(listings.c.paper_id))]


async def left_out(connection: AsyncConnection, wanted: Iterable[PaperId]) -> list[LeftOut]:
    """Those of `wanted` that were left out, by whichever edition."""
    query = select(listings).where(listings.c.left_out.is_not(None))
    return [
        _left_out(row) for row in await rows_among(connection, query, listings.c.paper_id, map(str, wanted))
    ]


async def check(connection: AsyncConnection, categories: Iterable[str], at: datetime) -> None:
    """Remember that all that arXiv showed of `categories` was noted at `at`, so that what it lacked is new later."""
    await put(
        connection, watches, [{"category": category, "listed_at": at} for category in sorted(set(categories))]
    )


async def checks(connection: AsyncConnection) -> dict[str, datetime]:
    """When each category was looked at last, of those that ever were."""
    rows = await connection.execute(select(watches.c.category, watches.c.listed_at))
    return {row.category: row.listed_at for row in rows}


def _sighting(row: Row[*tuple[Any, ...]]) -> Sighting:
    return Sighting(PaperId(row.paper_id), row.submitted, row.listed_at, row.named, row.absent_at)


def _left_out(row: Row[Any]) -> LeftOut:
    try:
        reason = Reason(row.left_out)
    except ValueError:
        raise StoreError(
            f"The database says of {row.paper_id} that it was left out, but not for a reason that there is."
        ) from None
    return LeftOut(PaperId(row.paper_id), reason, row.detail or "")
