"""Store the rate that Telegram was found to accept."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "learned_rates",
        sa.Column("bot", sa.Text, primary_key=True),
        sa.Column("per_second", sa.Double, nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
    )
