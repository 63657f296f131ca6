"""Store the verdicts of judges."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "verdicts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("paper_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_verdicts_judged_at", "verdicts", ["judged_at"])
