"""The log of calls to language models, with their tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import Call, Origin, PaperId, Purpose, VersionId
from digest.db.bulk import rows_among
from digest.db.tables import calls

_TOKENS = func.coalesce(func.sum(calls.c.prompt_tokens + calls.c.completion_tokens), 0)


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of calls, of those with a usable answer (`ok`), and the tokens of all of them."""

    calls: int
    ok: int
    tokens: int


async def save(connection: AsyncConnection, call: Call) -> int:
    """Add `call` to the log; return the id of its row."""
    row = {
        "at": call.at,
        "purpose": call.purpose,
        "paper_id": str(call.version.paper),
        "version": call.version.number,
        "language": call.language,
        "model": call.origin.model,
        "prompt": call.origin.prompt,
        "outcome": call.outcome,
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "cached_tokens": call.cached_tokens,
    }
    return int(await connection.scalar(insert(calls).returning(calls.c.id), row))


async def tokens_since(connection: AsyncConnection, at: datetime) -> int:
    """Sum up the tokens of prompts and answers since `at` (included)."""
    return int(await connection.scalar(select(_TOKENS).where(calls.c.at >= at)) or 0)


async def totals(connection: AsyncConnection, since: datetime) -> dict[Purpose, Totals]:
    """Sum up the calls since `since` (included) by purpose; a purpose without calls is absent."""
    count, ok = func.count(), func.count().filter(calls.c.outcome == "ok")
    query = select(calls.c.purpose, count, ok, _TOKENS).where(calls.c.at >= since).group_by(calls.c.purpose)
    rows = await connection.execute(query)
    return {Purpose(purpose): Totals(made, good, int(tokens)) for purpose, made, good, tokens in rows}


async def of_versions(
    connection: AsyncConnection, versions: Iterable[VersionId], language: str
) -> list[Call]:
    """Load the calls about `versions` in `language`, oldest first."""
    query = select(calls).where(calls.c.language == language)
    pair = tuple_(calls.c.paper_id, calls.c.version)
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    return [call(row) for row in sorted(rows, key=lambda row: row.id)]


async def languages(connection: AsyncConnection, versions: Iterable[VersionId]) -> set[str]:
    """Return the languages of the calls about any of `versions`."""
    pair = tuple_(calls.c.paper_id, calls.c.version)
    query = select(calls.c.language).distinct()
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    return {row.language for row in rows}


def call(row: Row[Any]) -> Call:
    """Convert a row with the columns of the log to a call."""
    return Call(
        at=row.at,
        purpose=Purpose(row.purpose),
        version=VersionId(PaperId(row.paper_id), row.version),
        language=row.language,
        origin=Origin(row.model, row.prompt),
        outcome=row.outcome,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
    )
