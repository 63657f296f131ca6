"""Store the findings of the checks of translations, and an edition's renderings of terms."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_calls_paper_id", "calls", ["paper_id"])
    op.create_table(
        "attempts",
        sa.Column("call_id", sa.Integer, sa.ForeignKey("calls.id"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("abstract", sa.Text),
        sa.Column("summary", sa.Text),
        sa.Column("findings", sa.JSON, nullable=False),
    )
    op.create_table(
        "terms",
        sa.Column("paper_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("term", sa.Text, primary_key=True),
        sa.Column("translation", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["paper_id", "version"], ["versions.paper_id", "versions.version"]),
    )
