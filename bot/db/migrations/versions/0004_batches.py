"""Store the batch of each paper, empty batches, and when arXiv may be asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("listings") as listings:
        listings.add_column(sa.Column("batch", MOMENT))
        listings.create_index("ix_listings_batch", ["batch"])
    with op.batch_alter_table("announcements") as announcements:
        announcements.add_column(sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "empty_batches",
        sa.Column("batch", MOMENT, primary_key=True),
        sa.Column("seen_at", MOMENT, nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column("far_end", sa.Text, primary_key=True),
        sa.Column("free_at", sa.Double, nullable=False),
    )
