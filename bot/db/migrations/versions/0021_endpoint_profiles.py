"""Store the learned profiles of model endpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "endpoint_profiles",
        sa.Column("base_url", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("profile", sa.JSON, nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
    )
