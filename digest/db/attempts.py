"""Attempts at translations, shown or not, with the findings of the checks."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.attempts import Attempt
from digest.core.models import VersionId
from digest.db import calls as log
from digest.db.bulk import rows_among
from digest.db.tables import attempts, calls

KEPT = timedelta(days=90)
"""The retention time of an attempt's text, which is only for debugging; shown texts are in `translations`."""


async def save(connection: AsyncConnection, attempt: Attempt) -> None:
    """Store `attempt` and its call."""
    row = {
        "call_id": await log.save(connection, attempt.call),
        "number": attempt.number,
        "title": attempt.title,
        "abstract": attempt.abstract,
        "summary": attempt.summary,
        "findings": attempt.findings,
    }
    await connection.execute(insert(attempts), row)


async def load(
    connection: AsyncConnection, versions: Iterable[VersionId], language: str
) -> dict[VersionId, list[Attempt]]:
    """Load the attempts at each of `versions` in `language`, oldest first; versions without any are absent."""
    query = select(attempts, calls).join(calls).where(calls.c.language == language)
    pair = tuple_(calls.c.paper_id, calls.c.version)
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    found: dict[VersionId, list[Attempt]] = {}
    for row in sorted(rows, key=lambda row: row.call_id):
        attempt = _attempt(row)
        found.setdefault(attempt.call.version, []).append(attempt)
    return found


async def prune(connection: AsyncConnection, now: datetime) -> None:
    """Delete the texts of attempts older than `KEPT`; their findings stay."""
    old = select(calls.c.id).where(calls.c.at < now - KEPT)
    statement = update(attempts).where(attempts.c.abstract.is_not(None), attempts.c.call_id.in_(old))
    await connection.execute(statement.values(title=None, abstract=None, summary=None))


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(row.number, log.call(row), row.title, row.abstract, row.summary, row.findings)
