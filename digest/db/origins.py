"""The common part of translations and readings: the key with their origin, and the choice of the row to show.

The operator's own text comes first, then the one made with exactly the wanted model and prompt, then the newest in the
language, because stored results are never paid for again.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import BY_HAND, Origin, PaperId, Reading, Translation, VersionId
from digest.db.bulk import rows_among


def key(made: Translation | Reading) -> dict[str, Any]:
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
    pair = tuple_(table.c.paper_id, table.c.version)
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    rows.sort(
        key=lambda row: (origin(row) == BY_HAND, origin(row) == wanted, row.made_at, row.model, row.prompt)
    )
    return list({version(row): row for row in rows}.values())


def version(row: Row[Any]) -> VersionId:
    return VersionId(PaperId(row.paper_id), row.version)


def origin(row: Row[Any]) -> Origin:
    return Origin(row.model, row.prompt)
