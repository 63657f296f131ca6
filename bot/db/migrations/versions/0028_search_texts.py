"""Store the text in which each paper of an edition is searched, and index it."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0028"
down_revision = "0027"

_BATCH = 400  # papers


def upgrade() -> None:
    op.create_table(
        "search_texts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("paper_id", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name="fk_search_texts_papers"),
        sa.UniqueConstraint("paper_id", name="uq_search_texts_paper_id"),
    )
    _fill(op.get_bind())
    if op.get_bind().dialect.name == "sqlite":
        _index_by_grams()
    else:
        _index_by_pairs()
        _index_by_trigrams(op.get_bind())


def _index_by_grams() -> None:
    # detail=none: the positions of the grams would make the index twice as large, and texts are compared anyway.
    op.execute(
        "CREATE VIRTUAL TABLE search_grams USING fts5(text, content='search_texts', content_rowid='id', "
        "tokenize='trigram case_sensitive 1', detail=none)"
    )
    op.execute("CREATE VIRTUAL TABLE search_entries USING fts5vocab(search_grams, instance)")
    op.execute("INSERT INTO search_grams (search_grams) VALUES ('rebuild')")
    add = "INSERT INTO search_grams (rowid, text) VALUES (new.id, new.text);"
    remove = "INSERT INTO search_grams (search_grams, rowid, text) VALUES ('delete', old.id, old.text);"
    for event, statements in (("INSERT", add), ("DELETE", remove), ("UPDATE", f"{remove} {add}")):
        op.execute(
            f"CREATE TRIGGER search_texts_{event.lower()} AFTER {event} ON search_texts BEGIN {statements} END"
        )


def _index_by_pairs() -> None:
    # Texts of some thousand characters are compressed unless told otherwise, and comparing them then takes longer.
    op.execute("ALTER TABLE search_texts ALTER COLUMN text SET STORAGE EXTERNAL")
    op.execute(
        "CREATE FUNCTION search_pairs(words text) RETURNS tsvector "
        "LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$ "
        "SELECT array_to_tsvector(coalesce(array_agg(DISTINCT pair), '{}')) FROM ("
        "SELECT character || lead(character, 1, '') OVER (ORDER BY place) AS pair "
        "FROM unnest(string_to_array(words, NULL)) WITH ORDINALITY AS characters (character, place)"
        """) AS pairs WHERE pair COLLATE "C" >= U&'\\2E80' $$"""
    )
    op.execute("CREATE INDEX ix_search_texts_pairs ON search_texts USING gin (search_pairs(text))")


def _index_by_trigrams(connection: sa.Connection) -> None:
    # Some servers do not have pg_trgm or do not let this user add it: then all texts are compared, and doctor says so.
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            connection.exec_driver_sql(
                "CREATE INDEX ix_search_texts_text ON search_texts USING gin (text gin_trgm_ops)"
            )
    except DBAPIError:
        pass


def _fill(connection: sa.Connection) -> None:
    pairs = connection.execute(
        sa.text("SELECT paper_id, version FROM edition_papers ORDER BY paper_id")
    ).all()
    for start in range(0, len(pairs), _BATCH):
        shown = {(row.paper_id, row.version) for row in pairs[start : start + _BATCH]}
        new = [{"paper_id": paper, "text": words} for paper, words in _texts(connection, shown)]
        connection.execute(_SEARCH_TEXTS.insert(), new)


def _texts(connection: sa.Connection, shown: set[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    lines: dict[tuple[str, int], list[str | None]] = defaultdict(list)
    for row in _rows(connection, _VERSIONS, shown):
        lines[row.paper_id, row.version] += [row.title, row.abstract, *(row.authors or ())]
    for row in _newest(connection, _TRANSLATIONS, shown):
        lines[row.paper_id, row.version] += [row.title, row.abstract, row.summary]
    for row in _newest(connection, _READINGS, shown):
        parts = (row.background, row.method, row.results)
        lines[row.paper_id, row.version] += [words for part in parts for words in _words(part)]
    for (paper, _), found in lines.items():
        yield (
            paper,
            "\n".join(unicodedata.normalize("NFKC", each).casefold() for each in found if each) + "\n\n",
        )


def _newest(connection: sa.Connection, table: sa.TableClause, shown: set[tuple[str, int]]) -> list[Any]:
    rows = _rows(connection, table, shown)
    rows.sort(
        key=lambda row: (
            (row.model, row.prompt) == ("operator", "by-hand"),
            row.made_at,
            row.model,
            row.prompt,
        )
    )
    return list({(row.paper_id, row.version, row.language): row for row in rows}.values())


def _rows(connection: sa.Connection, table: sa.TableClause, shown: set[tuple[str, int]]) -> list[Any]:
    query = sa.select(table).where(table.c.paper_id.in_([paper for paper, _ in shown]))
    return [row for row in connection.execute(query) if (row.paper_id, row.version) in shown]


def _words(claims: Any) -> Iterator[str]:
    for claim in claims or ():
        yield claim["text"]
        yield from _words(claim.get("claims"))


def _table(name: str, *names: str, of_json: tuple[str, ...] = ()) -> sa.TableClause:
    columns = (
        *map(sa.column, ("paper_id", "version", *names)),
        *(sa.column(each, sa.JSON) for each in of_json),
    )
    return sa.table(name, *columns)


_ORIGIN = ("language", "model", "prompt", "made_at")
_SEARCH_TEXTS = sa.table("search_texts", sa.column("paper_id"), sa.column("text"))
_VERSIONS = _table("versions", "title", "abstract", of_json=("authors",))
_TRANSLATIONS = _table("translations", *_ORIGIN, "title", "abstract", "summary")
_READINGS = _table("readings", *_ORIGIN, of_json=("background", "method", "results"))
