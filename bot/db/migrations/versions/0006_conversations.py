"""Store editions on their way, quota usage of deleted people, and until when a setting is awaited."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "spent",
        sa.Column("alias", sa.Text, primary_key=True),
        sa.Column("day", MOMENT, primary_key=True),
        sa.Column("requests", sa.Integer, nullable=False),
    )
    op.create_table(
        "showings",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text, nullable=False, index=True),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("awaited_until", MOMENT))
