"""What who was forgotten has had of the day's quotas, and how long the value of a setting is waited for."""

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
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("awaited_until", MOMENT))
