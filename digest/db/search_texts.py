"""The text in which each paper of an edition is searched, written in the transaction that changes one of its parts.

It consists of the paper's title, abstract and authors, and in every language of the translation and the reading that
are shown. The database keeps an index of it: see `digest.db.search`.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Table, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import Claim, PaperId
from digest.db.bulk import insert_all, insert_into, rows_among
from digest.db.origins import rank
from digest.db.tables import edition_papers, papers, readings, search_texts, translations, versions
from digest.db.types import storable

Key = tuple[str, int]
_END = "\n\n"  # the indexes have entries of three characters; with it the last two begin some, too


async def update(connection: AsyncConnection, changed: Iterable[PaperId]) -> None:
    """Write the texts of those of the `changed` papers that are in an edition."""
    wanted = {str(paper) for paper in changed}
    # Whoever writes another part of the same text meanwhile waits, and then reads this one.
    lock = select(papers.c.id).order_by(papers.c.id).with_for_update(key_share=True)
    await rows_among(connection, lock, papers.c.id, wanted)
    found = await _searched_lines(connection, wanted)
    new = [
        {"paper_id": paper, "text": "\n".join(folded(line) for line in lines if line) + _END}
        for (paper, _), lines in sorted(found.items())
    ]
    insert = insert_into(connection, search_texts)
    statement = insert.on_conflict_do_update(
        index_elements=[search_texts.c.paper_id],
        set_={"text": insert.excluded.text},
        where=search_texts.c.text != insert.excluded.text,
    )
    await insert_all(connection, statement, new)


def folded(text: str) -> str:
    """Return `text` as it is compared: without differences of case, width and composition."""
    return unicodedata.normalize("NFKC", storable(text)).casefold()


async def _searched_lines(connection: AsyncConnection, wanted: Iterable[str]) -> dict[Key, list[str | None]]:
    of_edition = and_(
        edition_papers.c.paper_id == versions.c.paper_id, edition_papers.c.version == versions.c.version
    )
    query = select(versions).join(edition_papers, of_edition)
    rows = await rows_among(connection, query, edition_papers.c.paper_id, wanted)
    found: dict[Key, list[str | None]] = {_key(row): [row.title, row.abstract, *row.authors] for row in rows}
    shown = [paper for paper, _ in found]
    for row in await _shown(connection, translations, shown):
        found.get(_key(row), []).extend((row.title, row.abstract, row.summary))
    for row in await _shown(connection, readings, shown):
        found.get(_key(row), []).extend(_lines((*row.background, *row.method, *row.results)))
    return found


async def _shown(connection: AsyncConnection, table: Table, wanted: Sequence[str]) -> list[Row[Any]]:
    """Return for each version and language the operator's row, else the newest: a search knows no wanted origin."""
    rows = await rows_among(connection, select(table), table.c.paper_id, wanted)
    rows.sort(key=rank)
    return list({(*_key(row), row.language): row for row in rows}.values())


def _key(row: Row[Any]) -> Key:
    return row.paper_id, row.version


def _lines(claims: Iterable[Claim]) -> Iterator[str]:
    for claim in claims:
        yield claim.text
        yield from _lines(claim.claims)
