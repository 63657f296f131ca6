"""Store what an auditor says of translations, and the operator's labels."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "audited_pairs",
        sa.Column("id", sa.Integer, autoincrement=True),
        sa.Column("call_id", sa.Integer, nullable=False),
        sa.Column("judge", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("original", sa.Text, nullable=False),
        sa.Column("made", sa.Text, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("found", sa.Boolean, nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("audited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted", sa.Boolean),
        sa.Column("labelled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_audited_pairs"),
        sa.ForeignKeyConstraint(["call_id"], ["attempts.call_id"], name="fk_audited_pairs_attempts"),
        sa.UniqueConstraint("call_id", "position", name="uq_audited_pairs_call_id_position"),
        sqlite_autoincrement=True,
    )
