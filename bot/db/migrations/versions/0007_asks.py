"""Store how many messages of a request's answer were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("asks") as asks:
        asks.add_column(sa.Column("part", sa.Integer, nullable=False, server_default="0"))
