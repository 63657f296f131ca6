"""Store answers that wait for Telegram and the starts of updates; keep one subscription for each private chat."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

ACTIVE = "active"


def upgrade() -> None:
    with op.batch_alter_table("showings") as showings:
        showings.add_column(sa.Column("reply_to", sa.Integer))
        showings.add_column(sa.Column("prompt", sa.Boolean, nullable=False, server_default=sa.false()))
        showings.add_column(sa.Column("silent", sa.Boolean, nullable=False, server_default=sa.true()))
    with op.batch_alter_table("updates") as updates:
        updates.add_column(sa.Column("starts", sa.Integer, nullable=False, server_default="0"))
    _join_topics_of_private_chats(op.get_bind())


def _join_topics_of_private_chats(connection: sa.Connection) -> None:
    """One subscriber a private chat: of its topics, the one that is subscribed and was changed last stays.

    Deliveries that it lacks become its own, so that none is made twice.
    """
    columns = "id, address, standing, changed_at"
    found = connection.execute(sa.text(f"SELECT {columns} FROM subscribers WHERE channel = 'telegram'"))  # noqa: S608
    chats: dict[str, list[sa.Row[tuple[int, str, str, str]]]] = {}
    for row in found:
        chats.setdefault(row.address.partition(":")[0], []).append(row)
    for chat, rows in chats.items():
        if chat.startswith("-") or all(":" not in row.address for row in rows):
            continue
        kept = max(rows, key=lambda row: (row.standing == ACTIVE, row.changed_at))
        for row in rows:
            if row.id != kept.id:
                _join(connection, row.id, kept.id)
        moved = sa.text("UPDATE subscribers SET address = :chat WHERE id = :kept")
        connection.execute(moved, {"chat": chat, "kept": kept.id})


def _join(connection: sa.Connection, leaving: int, kept: int) -> None:
    for statement in (
        (
            "UPDATE deliveries SET subscriber_id = :kept WHERE subscriber_id = :leaving"
            " AND dispatch_id NOT IN (SELECT dispatch_id FROM deliveries WHERE subscriber_id = :kept)"
        ),
        (
            "DELETE FROM unknown_messages WHERE delivery_id IN"
            " (SELECT id FROM deliveries WHERE subscriber_id = :leaving)"
        ),
        "DELETE FROM deliveries WHERE subscriber_id = :leaving",
        "DELETE FROM subscribers WHERE id = :leaving",
    ):
        bound = {
            name: value for name, value in (("leaving", leaving), ("kept", kept)) if f":{name}" in statement
        }
        connection.execute(sa.text(statement), bound)
