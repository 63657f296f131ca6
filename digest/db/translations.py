"""Translations, one per version, language and origin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import Origin, Translation, VersionId
from digest.db import origins
from digest.db.bulk import put
from digest.db.tables import translations


async def save(connection: AsyncConnection, translation: Translation, at: datetime) -> None:
    """Store `translation`, made at `at`; it replaces one with the same key. The version must be stored."""
    content = {
        "title": translation.title,
        "abstract": translation.abstract,
        "summary": translation.summary,
        "made_at": at,
    }
    await put(connection, translations, [origins.key(translation) | content])


async def find(
    connection: AsyncConnection, version: VersionId, language: str, origin: Origin | None
) -> Translation | None:
    """Load the translation to show: the operator's, else that of `origin`, else the newest in `language`, else None."""
    return (await load(connection, [version], language, origin)).get(version)


async def load(
    connection: AsyncConnection, versions: Sequence[VersionId], language: str, origin: Origin | None
) -> dict[VersionId, Translation]:
    """Load the result of `find` for each of `versions` that has a translation, for a whole edition at once."""
    rows = await origins.rows_to_show(connection, translations, versions, language, origin)
    return {origins.version(row): _translation(row) for row in rows}


def _translation(row: Row[Any]) -> Translation:
    return Translation(
        version=origins.version(row),
        language=row.language,
        title=row.title,
        abstract=row.abstract,
        summary=row.summary,
        origin=origins.origin(row),
    )
