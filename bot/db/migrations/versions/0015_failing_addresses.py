"""Store since when an address fails, and the likeness of bounce reports."""

import sqlalchemy as sa
from alembic import op

from digest.db.types import UtcDateTime

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("failing_since", UtcDateTime))
    with op.batch_alter_table("bounces") as bounces:
        bounces.add_column(sa.Column("likeness", sa.Text, nullable=False, server_default=""))
