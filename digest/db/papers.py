"""arXiv's records of papers, by version."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import Paper, PaperId, VersionId
from digest.db import search_texts
from digest.db.bulk import add_missing, insert_all, insert_into, rows_among
from digest.db.tables import papers, versions

_OPTIONAL = ("primary_category", "abstract", "published", "updated", "comment")


async def save(connection: AsyncConnection, records: Iterable[Paper], at: datetime) -> None:
    """Store `records`, seen at `at`.

    A record with an abstract replaces the stored one, but optional fields that it lacks keep their stored values. A
    record without an abstract (from an old post) does not change a paper whose abstract is known.
    """
    found = {record.version: record for record in records}
    seen = sorted({version.paper for version in found})
    await add_missing(connection, papers, [{"id": str(paper), "first_seen_at": at} for paper in seen])
    insert = insert_into(connection, versions)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=list(versions.primary_key),
        set_={name: new[name] for name in ("title", "authors", "categories")}
        | {name: func.coalesce(new[name], versions.c[name]) for name in _OPTIONAL},
        where=or_(new.abstract.is_not(None), versions.c.abstract.is_(None)),
    )
    await insert_all(connection, statement, [_row(found[version]) for version in sorted(found)])
    await search_texts.update(connection, seen)


async def find(connection: AsyncConnection, version: VersionId) -> Paper | None:
    """Load the record of exactly this version; None if it is not stored."""
    return (await load(connection, [version])).get(version)


async def latest(connection: AsyncConnection, paper: PaperId) -> Paper | None:
    """Load the newest stored version of `paper`; arXiv may have a newer one. None if there is none."""
    query = select(versions).where(versions.c.paper_id == str(paper))
    row = (await connection.execute(query.order_by(versions.c.version.desc()).limit(1))).first()
    return None if row is None else _paper(row)


async def latest_of(connection: AsyncConnection, wanted: Iterable[PaperId]) -> dict[PaperId, Paper]:
    """Load the newest stored version of each of `wanted` that has one."""
    rows = await rows_among(connection, select(versions), versions.c.paper_id, map(str, wanted))
    found = sorted(map(_paper, rows), key=lambda paper: paper.version)
    return {paper.id: paper for paper in found}


async def load(connection: AsyncConnection, wanted: Sequence[VersionId]) -> dict[VersionId, Paper]:
    """Load the stored records among `wanted`, in its order."""
    # By the paper alone: for pairs of values SQLite goes through the whole table.
    rows = await rows_among(connection, select(versions), versions.c.paper_id, [str(v.paper) for v in wanted])
    found = {paper.version: paper for paper in map(_paper, rows)}
    return {version: found[version] for version in wanted if version in found}


def _row(paper: Paper) -> dict[str, Any]:
    return {
        "paper_id": str(paper.id),
        "version": paper.version.number,
        "title": paper.title,
        "authors": paper.authors,
        "categories": paper.categories,
        "primary_category": paper.primary_category,
        "abstract": paper.abstract,
        "published": paper.published,
        "updated": paper.updated,
        "comment": paper.comment,
    }


def _paper(row: Row[Any]) -> Paper:
    return Paper(
        version=VersionId(PaperId(row.paper_id), row.version),
        title=row.title,
        authors=row.authors,
        categories=row.categories,
        primary_category=row.primary_category,
        abstract=row.abstract,
        published=row.published,
        updated=row.updated,
        comment=row.comment,
    )
