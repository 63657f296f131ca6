"""Store whether a full text is incomplete, and the libraries that extracted it."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    with op.batch_alter_table("fulltexts") as fulltexts:
        fulltexts.add_column(sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.true()))
        fulltexts.add_column(sa.Column("extractors", sa.Text))
