"""Import of older posts' editions into the database."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.models import ClosedEdition, Edition, Reading, Translation
from digest.db import editions, generated_texts, papers
from digest.db import engine as database


async def take_over(engine: AsyncEngine, edition: Edition, at: datetime) -> bool:
    """Store a parsed `edition` with all its content, all or nothing; return False if its day is stored already.

    `at` is aware. Raises StoreError, also if one of its papers is in another edition.
    """
    closed = ClosedEdition(
        date=edition.date,
        window=edition.window,
        language=edition.language,
        categories=edition.categories,
        fetched=edition.fetched,
        versions=tuple(entry.paper.version for entry in edition.entries),
        closed_at=at,
        late=edition.late,
        replacements=tuple(paper.version for paper in edition.replacements),
        archived_at=at,
        completed_at=at,
    )
    async with database.writing(engine) as connection:
        await papers.save(
            connection, [entry.paper for entry in edition.entries] + list(edition.replacements), at
        )
        if not await editions.close(connection, closed):
            return False
        for entry in edition.entries:
            if isinstance(entry.translation, Translation):
                await generated_texts.save_translation(connection, entry.translation, at)
            if isinstance(entry.reading, Reading):
                await generated_texts.save_reading(connection, entry.reading, at)
    return True
