"""Papers of past editions by the words in their titles, abstracts and authors."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import String, and_, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.models import PaperId, VersionId
from digest.store.tables import edition_papers, translations, versions

_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper that was found; `translated` is its title in the language that was searched, where there is one."""

    version: VersionId
    title: str
    translated: str | None
    summary: str | None
    authors: tuple[str, ...]
    edition: date


async def find(
    connection: AsyncConnection, words: str, language: str, limit: int, offset: int = 0
) -> list[Hit]:
    """The papers that have each of `words` somewhere, in the original or in `language`; newest editions first.

    Case makes no difference. More than eight words are not looked for.
    """
    sought = words.split()[:_MOST_WORDS]
    translated = and_(
        translations.c.paper_id == edition_papers.c.paper_id,
        translations.c.version == edition_papers.c.version,
        translations.c.language == language,
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
            translations.c.made_at,
        )
        .select_from(edition_papers.join(versions, of_version).outerjoin(translations, translated))
        .where(*(or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in sought))
        .order_by(
            edition_papers.c.edition_date.desc(), edition_papers.c.position, translations.c.made_at.desc()
        )
        .limit(limit * 4)  # a paper that several models translated comes once for each
        .offset(offset)
    )
    found: dict[VersionId, Hit] = {}
    for row in await connection.execute(query):
        version = VersionId(PaperId(row.paper_id), row.version)
        hit = Hit(version, row.title, row.translated, row.summary, row.authors, row.edition_date)
        found.setdefault(version, hit)
    return list(found.values())[:limit]
