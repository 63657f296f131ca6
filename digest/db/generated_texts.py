"""Texts made by models: translations and readings, one per version, language and origin, and an edition's terms.

Of several rows, the operator's own text is shown first, then the one made with exactly the wanted model and prompt,
then the newest in the language, because stored results are never paid for again. Of a term to which the glossary gives
several translations, the first paper in an edition to translate it decides for the others; the terms that the glossary
leaves open are decided for the whole edition.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.findings import Finding
from digest.core.models import Basis, Origin, PaperId, Reading, Translation, VersionId
from digest.db import search_texts
from digest.db.bulk import add_missing, put, rows_among
from digest.db.origins import origin_of, rank
from digest.db.tables import edition_papers, edition_terms, readings, terms, translations


def key_of(made: Translation | Reading) -> dict[str, Any]:
    """Return the columns of the primary key."""
    return {
        "paper_id": str(made.version.paper),
        "version": made.version.number,
        "language": made.language,
        "model": made.origin.model,
        "prompt": made.origin.prompt,
    }


async def rows_to_show(
    connection: AsyncConnection,
    table: Table,
    versions: Iterable[VersionId],
    language: str,
    wanted: Origin | None,
) -> list[Row[Any]]:
    """Return the row to show for each of `versions` that has one, in no particular order."""
    query = select(table).where(table.c.language == language)
    named = set(versions)
    # By the paper alone: for pairs of values SQLite goes through the whole table.
    of_papers = await rows_among(connection, query, table.c.paper_id, [str(v.paper) for v in named])
    rows = [row for row in of_papers if version_of(row) in named]
    rows.sort(key=lambda row: rank(row, wanted))
    return list({version_of(row): row for row in rows}.values())


def version_of(row: Row[Any]) -> VersionId:
    return VersionId(PaperId(row.paper_id), row.version)


async def save_translation(connection: AsyncConnection, translation: Translation, at: datetime) -> None:
    """Store `translation`, made at `at`; it replaces one with the same key. The version must be stored."""
    content = {
        "title": translation.title,
        "abstract": translation.abstract,
        "summary": translation.summary,
        "made_at": at,
    }
    await put(connection, translations, [key_of(translation) | content])
    await search_texts.update(connection, [translation.version.paper])


async def find_translation(
    connection: AsyncConnection, version: VersionId, language: str, origin: Origin | None
) -> Translation | None:
    """Load the translation to show: the operator's, else that of `origin`, else the newest in `language`, else None."""
    return (await load_translations(connection, [version], language, origin)).get(version)


async def load_translations(
    connection: AsyncConnection, versions: Sequence[VersionId], language: str, origin: Origin | None
) -> dict[VersionId, Translation]:
    """Load the result of `find` for each of `versions` that has a translation, for a whole edition at once."""
    rows = await rows_to_show(connection, translations, versions, language, origin)
    return {version_of(row): _translation(row) for row in rows}


def _translation(row: Row[Any]) -> Translation:
    return Translation(
        version=version_of(row),
        language=row.language,
        title=row.title,
        abstract=row.abstract,
        summary=row.summary,
        origin=origin_of(row),
    )


async def save_reading(
    connection: AsyncConnection, reading: Reading, at: datetime, findings: tuple[Finding, ...] = ()
) -> None:
    """Store `reading`, made at `at`, with the findings of the checks; it replaces one with the same key.

    The version must be stored.
    """
    content = {
        "background": reading.background,
        "method": reading.method,
        "results": reading.results,
        "findings": findings,
        "basis": reading.basis,
        "made_at": at,
    }
    await put(connection, readings, [key_of(reading) | content])
    await search_texts.update(connection, [reading.version.paper])


async def find_reading(
    connection: AsyncConnection, version: VersionId, language: str, origin: Origin | None
) -> Reading | None:
    """Load the reading to show: the operator's, else that of `origin`, else the newest in `language`, else None."""
    return (await load_readings(connection, [version], language, origin)).get(version)


async def latest_reading_before(
    connection: AsyncConnection, version: VersionId, language: str
) -> Reading | None:
    """Load the newest reading of the newest older version that has one in `language`; None if there is none."""
    columns = readings.c
    query = select(readings).where(
        columns.paper_id == str(version.paper), columns.version < version.number, columns.language == language
    )
    newest = query.order_by(columns.version.desc(), columns.made_at.desc()).limit(1)
    row = (await connection.execute(newest)).first()
    return None if row is None else _reading(row)


async def load_readings(
    connection: AsyncConnection, versions: Sequence[VersionId], language: str, origin: Origin | None
) -> dict[VersionId, Reading]:
    """Load the result of `find` for each of `versions` that has a reading, for a whole edition at once."""
    rows = await rows_to_show(connection, readings, versions, language, origin)
    return {version_of(row): _reading(row) for row in rows}


async def reading_findings(
    connection: AsyncConnection, versions: Sequence[VersionId], language: str, origin: Origin | None
) -> dict[VersionId, tuple[Origin, tuple[Finding, ...]]]:
    """Load the origin and the findings of each reading that `load` returns."""
    rows = await rows_to_show(connection, readings, versions, language, origin)
    return {version_of(row): (origin_of(row), row.findings) for row in rows}


def _reading(row: Row[Any]) -> Reading:
    return Reading(
        version=version_of(row),
        language=row.language,
        background=row.background,
        method=row.method,
        results=row.results,
        origin=origin_of(row),
        basis=Basis(row.basis),
    )


async def save_terms(
    connection: AsyncConnection, version: VersionId, language: str, decided: Mapping[str, str], at: datetime
) -> None:
    """Store the translations of terms that the translation of `version` into `language` chose."""
    key = {"paper_id": str(version.paper), "version": version.number, "language": language, "decided_at": at}
    rows = [key | {"term": term, "translation": decided[term]} for term in sorted(decided)]
    await add_missing(connection, terms, rows)


async def save_edition_terms(
    connection: AsyncConnection, day: date, language: str, decided: Mapping[str, str | None], at: datetime
) -> None:
    """Store the terms of the edition of `day` as `decided`; None for a term without a usable translation.

    What was decided before stays.
    """
    key = {"edition_date": day, "language": language, "decided_at": at}
    rows = [key | {"term": term, "translation": decided[term]} for term in sorted(decided)]
    await add_missing(connection, edition_terms, rows)


async def load_edition_terms(connection: AsyncConnection, day: date, language: str) -> dict[str, str | None]:
    """Load the terms of the edition of `day`; None for those without a usable translation."""
    query = select(edition_terms).where(
        edition_terms.c.edition_date == day, edition_terms.c.language == language
    )
    return {row.term: row.translation for row in await connection.execute(query)}


async def terms_of_edition(connection: AsyncConnection, paper: PaperId, language: str) -> dict[str, str]:
    """Load the translations of terms decided in the edition of `paper`: for all of it, and by its other papers.

    Of what the papers chose, the earliest counts, also before what was decided for the edition.
    """
    day: date | None = await connection.scalar(
        select(edition_papers.c.edition_date).where(edition_papers.c.paper_id == str(paper))
    )
    if day is None:
        return {}
    query = (
        select(terms.c.term, terms.c.translation)
        .join(edition_papers, edition_papers.c.paper_id == terms.c.paper_id)
        .where(
            edition_papers.c.edition_date == day,
            terms.c.language == language,
            terms.c.paper_id != str(paper),
        )
        .order_by(terms.c.decided_at.desc(), terms.c.paper_id.desc())
    )
    chosen = {row.term: row.translation for row in await connection.execute(query)}
    shared = await load_edition_terms(connection, day, language)
    return {**{term: made for term, made in shared.items() if made is not None}, **chosen}
