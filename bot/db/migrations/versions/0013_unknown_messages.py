"""Store messages in flight and messages with unknown delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("in_flight", sa.Integer))
    op.create_table(
        "unknown_messages",
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("deliveries.id"), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
    )
    # Until now a delivery ended with the unknown message. If that is resent, the rest follows.
    op.execute(
        "INSERT INTO unknown_messages (delivery_id, part, state, reason, noted_at) "
        "SELECT id, part, CASE WHEN reason = 'left-alone' THEN 'left' ELSE 'open' END, reason, changed_at "
        "FROM deliveries WHERE state = 'unknown'"
    )
    op.execute("UPDATE deliveries SET part = part + 1 WHERE state = 'unknown'")
