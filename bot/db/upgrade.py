"""Upgrades of a database to the tables of this program."""

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.errors import StoreError
from digest.db.engine import reading, writing

_SCRIPTS = "bot.db:migrations"
_LOCK = 0x61725869  # any constant number: PostgreSQL's advisory locks are numbers


async def upgrade(engine: AsyncEngine) -> bool:
    """Run the missing migrations, all or none. A second process waits, and then finds nothing to do.

    Returns whether the database was empty. If nothing is missing the database is only read, so no writer blocks it.
    Raises StoreError if the database is newer than this program, holds other tables, or fails.
    """
    async with reading(engine) as connection:
        state = await connection.run_sync(_state)
    if state != _scripts().get_current_head():
        async with writing(engine) as connection:
            await connection.run_sync(_upgrade)
    return state is None


async def check(engine: AsyncEngine) -> None:
    """Check that the database is up to date. Raises StoreError if `upgrade` has work to do or would refuse."""
    async with reading(engine) as connection:
        state = await connection.run_sync(_state)
    if state != _scripts().get_current_head():
        raise StoreError("The database is older than this program: run `arxiv-daily db upgrade`.")


def _upgrade(connection: Connection) -> None:
    # On SQLite, the transaction itself locks the whole database.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if _state(connection) is None and inspect(connection).has_table("papers"):
        raise StoreError("The database holds tables of another program: set DATABASE_URL to an empty one.")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _state(connection: Connection) -> str | None:
    """Return the database's newest migration; None before the first."""
    known = {script.revision for script in _scripts().walk_revisions()}
    heads = MigrationContext.configure(connection).get_current_heads()
    if not known.issuperset(heads):
        raise StoreError(
            f"The database was made by a newer arxiv-daily (its state is {', '.join(heads)}): "
            "install that version or a later one."
        )
    return heads[0] if heads else None


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    return config
