"""Search for papers of past editions by words in their titles, abstracts and authors."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, String, and_, cast, exists, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import PaperId, VersionId
from digest.db.tables import edition_papers, translations, versions

_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper found; `translated` is its title in the searched language, None if it has no translation."""

    version: VersionId
    title: str
    translated: str | None
    summary: str | None
    authors: tuple[str, ...]
    edition: date


async def find(
    connection: AsyncConnection, words: str, language: str, limit: int, offset: int = 0
) -> list[Hit]:
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


def _hit(row: Row[Any]) -> Hit:
    version = VersionId(PaperId(row.paper_id), row.version)
    return Hit(version, row.title, row.translated, row.summary, row.authors, row.edition_date)
