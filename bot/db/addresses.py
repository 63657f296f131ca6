"""Addresses as stored in the tables: a chat, followed by `:topic` for a topic of a forum."""

from sqlalchemy import Column, ColumnElement


def within(column: Column[str], address: str) -> ColumnElement[bool]:
    """Match rows whose `column` holds `address` or one of its topics."""
    return (column == address) | column.startswith(f"{address}:", autoescape=True)
