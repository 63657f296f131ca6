"""Checks of this machine: folders, database, archive."""

import shlex
import tempfile
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import container, home
from bot.db import publications
from bot.doctor.findings import BrokenError
from bot.settings import Settings
from digest.archive import git
from digest.db import engine as database
from digest.db import private_files


async def folder(settings: Settings) -> str:
    """Check that DATA_DIR is writable."""
    try:
        private_files.make_folder(settings.data_dir)
    except OSError as error:
        raise BrokenError(f"DATA_DIR, {settings.data_dir}, cannot be created: {error.strerror}.") from None
    _write_to(settings.data_dir, "DATA_DIR")
    return str(settings.data_dir)


async def privacy(settings: Settings) -> str:
    """Check that no other user of this machine can read files with addresses and secrets: data, settings, keys."""
    kept = [
        settings.data_dir,
        home.folder() / home.ENV_FILE,
        *([settings.dkim_key_file] if settings.dkim_key_file else []),
    ]
    url = make_url(settings.database_url)
    if url.drivername.startswith("sqlite") and url.database:
        kept += private_files.of_database(Path(url.database))
    loose = private_files.loose(kept)
    if loose:
        named = " ".join(shlex.quote(str(each)) for each in loose)
        raise BrokenError(f"Others on this machine can read {len(loose)} of its files: chmod go-rwx {named}")
    return "readable only by this user"


async def tables(engine: AsyncEngine) -> str:
    """Check that the database answers. Opening it has checked that it is up to date and writable."""
    sqlite = engine.dialect.name == "sqlite"
    query = text("SELECT sqlite_version()" if sqlite else "SHOW server_version")
    async with database.reading(engine) as connection:
        version = await connection.scalar(query)
    return f"{'SQLite' if sqlite else 'PostgreSQL'} {version}, up to date"


async def unpublished(engine: AsyncEngine) -> str:
    """Check that every post is written, and pushed if configured."""
    async with database.reading(engine) as connection:
        unwritten = await publications.unwritten(connection)
        unpushed = await publications.unpushed(connection)
    left = {"is not written": unwritten, "is not pushed": unpushed}
    said = [
        f"The post of {each.day} {what}: {each.reason or 'this is done next.'}"
        for what, found in left.items()
        for each in found[-1:]
    ]
    if said:
        count = len({each.day for each in (*unwritten, *unpushed)})
        raise BrokenError(f"{count} posts are not published. {' '.join(said)}")
    return "every post is published"


async def archive(settings: Settings) -> str:
    """Check that the folder of the posts is writable, and that it can be pushed if configured."""
    posts = container.posts(settings)
    if not posts.is_dir():
        raise BrokenError(f"ARCHIVE_DIR, {posts}, does not exist: set it to the _posts folder of your site.")
    _write_to(posts, "ARCHIVE_DIR")
    if not settings.archive_git:
        return str(posts)
    remote = await git.examine(posts)
    return f"{posts}, pushed to {remote}" if remote else f"{posts}, committed; its branch has no upstream"


def _write_to(place: Path, name: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
    except OSError as error:
        raise BrokenError(f"{name}, {place}, cannot be written to: {error.strerror}.") from None
