"""Store the publication of each post, and the languages in which each edition is ready."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "edition_languages",
        sa.Column("edition_date", sa.Date, sa.ForeignKey("editions.date"), primary_key=True),
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("made_at", moment, nullable=False),
    )
    op.create_table(
        "publications",
        sa.Column("edition_date", sa.Date, sa.ForeignKey("editions.date"), primary_key=True),
        sa.Column("written_at", moment),
        sa.Column("write_at", moment),
        sa.Column("write_tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pushed_at", moment),
        sa.Column("push_at", moment),
        sa.Column("push_tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text),
    )
    # This finds editions that an error of the post kept from everybody, so that they are delivered.
    op.execute(
        "INSERT INTO edition_languages (edition_date, language, made_at) "
        "SELECT date, language, archived_at FROM editions WHERE archived_at IS NOT NULL"
    )
    op.execute(
        "INSERT INTO edition_languages (edition_date, language, made_at) "
        "SELECT date, '*', completed_at FROM editions WHERE completed_at IS NOT NULL"
    )
