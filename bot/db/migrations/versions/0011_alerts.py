"""Store alerts, so that a restart neither repeats nor forgets them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "alerts",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("raised_at", moment, nullable=False),
        sa.Column("told_at", moment),
        sa.Column("over_at", moment),
        sa.Column("closed_at", moment),
        sa.Column("quiet_until", moment),
        sa.Column("next_at", moment, index=True),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    )
