"""Addresses as the tables hold them: a chat, with `:topic` behind it where it is one of a forum."""

from sqlalchemy import Column, ColumnElement


def within(column: Column[str], address: str) -> ColumnElement[bool]:
    """Whether `column` holds `address`, or one of its topics."""
    return (column == address) | column.startswith(f"{address}:", autoescape=True)
