"""Store the result for each listed paper, the announcements of the feeds, and the completion of editions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _listings()
    op.create_table(
        "announcements",
        sa.Column("paper_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("announce_type", sa.Text, primary_key=True),
        sa.Column("batch", MOMENT, nullable=False, index=True),
        sa.Column("seen_at", MOMENT, nullable=False),
    )
    _editions()


def _listings() -> None:
    with op.batch_alter_table("listings") as listings:
        listings.add_column(sa.Column("left_out", sa.Text))
        listings.add_column(sa.Column("detail", sa.Text))
        listings.add_column(sa.Column("edition_date", sa.Date))
        listings.create_foreign_key("fk_listings_editions", "editions", ["edition_date"], ["date"])
        listings.create_index("ix_listings_edition_date", ["edition_date"])
    # Listed papers in no edition so far were announced before the first one.
    op.execute(
        "UPDATE listings SET left_out = 'earlier' WHERE paper_id NOT IN (SELECT paper_id FROM edition_papers)"
    )


def _editions() -> None:
    with op.batch_alter_table("editions") as editions:
        editions.add_column(sa.Column("late", sa.Integer, nullable=False, server_default="0"))
        editions.add_column(sa.Column("completed_at", MOMENT))
    # Editions imported from old posts were archived as they closed; nothing of them is due.
    op.execute("UPDATE editions SET completed_at = archived_at WHERE archived_at = closed_at")
    op.create_table(
        "edition_replacements",
        sa.Column("edition_date", sa.Date, sa.ForeignKey("editions.date"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("paper_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["paper_id", "version"], ["versions.paper_id", "versions.version"]),
    )
