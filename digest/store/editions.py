"""Closed editions: which papers each day shows, decided once and for all."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.errors import StoreError
from digest.models import ClosedEdition, PaperId, VersionId, Window
from digest.store.bulk import add_missing, insert_into, rows_among
from digest.store.tables import edition_papers, editions


class PaperTakenError(StoreError):
    """A paper is in another edition already: the selection was made on what no longer holds."""


async def close(connection: AsyncConnection, edition: ClosedEdition) -> bool:
    """Keep `edition` and its papers, all or nothing; False where this date was closed before, which stands.

    Its versions must be stored. Raises PaperTakenError where one of its papers is in an edition already.
    """
    async with connection.begin_nested():
        insert = insert_into(connection, editions).on_conflict_do_nothing(index_elements=[editions.c.date])
        if await connection.scalar(insert.returning(editions.c.date), _row(edition)) is None:
            return False
        await add_missing(connection, edition_papers, _paper_rows(edition))
        await _refuse_taken(connection, edition)
    return True


async def find(connection: AsyncConnection, day: date) -> ClosedEdition | None:
    """The edition of `day`, if it was closed."""
    row = (await connection.execute(select(editions).where(editions.c.date == day))).first()
    return None if row is None else _edition(row, await _versions(connection, day))


async def last_before(connection: AsyncConnection, day: date) -> ClosedEdition | None:
    """The newest edition before `day`, however old."""
    newest = await connection.scalar(select(func.max(editions.c.date)).where(editions.c.date < day))
    return newest and await find(connection, newest)


async def mark_archived(connection: AsyncConnection, day: date, at: datetime) -> None:
    """Note that the post of `day` was written at `at`. Raises StoreError where no such edition was closed."""
    result = await connection.execute(update(editions).where(editions.c.date == day).values(archived_at=at))
    if result.rowcount == 0:
        raise StoreError(f"There is no closed edition of {day} whose post could be noted.")


async def assigned(connection: AsyncConnection, papers: Iterable[PaperId]) -> dict[PaperId, date]:
    """Which of `papers` are in an edition, and in which one, whatever their version there."""
    columns = edition_papers.c
    query = select(columns.paper_id, columns.edition_date)
    rows = await rows_among(connection, query, columns.paper_id, map(str, papers))
    return {PaperId(row.paper_id): row.edition_date for row in rows}


async def _refuse_taken(connection: AsyncConnection, edition: ClosedEdition) -> None:
    if await _versions(connection, edition.date) == edition.versions:
        return
    held = await assigned(connection, [version.paper for version in edition.versions])
    taken = [f"{paper} is in that of {day}" for paper, day in sorted(held.items()) if day != edition.date]
    reason = ", ".join(taken) or "it names a paper twice"
    raise PaperTakenError(f"The edition of {edition.date} cannot be closed: {reason}.")


async def _versions(connection: AsyncConnection, day: date) -> tuple[VersionId, ...]:
    query = select(edition_papers).where(edition_papers.c.edition_date == day)
    rows = await connection.execute(query.order_by(edition_papers.c.position))
    return tuple(VersionId(PaperId(row.paper_id), row.version) for row in rows)


def _row(edition: ClosedEdition) -> dict[str, Any]:
    return {
        "date": edition.date,
        "window_start": edition.window.start,
        "window_end": edition.window.end,
        "language": edition.language,
        "categories": edition.categories,
        "fetched": edition.fetched,
        "closed_at": edition.closed_at,
        "archived_at": edition.archived_at,
    }


def _paper_rows(edition: ClosedEdition) -> list[dict[str, Any]]:
    numbered = enumerate(edition.versions, start=1)
    return [
        {
            "edition_date": edition.date,
            "position": position,
            "paper_id": str(version.paper),
            "version": version.number,
        }
        for position, version in sorted(numbered, key=lambda pair: pair[1])
    ]


def _edition(row: Row[Any], versions: tuple[VersionId, ...]) -> ClosedEdition:
    return ClosedEdition(
        date=row.date,
        window=Window(row.window_start, row.window_end),
        language=row.language,
        categories=row.categories,
        fetched=row.fetched,
        versions=versions,
        closed_at=row.closed_at,
        archived_at=row.archived_at,
    )
