"""Store the last failure of an address: after a gap a new series of failures begins."""

import sqlalchemy as sa
from alembic import op

from digest.db.types import UtcDateTime

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("failed_at", UtcDateTime))
