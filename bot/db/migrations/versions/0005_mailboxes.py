"""Store confirmations of mailboxes, bounces, and messages that are resent because they may have arrived."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("strikes", sa.Integer, nullable=False, server_default="0"))
        subscribers.add_column(sa.Column("consented_at", MOMENT))
        subscribers.add_column(sa.Column("consent", sa.Text))
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("repeated", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "signups",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text, nullable=False, index=True),
        sa.Column("network", sa.Text, nullable=False, index=True),
        sa.Column("letter", sa.Text, nullable=False),
        sa.Column("wishes", sa.JSON, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False, index=True),
        sa.Column("next_at", MOMENT, index=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bounces",
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("subscriber_id", sa.Integer, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("seen_at", MOMENT, nullable=False, index=True),
    )
