"""Store the progress and languages of fan-outs, and add indexes for reading and pruning deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("joined", sa.Integer, nullable=False, server_default="0"))
        subscribers.create_index("ix_subscribers_joined", ["joined"])
        subscribers.create_index("ix_subscribers_standing_zone_hour", ["standing", "zone", "hour"])
    with op.batch_alter_table("dispatches") as dispatches:
        dispatches.add_column(sa.Column("languages", sa.JSON))
        dispatches.add_column(sa.Column("joined_until", sa.Integer))
        dispatches.add_column(sa.Column("reached", sa.Integer, nullable=False, server_default="0"))
        dispatches.add_column(sa.Column("given_at", MOMENT))
    op.execute("UPDATE dispatches SET given_at = made_at WHERE subject <> 'draft'")
    _channels()


def _channels() -> None:
    op.add_column("deliveries", sa.Column("channel", sa.Text))
    op.execute(
        "UPDATE deliveries SET channel = "
        "(SELECT channel FROM subscribers WHERE subscribers.id = deliveries.subscriber_id)"
    )
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.alter_column("channel", existing_type=sa.Text, nullable=False)
        deliveries.drop_index("ix_deliveries_state_next_at")
        deliveries.create_index("ix_deliveries_channel_state_next_at", ["channel", "state", "next_at"])
        deliveries.create_index("ix_deliveries_rendering_id", ["rendering_id"])
