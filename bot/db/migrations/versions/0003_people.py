"""Create the tables of subscribers, campaigns, deliveries and paper requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _subscribers()
    _ledger()
    _asks()


def _subscribers() -> None:
    op.create_table(
        "subscribers",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("include", sa.JSON, nullable=False),
        sa.Column("exclude", sa.JSON, nullable=False),
        sa.Column("rich", sa.Boolean, nullable=False),
        sa.Column("hour", sa.Text),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("quiet_line", sa.Boolean, nullable=False),
        sa.Column("paused_until", sa.Date),
        sa.Column("awaiting", sa.Text),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.UniqueConstraint("channel", "address"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_channel_standing", "subscribers", ["channel", "standing"])


def _ledger() -> None:
    op.create_table(
        "dispatches",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("edition_date", sa.Date, unique=True),
        sa.Column("text", sa.Text),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "renderings",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dispatch_id", sa.Integer, sa.ForeignKey("dispatches.id"), nullable=False),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.UniqueConstraint("dispatch_id", "choices"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("dispatch_id", sa.Integer, sa.ForeignKey("dispatches.id"), nullable=False),
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscribers.id"), nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("rendering_id", sa.Integer, sa.ForeignKey("renderings.id")),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.UniqueConstraint("dispatch_id", "subscriber_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_state_next_at", "deliveries", ["state", "next_at"])


def _asks() -> None:
    op.create_table(
        "asks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text, nullable=False, index=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("paper", sa.Text, nullable=False),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("question", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("rich", sa.Boolean, nullable=False),
        sa.Column("reply_to", sa.Integer),
        sa.Column("status_message", sa.Integer),
        sa.Column("asked_at", MOMENT, nullable=False, index=True),
        sa.Column("answered_at", MOMENT, index=True),
        sa.Column("outcome", sa.Text),
        sa.Column("made", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "updates",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("taken_at", MOMENT, nullable=False, index=True),
    )
