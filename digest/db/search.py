"""The search in past editions by words of titles, abstracts, authors, translations and readings.

A word is any part of a text. Common words are found in the newest papers, which are looked through first; what is found
there too rarely is found by an index: of three characters each on SQLite (FTS5), and on PostgreSQL of three characters
(pg_trgm) and of the pairs that begin with a Chinese, Japanese or Korean character (tsvector), because pg_trgm finds no
words of two, and in the locale C none of other scripts than Latin. The migration `search_texts` makes the indexes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, cast, column, func, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.models import PaperId, VersionId
from digest.db import generated_texts, papers
from digest.db.search_texts import folded
from digest.db.tables import edition_papers, search_texts

_MOST_WORDS = 8
_WINDOW = 500  # papers: reading them takes some milliseconds
_AT_ONCE = 100  # of them
_WINDOW_PER_HIT = 20  # papers looked through for each that is wanted, so that a later page is also found
_GRAM = 3  # characters, of both databases' indexes
_FIRST_CJK = "\u2e80"  # as in the function `search_pairs`
_MOST_LOOKED_UP = 5_000  # occurrences of a short word that are looked up in some milliseconds


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
    """Find the papers that contain all of `words`, in any language; newest editions first, titles in `language`.

    Case and width make no difference. Words after the eighth are ignored. Without words these are the newest papers.
    """
    sought = folded(words).split()[:_MOST_WORDS]
    rows = await _among_newest(connection, sought, limit, offset)
    if len(rows) < limit and sought:
        rows = await _among_all(connection, sought, limit, offset)
    return await _hits(connection, rows, language)


async def _among_newest(
    connection: AsyncConnection, sought: Sequence[str], limit: int, offset: int
) -> Sequence[Row[Any]]:
    columns = edition_papers.c
    count = max(_WINDOW, _WINDOW_PER_HIT * (limit + offset))
    query = select(edition_papers).order_by(columns.edition_date.desc(), columns.position).limit(count)
    newest = (await connection.execute(query)).all()
    found: list[Row[Any]] = []
    for start in range(0, len(newest), _AT_ONCE):
        some = newest[start : start + _AT_ONCE]
        named = search_texts.c.paper_id.in_([row.paper_id for row in some])
        matching = await connection.scalars(select(search_texts.c.paper_id).where(named, *_contains(sought)))
        papers_found = set(matching)
        found += [row for row in some if row.paper_id in papers_found]
        if len(found) >= limit + offset:
            break
    return found[offset : offset + limit]


async def _among_all(
    connection: AsyncConnection, sought: Sequence[str], limit: int, offset: int
) -> Sequence[Row[Any]]:
    if connection.dialect.name == "sqlite":
        indexed = await _by_grams(connection, sought)
    else:
        # The planner takes reading and comparing a long text for as cheap as a number. This also holds for the queries
        # after it in the transaction, which load the papers found by their keys.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        indexed = _by_pairs(sought)
    # Found first, sorted afterwards: a planner that walks the editions instead compares every text.
    found = select(search_texts.c.paper_id).where(*indexed, *_contains(sought))
    matching = found.cte("matching").prefix_with("MATERIALIZED")
    columns = edition_papers.c
    query = select(edition_papers).join(matching, matching.c.paper_id == columns.paper_id)
    query = query.order_by(columns.edition_date.desc(), columns.position).limit(limit).offset(offset)
    return (await connection.execute(query)).all()


def _contains(sought: Sequence[str]) -> list[ColumnElement[bool]]:
    return [search_texts.c.text.contains(word, autoescape=True) for word in sought]


async def _by_grams(connection: AsyncConnection, sought: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return conditions that SQLite's index meets quickly, and every paper that contains the words."""
    grams = [gram.replace('"', '""') for word in sought for gram in _grams(word, _GRAM)]
    if grams:
        query = " AND ".join(f'"{gram}"' for gram in grams)
        matching = select(_GRAMS.c.rowid).where(column("search_grams").bool_op("MATCH")(query))
        return [search_texts.c.id.in_(matching)]
    # All words are shorter, so what is looked up are the entries that begin with the rarest.
    counts = {word: await _occurrences(connection, word) for word in sought}
    rarest = min(counts, key=counts.__getitem__)
    beginning = select(_ENTRIES.c.doc).where(_begins_with(rarest))
    return [search_texts.c.id.in_(beginning)] if counts[rarest] < _MOST_LOOKED_UP else []


_GRAMS = table("search_grams", column("rowid"))
_ENTRIES = table("search_entries", column("doc"), column("term"))


def _begins_with(word: str) -> ColumnElement[bool]:
    return and_(_ENTRIES.c.term >= word, _ENTRIES.c.term < f"{word}\U0010ffff")


async def _occurrences(connection: AsyncConnection, word: str) -> int:
    """Return how often `word` occurs, `_MOST_LOOKED_UP` at most."""
    some = select(_ENTRIES.c.doc).where(_begins_with(word)).limit(_MOST_LOOKED_UP)
    return int(await connection.scalar(select(func.count()).select_from(some.subquery())) or 0)


def _by_pairs(sought: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the condition on the pairs in the words that PostgreSQL's index contains, if there are any."""
    pairs = {pair for word in sought for pair in _grams(word, 2) if pair >= _FIRST_CJK}
    beginnings = {word for word in sought if len(word) == 1 and word >= _FIRST_CJK}
    lexemes = [*map(_quoted, sorted(pairs)), *(f"{_quoted(each)}:*" for each in sorted(beginnings))]
    indexed = func.search_pairs(search_texts.c.text)
    return [indexed.bool_op("@@")(cast(" & ".join(lexemes), TSQUERY))] if lexemes else []


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _grams(word: str, length: int) -> list[str]:
    """Return each part of `word` that has this length."""
    return [word[start : start + length] for start in range(len(word) - length + 1)]


async def _hits(connection: AsyncConnection, rows: Sequence[Row[Any]], language: str) -> list[SearchHit]:
    found = [VersionId(PaperId(row.paper_id), row.version) for row in rows]
    records = await papers.load(connection, found)
    translated = await generated_texts.load_translations(connection, found, language, None)
    return [
        SearchHit(
            version,
            records[version].title,
            translated[version].title if version in translated else None,
            translated[version].summary if version in translated else None,
            records[version].authors,
            row.edition_date,
        )
        for version, row in zip(found, rows, strict=True)
    ]
