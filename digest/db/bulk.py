"""Bulk statements that work on both SQLite and PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

BATCH = 2000
"""The maximum number of rows to change in one transaction; this takes some hundredths of a second."""
_LOOKUP_SIZE = 400  # with two variables per key, this stays below the limit of 999 of older SQLite versions


def insert_into(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that supports ON CONFLICT, in the dialect of the connection."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def add_missing(connection: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert `rows`, except those that conflict with an existing one."""
    await insert_all(connection, insert_into(connection, table).on_conflict_do_nothing(), rows)


async def put(connection: AsyncConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert `rows`; each replaces an existing one with the same primary key."""
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
    """Run `statement` for each of `rows`, which may be empty.

    Rows that other processes may also write must be in the order of their papers, which prevents deadlocks on
    PostgreSQL.
    """
    if given := [dict(row) for row in rows]:
        await connection.execute(statement, given)


async def rows_among(
    connection: AsyncConnection, query: Select[Any], key: ColumnElement[Any], values: Iterable[Any]
) -> list[Row[Any]]:
    """Return the rows of `query` whose `key` is among `values`, in no particular order."""
    rows: list[Row[Any]] = []
    for some in parts(values):
        rows += (await connection.execute(query.where(key.in_(some)))).all()
    return rows


async def delete_some(
    connection: AsyncConnection, table: Table, condition: ColumnElement[bool], limit: int
) -> int:
    """Delete at most `limit` rows of `table` that meet `condition`; return their number."""
    keys = list(table.primary_key)
    some = select(*keys).where(condition).limit(limit)  # without ORDER BY, which would sort all rows
    result = await connection.execute(delete(table).where(tuple_(*keys).in_(some)))
    return result.rowcount


def parts(values: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Split `values`, sorted and without duplicates, into parts that fit one statement."""
    named = sorted(set(values))
    return (named[start : start + _LOOKUP_SIZE] for start in range(0, len(named), _LOOKUP_SIZE))
