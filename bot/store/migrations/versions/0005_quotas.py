"""What who was forgotten has had of the day's quotas."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "spent",
        sa.Column("alias", sa.Text, primary_key=True),
        sa.Column("day", MOMENT, primary_key=True),
        sa.Column("requests", sa.Integer, nullable=False),
    )
