"""Store the last listing that did not show a paper before it was listed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    with op.batch_alter_table("listings") as listings:
        listings.add_column(sa.Column("absent_at", sa.DateTime(timezone=True)))
