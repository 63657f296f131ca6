"""Create the tables of papers, of what is made of them, and of editions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _papers()
    _what_was_made_of_them()
    _calls()
    _editions()


def _papers() -> None:
    op.create_table(
        "papers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("first_seen_at", MOMENT, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("paper_id", sa.Text, sa.ForeignKey("papers.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("authors", sa.JSON, nullable=False),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("primary_category", sa.Text),
        sa.Column("abstract", sa.Text),
        sa.Column("published", MOMENT),
        sa.Column("updated", MOMENT),
        sa.Column("comment", sa.Text),
    )
    op.create_table(
        "listings",
        sa.Column("paper_id", sa.Text, primary_key=True),
        sa.Column("listed_at", MOMENT, nullable=False),
    )
    op.create_table(
        "watches",
        sa.Column("category", sa.Text, primary_key=True),
        sa.Column("listed_at", MOMENT, nullable=False),
    )


def _what_was_made_of_them() -> None:
    op.create_table(
        "fulltexts",
        *_version_key(),
        sa.Column("source", sa.Text),
        sa.Column("text", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("tried_at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        _of_known_version(),
    )
    op.create_table(
        "translations",
        *_version_key(),
        *_origin_key(),
        sa.Column("title", sa.Text),
        sa.Column("abstract", sa.Text, nullable=False),
        sa.Column("summary", sa.Text),
        sa.Column("made_at", MOMENT, nullable=False),
        _of_known_version(),
    )
    op.create_table(
        "readings",
        *_version_key(),
        *_origin_key(),
        sa.Column("background", sa.JSON, nullable=False),
        sa.Column("method", sa.JSON, nullable=False),
        sa.Column("results", sa.JSON, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        _of_known_version(),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", MOMENT, nullable=False, index=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("paper_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("cached_tokens", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )


def _editions() -> None:
    op.create_table(
        "editions",
        sa.Column("date", sa.Date, primary_key=True),
        sa.Column("window_start", MOMENT, nullable=False),
        sa.Column("window_end", MOMENT, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("fetched", sa.Integer, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT),
    )
    op.create_table(
        "edition_papers",
        sa.Column("edition_date", sa.Date, sa.ForeignKey("editions.date"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("paper_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("paper_id"),
        _of_known_version(),
    )


def _version_key() -> tuple[sa.Column[str], sa.Column[int]]:
    return (
        sa.Column("paper_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
    )


def _origin_key() -> tuple[sa.Column[str], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("prompt", sa.Text, primary_key=True),
    )


def _of_known_version() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["paper_id", "version"], ["versions.paper_id", "versions.version"])
