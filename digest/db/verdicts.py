"""The stored verdicts of judges: what was judged once is looked up, not asked again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import VersionId
from digest.core.verdicts import Relation
from digest.db.bulk import put, rows_among
from digest.db.tables import verdicts

KEPT_VERDICTS = timedelta(days=90)
"""The retention time of a verdict. What is shown was decided with it and is not judged again."""


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict without the id of its pair, which is another one in another text."""

    relation: Relation
    words: str


async def load(connection: AsyncConnection, keys: Iterable[str]) -> dict[str, StoredVerdict]:
    """Load the verdicts stored under `keys`; keys without one are absent."""
    rows = await rows_among(connection, select(verdicts), verdicts.c.key, keys)
    return {row.key: StoredVerdict(Relation(row.relation), row.words) for row in rows}


async def save(
    connection: AsyncConnection,
    version: VersionId,
    language: str,
    judged: Mapping[str, StoredVerdict],
    at: datetime,
) -> None:
    """Store the verdicts `judged` on a text about `version` by their keys; they replace those with the same key."""
    about = {"paper_id": str(version.paper), "version": version.number, "language": language, "judged_at": at}
    rows = [
        {"key": key, **about, "relation": each.relation.value, "words": each.words}
        for key, each in sorted(judged.items())
    ]
    await put(connection, verdicts, rows)


async def prune(connection: AsyncConnection, now: datetime) -> None:
    """Delete the verdicts older than `KEPT_VERDICTS`."""
    await connection.execute(delete(verdicts).where(verdicts.c.judged_at < now - KEPT_VERDICTS))
