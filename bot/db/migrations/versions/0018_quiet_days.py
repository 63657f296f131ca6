"""Give the notice of a quiet day its own date, so that papers that turn up later are an edition beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    with op.batch_alter_table("dispatches") as dispatches:
        dispatches.add_column(sa.Column("quiet_date", sa.Date))
        dispatches.create_index("ix_dispatches_quiet_date", ["quiet_date"], unique=True)
    op.execute("UPDATE dispatches SET quiet_date = edition_date, edition_date = NULL WHERE subject = 'quiet'")
