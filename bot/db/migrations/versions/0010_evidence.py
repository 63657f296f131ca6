"""Store the findings of the checks of readings, and prompt injections in papers."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("readings") as readings:
        readings.add_column(sa.Column("findings", sa.JSON))
    with op.batch_alter_table("fulltexts") as fulltexts:
        fulltexts.add_column(sa.Column("orders", sa.Text))
        fulltexts.create_index("ix_fulltexts_tried_at", ["tried_at"])
