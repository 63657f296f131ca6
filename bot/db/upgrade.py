"""Upgrades of a database to the tables of this program."""

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, func, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.errors import StoreError
from digest.db.engine import reading, writing

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = "bot.db:migrations"
_STATE = table("alembic_version", column("version_num"))
_LOCK = 0x61725869  # any constant number: PostgreSQL's advisory locks are numbers


async def upgrade(engine: AsyncEngine) -> bool:
    """Run the missing migrations, all or none. A second process waits, and then finds nothing to do.

    Returns whether the database was empty. If nothing is missing the database is only read, so no writer blocks it.
    Raises StoreError if the database is newer than this program, holds other tables, or fails.
    """
    async with reading(engine) as connection:
        state = await connection.run_sync(_state)
    if state != _migrations()[-1]:
        async with writing(engine) as connection:
            await connection.run_sync(_upgrade)
    return state is None


async def check(engine: AsyncEngine) -> None:
    """Check that the database is up to date. Raises StoreError if `upgrade` has work to do or would refuse."""
    async with reading(engine) as connection:
        state = await connection.run_sync(_state)
    if state != _migrations()[-1]:
        raise StoreError("The database is older than this program: run `arxiv-daily db upgrade`.")


def _upgrade(connection: Connection) -> None:
    # On SQLite, the transaction itself locks the whole database.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if _state(connection) is None and inspect(connection).has_table("papers"):
        raise StoreError("The database holds tables of another program: set DATABASE_URL to an empty one.")
    from alembic import command  # noqa: PLC0415 - it loads every dialect, and there is seldom anything to do

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _state(connection: Connection) -> str | None:
    """Return the database's newest migration, as Alembic stores it; None before the first."""
    if not inspect(connection).has_table(_STATE.name):
        return None
    found: str | None = connection.scalar(select(_STATE.c.version_num))
    if found not in {None, *_migrations()}:
        raise StoreError(
            f"The database was made by a newer arxiv-daily (its state is {found}): "
            "install that version or a later one."
        )
    return found


@cache
def _migrations() -> list[str]:
    """Return the numbers of the migrations, oldest first; the names of their files begin with them."""
    names = (file.name for file in resources.files("bot.db").joinpath("migrations/versions").iterdir())
    return sorted(name.partition("_")[0] for name in names if name.endswith(".py"))


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    return config
