"""Whether a full text is known to lack something of the paper, and which libraries took it out of its source."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    with op.batch_alter_table("fulltexts") as fulltexts:
        fulltexts.add_column(sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.true()))
        fulltexts.add_column(sa.Column("extractors", sa.Text))
