"""Store the content of updates that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("updates") as updates:
        updates.add_column(sa.Column("content", sa.JSON))
