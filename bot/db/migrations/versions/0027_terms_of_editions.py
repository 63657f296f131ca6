"""Store the terms of editions, which are decided before the papers are translated."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "edition_terms",
        sa.Column("edition_date", sa.Date, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("term", sa.Text, nullable=False),
        sa.Column("translation", sa.Text),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("edition_date", "language", "term", name="pk_edition_terms"),
        sa.ForeignKeyConstraint(["edition_date"], ["editions.date"], name="fk_edition_terms_editions"),
    )
