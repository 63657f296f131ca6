"""arXiv's records of papers, by version, and the search in them by words of titles, abstracts and authors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, String, and_, cast, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import Paper, PaperId, VersionId
from digest.db.bulk import add_missing, insert_all, insert_into, rows_among
from digest.db.tables import edition_papers, papers, translations, versions

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
    key = tuple_(versions.c.paper_id, versions.c.version)
    rows = await rows_among(connection, select(versions), key, [(str(v.paper), v.number) for v in wanted])
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


_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A paper found; `translated` is its title in the searched language, None if it has no translation."""

    version: VersionId
    title: str
    translated: str | None
    summary: str | None
    authors: tuple[str, ...]
    edition: date


async def search(
    connection: AsyncConnection, words: str, language: str, limit: int, offset: int = 0
) -> list[SearchHit]:
    """Find the papers that contain all of `words` in the original or in `language`; newest editions first.

    Case makes no difference. Words after the eighth are ignored. Of several translations, the newest counts.
    """
    sought = words.split()[:_MOST_WORDS]
    translated = and_(
        translations.c.paper_id == edition_papers.c.paper_id,
        translations.c.version == edition_papers.c.version,
        translations.c.language == language,
        ~_is_outdated(),
    )
    of_version = and_(
        versions.c.paper_id == edition_papers.c.paper_id, versions.c.version == edition_papers.c.version
    )
    columns = (
        versions.c.title,
        versions.c.abstract,
        cast(versions.c.authors, String),
        translations.c.title,
        translations.c.abstract,
        translations.c.summary,
    )
    query = (
        select(
            edition_papers,
            versions.c.title,
            versions.c.authors,
            translations.c.title.label("translated"),
            translations.c.summary,
        )
        .select_from(edition_papers.join(versions, of_version).outerjoin(translations, translated))
        .where(*(or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in sought))
        .order_by(edition_papers.c.edition_date.desc(), edition_papers.c.position)
        .limit(limit)
        .offset(offset)
    )
    return [_hit(row) for row in await connection.execute(query)]


def _is_outdated() -> ColumnElement[bool]:
    """Return the condition that a newer translation of the same version exists, so that each paper is found once."""
    made, later = translations.c, translations.alias().c
    of_the_same = (later[name] == made[name] for name in ("paper_id", "version", "language"))
    at_once = and_(
        later.made_at == made.made_at, tuple_(later.model, later.prompt) > tuple_(made.model, made.prompt)
    )
    return exists().where(*of_the_same, or_(later.made_at > made.made_at, at_once))


def _hit(row: Row[Any]) -> SearchHit:
    version = VersionId(PaperId(row.paper_id), row.version)
    return SearchHit(version, row.title, row.translated, row.summary, row.authors, row.edition_date)
