"""Many rows in few statements, alike on SQLite and PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

BATCH = 2000
"""Rows that one transaction changes at the most, where there may be many: it takes some hundredths of a second."""
_LOOKUP_SIZE = 400  # two variables a key stay under the 999 of older SQLite


def insert_into(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the connection's own dialect."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def add_missing(connection: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert `rows`; those that clash with one that is there are left out."""
    await insert_all(connection, insert_into(connection, table).on_conflict_do_nothing(), rows)


async def put(connection: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert `rows`, each in place of the one with its primary key."""
    insert = insert_into(connection, table)
    rest = [column for column in insert.excluded if not table.c[column.name].primary_key]
    statement = insert.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={column.name: column for column in rest}
    )
    await insert_all(connection, statement, rows)


async def insert_all(
    connection: AsyncConnection,
    statement: sqlite.Insert | postgresql.Insert,
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Run `statement` for each of `rows`, of which there may be none.

    Rows that other processes may write too have to come in the order of their papers: then PostgreSQL lets
    one process wait for another, never two for each other.
    """
    if given := [dict(row) for row in rows]:
        await connection.execute(statement, given)


async def rows_among(
    connection: AsyncConnection, query: Select[Any], key: ColumnElement[Any], values: Iterable[Any]
) -> list[Row[Any]]:
    """The rows of `query` whose `key` is among `values`, in no order."""
    rows: list[Row[Any]] = []
    for some in parts(values):
        rows += (await connection.execute(query.where(key.in_(some)))).all()
    return rows


async def delete_some(
    connection: AsyncConnection, table: Table, condition: ColumnElement[bool], limit: int
) -> int:
    """Delete at most `limit` rows of `table` that meet `condition`; gives how many."""
    keys = list(table.primary_key)
    some = select(*keys).where(condition).limit(limit)  # in no order: that would be one of all of them
    result = await connection.execute(delete(table).where(tuple_(*keys).in_(some)))
    return result.rowcount


def parts(values: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """`values`, each once and in order, in as many parts as a statement can name."""
    named = sorted(set(values))
    return (named[start : start + _LOOKUP_SIZE] for start in range(0, len(named), _LOOKUP_SIZE))
