"""Translations of terms within an edition: the first paper to translate a term decides for the others."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import PaperId, VersionId
from digest.db.bulk import add_missing
from digest.db.tables import edition_papers, terms


async def save(
    connection: AsyncConnection, version: VersionId, language: str, decided: Mapping[str, str], at: datetime
) -> None:
    """Store the translations of terms that the translation of `version` into `language` chose."""
    key = {"paper_id": str(version.paper), "version": version.number, "language": language, "decided_at": at}
    rows = [key | {"term": term, "translation": decided[term]} for term in sorted(decided)]
    await add_missing(connection, terms, rows)


async def of_edition(connection: AsyncConnection, paper: PaperId, language: str) -> dict[str, str]:
    """Load the translations of terms chosen by the other papers in the edition of `paper`; the earliest one counts."""
    day = select(edition_papers.c.edition_date).where(edition_papers.c.paper_id == str(paper))
    query = (
        select(terms.c.term, terms.c.translation)
        .join(edition_papers, edition_papers.c.paper_id == terms.c.paper_id)
        .where(
            edition_papers.c.edition_date == day.scalar_subquery(),
            terms.c.language == language,
            terms.c.paper_id != str(paper),
        )
        .order_by(terms.c.decided_at.desc(), terms.c.paper_id.desc())
    )
    return {row.term: row.translation for row in await connection.execute(query)}
