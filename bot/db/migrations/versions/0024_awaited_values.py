"""Store awaited values of settings as JSON, and how often the messages of a campaign were composed again.

Both were parts of strings: "include:77 hour:80" in `awaiting`, and a time behind the key of renderings that were
replaced. Those keys can stay, because nothing looks for them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("dispatches", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    op.add_column("subscribers", sa.Column("awaited", sa.JSON))
    _awaited()
    # SQLite's own statement: a copy of the table would break the references to it.
    op.drop_column("subscribers", "awaiting")


def _awaited() -> None:
    connection = op.get_bind()
    old = sa.table("subscribers", sa.column("id"), sa.column("awaiting"), sa.column("awaited", sa.JSON))
    rows = connection.execute(sa.select(old.c.id, old.c.awaiting).where(old.c.awaiting.is_not(None))).all()
    for row in rows:
        pairs = (each.partition(":") for each in row.awaiting.split())
        values = {name: int(number) if number.isdecimal() else 0 for name, _, number in pairs}
        connection.execute(sa.update(old).where(old.c.id == row.id).values(awaited=values))
