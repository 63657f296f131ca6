"""The full texts of papers, and the tries that found none."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import FullText, NoText, NoTextReason, PaperId, TextSource, VersionId
from digest.db.bulk import insert_all, insert_into, rows_among
from digest.db.tables import fulltexts

_CONTENT = ("source", "text", "orders", "whole", "extractors", "reason", "tried_at")


@dataclass(frozen=True, slots=True)
class FetchAttempt:
    """The outcome of the latest try to get a full text, the `tries`-th."""

    outcome: FullText | NoText
    tried_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class TextProvenance:
    """Source of the full text of `version`, the libraries that extracted it, and whether it is known to be whole."""

    version: VersionId
    source: TextSource
    extractors: tuple[str, ...]
    whole: bool


async def save(connection: AsyncConnection, outcome: FullText | NoText, at: datetime) -> None:
    """Keep what a try at `at` gave. A text is never given up for the lack of one."""
    insert = insert_into(connection, fulltexts)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=list(fulltexts.primary_key),
        set_={name: new[name] for name in _CONTENT} | {"tries": fulltexts.c.tries + 1},
        where=or_(new.text.is_not(None), fulltexts.c.text.is_(None)),
    )
    await insert_all(connection, statement, [_row(outcome, at)])


async def find(connection: AsyncConnection, version: VersionId) -> FetchAttempt | None:
    """The outcome of the last try, or None where there was none."""
    query = select(fulltexts).where(
        fulltexts.c.paper_id == str(version.paper), fulltexts.c.version == version.number
    )
    row = (await connection.execute(query)).first()
    return None if row is None else FetchAttempt(_outcome(row, version), row.tried_at, row.tries)


async def lacking(
    connection: AsyncConnection, versions: Collection[VersionId]
) -> dict[VersionId, NoTextReason]:
    """Return the `versions` whose last try found no text, each with the reason."""
    key = tuple_(fulltexts.c.paper_id, fulltexts.c.version)
    query = select(fulltexts.c.paper_id, fulltexts.c.version, fulltexts.c.reason).where(
        fulltexts.c.text.is_(None)
    )
    rows = await rows_among(connection, query, key, [(str(each.paper), each.number) for each in versions])
    return {VersionId(PaperId(row.paper_id), row.version): NoTextReason(row.reason) for row in rows}


async def taken(connection: AsyncConnection, versions: Collection[VersionId]) -> tuple[TextProvenance, ...]:
    """Return the sources of the stored texts of `versions`, in that order; versions without a text are left out."""
    columns = fulltexts.c
    key = tuple_(columns.paper_id, columns.version)
    query = select(
        columns.paper_id, columns.version, columns.source, columns.extractors, columns.whole
    ).where(columns.text.is_not(None))
    rows = await rows_among(connection, query, key, [(str(each.paper), each.number) for each in versions])
    found = (
        TextProvenance(
            VersionId(PaperId(row.paper_id), row.version),
            TextSource(row.source),
            tuple((row.extractors or "").split()),
            row.whole,
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda each: each.version))


async def with_orders(connection: AsyncConnection, since: datetime) -> tuple[VersionId, ...]:
    """The versions that give orders to language models where no reader sees it, of those fetched since `since`."""
    columns = fulltexts.c
    query = select(columns.paper_id, columns.version).where(
        columns.orders.is_not(None), columns.tried_at >= since
    )
    rows = await connection.execute(query.order_by(columns.paper_id, columns.version))
    return tuple(VersionId(PaperId(row.paper_id), row.version) for row in rows)


def _row(outcome: FullText | NoText, at: datetime) -> dict[str, Any]:
    row = {
        "paper_id": str(outcome.version.paper),
        "version": outcome.version.number,
        "tried_at": at,
        "tries": 1,
    }
    if isinstance(outcome, NoText):
        nothing = dict.fromkeys(("source", "text", "orders", "extractors"))
        return row | nothing | {"whole": True, "reason": outcome.reason}
    found = {
        "source": outcome.source,
        "text": outcome.text,
        "orders": outcome.orders or None,
        "whole": outcome.whole,
        "extractors": " ".join(outcome.extractors) or None,
    }
    return row | found | {"reason": None}


def _outcome(row: Row[Any], version: VersionId) -> FullText | NoText:
    if row.text is None:
        return NoText(version, NoTextReason(row.reason))
    return FullText(
        version,
        TextSource(row.source),
        row.text,
        row.orders or "",
        row.whole,
        tuple((row.extractors or "").split()),
    )
