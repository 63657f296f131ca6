"""Readings, one per version, language and origin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.findings import Finding
from digest.core.models import Basis, Origin, Reading, VersionId
from digest.db import origins
from digest.db.bulk import put
from digest.db.tables import readings


async def save(
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
    await put(connection, readings, [origins.key(reading) | content])


async def find(
    connection: AsyncConnection, version: VersionId, language: str, origin: Origin | None
) -> Reading | None:
    """Load the reading to show: the operator's, else that of `origin`, else the newest in `language`, else None."""
    return (await load(connection, [version], language, origin)).get(version)


async def latest_before(connection: AsyncConnection, version: VersionId, language: str) -> Reading | None:
    """Load the newest reading of the newest older version that has one in `language`; None if there is none."""
    columns = readings.c
    query = select(readings).where(
        columns.paper_id == str(version.paper), columns.version < version.number, columns.language == language
    )
    newest = query.order_by(columns.version.desc(), columns.made_at.desc()).limit(1)
    row = (await connection.execute(newest)).first()
    return None if row is None else _reading(row)


async def load(
    connection: AsyncConnection, versions: Sequence[VersionId], language: str, origin: Origin | None
) -> dict[VersionId, Reading]:
    """Load the result of `find` for each of `versions` that has a reading, for a whole edition at once."""
    rows = await origins.rows_to_show(connection, readings, versions, language, origin)
    return {origins.version(row): _reading(row) for row in rows}


async def findings(
    connection: AsyncConnection, versions: Sequence[VersionId], language: str, origin: Origin | None
) -> dict[VersionId, tuple[Origin, tuple[Finding, ...]]]:
    """Load the origin and the findings of each reading that `load` returns."""
    rows = await origins.rows_to_show(connection, readings, versions, language, origin)
    return {origins.version(row): (origins.origin(row), row.findings) for row in rows}


def _reading(row: Row[Any]) -> Reading:
    return Reading(
        version=origins.version(row),
        language=row.language,
        background=row.background,
        method=row.method,
        results=row.results,
        origin=origins.origin(row),
        basis=Basis(row.basis),
    )
