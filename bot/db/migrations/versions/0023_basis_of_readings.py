"""Store which part of its paper a reading is based on."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    with op.batch_alter_table("readings") as readings:
        readings.add_column(sa.Column("basis", sa.Text, nullable=False, server_default="whole"))
