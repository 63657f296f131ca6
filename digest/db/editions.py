"""Closed editions: the papers that each day shows, decided permanently."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Table, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.errors import StoreError
from digest.core.models import ClosedEdition, PaperId, VersionId, Window
from digest.db import search_texts
from digest.db.bulk import add_missing, insert_into, rows_among
from digest.db.tables import edition_languages, edition_papers, edition_replacements, editions

ALL = "*"
"""A stand-in for all languages that were wanted when the edition was made in the last of them."""


class PaperTakenError(StoreError):
    """A paper is already in another edition: the selection was based on outdated data."""


async def close(connection: AsyncConnection, edition: ClosedEdition) -> bool:
    """Store `edition` and its papers, all or nothing; return False, without changes, if this date is closed already.

    Its versions must be stored. Raises PaperTakenError if one of its papers is in another edition, or in it twice.
    """
    async with connection.begin_nested():
        insert = insert_into(connection, editions).on_conflict_do_nothing(index_elements=[editions.c.date])
        if await connection.scalar(insert.returning(editions.c.date), _row(edition)) is None:
            return False
        await add_missing(connection, edition_papers, _rows(edition.date, edition.versions))
        await add_missing(connection, edition_replacements, _rows(edition.date, edition.replacements))
        await _refuse_taken(connection, edition)
        await search_texts.update(connection, (version.paper for version in edition.versions))
    return True


async def find(connection: AsyncConnection, day: date) -> ClosedEdition | None:
    """Load the edition of `day`; None if it is not closed."""
    row = (await connection.execute(select(editions).where(editions.c.date == day))).first()
    if row is None:
        return None
    versions = await _versions(connection, edition_papers, day)
    return _edition(row, versions, await _versions(connection, edition_replacements, day))


async def last(connection: AsyncConnection) -> ClosedEdition | None:
    """Load the newest edition, however old; None if there is none."""
    newest = await last_date(connection)
    return await find(connection, newest) if newest else None


async def last_date(connection: AsyncConnection) -> date | None:
    """Return the day of the newest edition, however old; None if there is none."""
    newest: date | None = await connection.scalar(select(func.max(editions.c.date)))
    return newest


async def incomplete(connection: AsyncConnection) -> list[date]:
    """Return the days of the editions of which something is still due, oldest first."""
    query = select(editions.c.date).where(editions.c.completed_at.is_(None)).order_by(editions.c.date)
    return list((await connection.execute(query)).scalars())


async def between(connection: AsyncConnection, first: date, last: date) -> list[date]:
    """Return the days from `first` to `last` with closed editions, oldest first."""
    query = select(editions.c.date).where(editions.c.date.between(first, last)).order_by(editions.c.date)
    return list((await connection.execute(query)).scalars())


async def archived(connection: AsyncConnection, count: int) -> dict[date, datetime]:
    """Return the days of the newest `count` non-empty editions, newest first, with the times of their posts."""
    columns = editions.c
    shows = or_(
        *(
            exists().where(table.c.edition_date == columns.date)
            for table in (edition_papers, edition_replacements)
        )
    )
    query = select(columns.date, columns.archived_at).where(columns.archived_at.is_not(None), shows)
    rows = await connection.execute(query.order_by(columns.date.desc()).limit(count))
    return {row.date: row.archived_at for row in rows}


async def windows(connection: AsyncConnection) -> dict[date, Window]:
    """Return the windows of all editions, oldest first."""
    query = select(editions.c.date, editions.c.window_start, editions.c.window_end)
    rows = await connection.execute(query.order_by(editions.c.date))
    return {row.date: Window(row.window_start, row.window_end) for row in rows}


async def covering(connection: AsyncConnection, batch: datetime) -> date | None:
    """Return the day of the edition whose window contains `batch`; None if there is none."""
    query = select(editions.c.date).where(editions.c.window_start < batch, editions.c.window_end >= batch)
    covering: date | None = await connection.scalar(query.order_by(editions.c.date).limit(1))
    return covering


async def note_made(connection: AsyncConnection, day: date, language: str, at: datetime) -> None:
    """Record that the edition of `day` was made in `language`, as far as possible, at `at`."""
    row = {"edition_date": day, "language": language, "made_at": at}
    await add_missing(connection, edition_languages, [row])


async def languages(connection: AsyncConnection, days: Collection[date]) -> dict[date, set[str]]:
    """Return the languages in which the editions of `days` were made; they include `ALL` if none is still to come."""
    query = select(edition_languages.c.edition_date, edition_languages.c.language)
    found: dict[date, set[str]] = {day: set() for day in days}
    for row in await rows_among(connection, query, edition_languages.c.edition_date, days):
        found[row.edition_date].add(row.language)
    return found


async def mark_archived(connection: AsyncConnection, day: date, at: datetime) -> None:
    """Record that the edition of `day` was made and can be shown. Raises StoreError if it was never closed."""
    result = await connection.execute(update(editions).where(editions.c.date == day).values(archived_at=at))
    if result.rowcount == 0:
        raise StoreError(f"There is no closed edition of {day} to mark as archived.")


async def mark_completed(connection: AsyncConnection, day: date, at: datetime) -> None:
    """Record that nothing of the edition of `day` is due any more."""
    await connection.execute(update(editions).where(editions.c.date == day).values(completed_at=at))


async def shown(connection: AsyncConnection, versions: Collection[VersionId]) -> set[VersionId]:
    """Return those of `versions` that an edition shows, as a paper or as a replacement."""
    found = set()
    for columns in (edition_papers.c, edition_replacements.c):
        key = tuple_(columns.paper_id, columns.version)
        query = select(columns.paper_id, columns.version)
        rows = await rows_among(connection, query, key, [(str(v.paper), v.number) for v in versions])
        found |= {VersionId(PaperId(row.paper_id), row.version) for row in rows}
    return found


async def assigned(connection: AsyncConnection, papers: Iterable[PaperId]) -> dict[PaperId, date]:
    """Return those of `papers` that are in an edition, in any version, with the day of that edition."""
    columns = edition_papers.c
    query = select(columns.paper_id, columns.edition_date)
    rows = await rows_among(connection, query, columns.paper_id, map(str, papers))
    return {PaperId(row.paper_id): row.edition_date for row in rows}


async def _refuse_taken(connection: AsyncConnection, edition: ClosedEdition) -> None:
    if await _versions(connection, edition_papers, edition.date) == edition.versions:
        return
    held = await assigned(connection, [version.paper for version in edition.versions])
    taken = [f"{paper} is in that of {day}" for paper, day in sorted(held.items()) if day != edition.date]
    reason = ", ".join(taken) or "it names a paper twice"
    raise PaperTakenError(f"The edition of {edition.date} cannot be closed: {reason}.")


async def _versions(connection: AsyncConnection, table: Table, day: date) -> tuple[VersionId, ...]:
    query = select(table).where(table.c.edition_date == day)
    rows = await connection.execute(query.order_by(table.c.position))
    return tuple(VersionId(PaperId(row.paper_id), row.version) for row in rows)


def _row(edition: ClosedEdition) -> dict[str, Any]:
    return {
        "date": edition.date,
        "window_start": edition.window.start,
        "window_end": edition.window.end,
        "language": edition.language,
        "categories": edition.categories,
        "fetched": edition.fetched,
        "late": edition.late,
        "closed_at": edition.closed_at,
        "archived_at": edition.archived_at,
        "completed_at": edition.completed_at,
    }


def _rows(day: date, versions: Iterable[VersionId]) -> list[dict[str, Any]]:
    numbered = enumerate(versions, start=1)
    return [
        {
            "edition_date": day,
            "position": position,
            "paper_id": str(version.paper),
            "version": version.number,
        }
        for position, version in sorted(numbered, key=lambda pair: pair[1])
    ]


def _edition(
    row: Row[Any], versions: tuple[VersionId, ...], replacements: tuple[VersionId, ...]
) -> ClosedEdition:
    return ClosedEdition(
        date=row.date,
        window=Window(row.window_start, row.window_end),
        language=row.language,
        categories=row.categories,
        fetched=row.fetched,
        versions=versions,
        closed_at=row.closed_at,
        late=row.late,
        replacements=replacements,
        archived_at=row.archived_at,
        completed_at=row.completed_at,
    )
