"""Checks of this machine: folders, database, archive, DIGEST_TIME, and the pages as seen from the internet.

A digest before the announcement is a day old, so DIGEST_TIME is compared with it.
"""

import shlex
import tempfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import container, setting_values
from bot.db import publications
from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.settings import Settings
from digest import languages
from digest.archive import git
from digest.arxiv.calendar import NEW_YORK, announcement
from digest.core import body_limit
from digest.core.body_limit import BodyLimit
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
        setting_values.home_folder() / setting_values.ENV_FILE,
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
    """Check that the database answers. Opening it has checked that it is up to date and writable.

    Raises UnsureError if PostgreSQL lacks the index of the search that needs an extension.
    """
    async with database.reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            return f"SQLite {await connection.scalar(text('SELECT sqlite_version()'))}, up to date"
        version = await connection.scalar(text("SHOW server_version"))
        indexed = await connection.scalar(text("SELECT to_regclass('ix_search_texts_text')"))
    if indexed is None:
        raise UnsureError(
            f"PostgreSQL {version}, up to date. It has no pg_trgm, so /search compares every text, which takes longer "
            "the more there are. To change that, install PostgreSQL's contrib modules and run in this database as its "
            "owner: CREATE EXTENSION pg_trgm; "
            "CREATE INDEX ix_search_texts_text ON search_texts USING gin (text gin_trgm_ops);"
        )
    return f"PostgreSQL {version}, up to date"


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


async def language(settings: Settings) -> str:
    """Return the name of TARGET_LANGUAGE and what is not checked in it. Raises UnsureError if it has no word lists."""
    tag = settings.target_language
    known = languages.load(tag)
    missing = ", ".join(languages.missing_checks(tag))
    if known is None:
        raise UnsureError(
            f"{tag} has no word lists, so some checks of its translations are missing or incomplete: {missing}. "
            f"Languages with word lists: {languages.names()}."
        )
    return (
        f"{known.name} ({tag}), with all checks"
        if not missing
        else f"{known.name} ({tag}), without: {missing}"
    )


_DAY = timedelta(days=1)
_YEAR_DAYS = 365
_SEASONS = {
    frozenset({True, False}): "all year",
    frozenset({False}): "in winter (November to March)",
    frozenset({True}): "in summer (March to November)",
}
"""Keys are the values of New York's daylight saving time."""


async def digest_time(settings: Settings, today: date) -> str:
    """Return when arXiv announces, in TIMEZONE. Raises UnsureError if DIGEST_TIME lies before that."""
    year = [announcement(today + n * _DAY).astimezone(settings.timezone) for n in range(_YEAR_DAYS)]
    hours = " or ".join(sorted({f"{each:%H:%M}" for each in year}))
    announces = f"arXiv announces at {hours} in {settings.timezone.key}"
    fixed = settings.digest_time
    if fixed is None:
        return f"as soon as the day's batch is complete; {announces}"
    missed = [each for each in year if fixed < each.time()]
    if not missed:
        return f"{fixed:%H:%M}; {announces}"
    hours_old = max(_age(each, fixed) for each in missed) / timedelta(hours=1)
    raise UnsureError(
        f"{fixed:%H:%M} is before the announcement {_season(missed, year)}: {announces}. The edition then shows what "
        f"was announced the day before, {hours_old:.0f} hours earlier. With DIGEST_TIME=announced it comes as soon as "
        "the day's batch is complete."
    )


def _age(announced: datetime, fixed: time) -> timedelta:
    """Return the age of papers `announced` then at the next `fixed` time of day."""
    return datetime.combine(announced.date() + _DAY, fixed, announced.tzinfo) - announced


def _season(missed: list[datetime], year: list[datetime]) -> str:
    """Return the season of the `missed` announcements of the `year`."""
    seasons = frozenset(map(_is_summer, missed))
    whole = len(missed) == sum(_is_summer(each) in seasons for each in year)
    return _SEASONS[seasons] if whole else "for a part of the year"


def _is_summer(moment: datetime) -> bool:
    return bool(moment.astimezone(NEW_YORK).dst())


LIVE = "/health/live"
_SECONDS = 20.0
_LARGEST_BYTES = 1_000_000  # bytes; our own answer is one word, but another server may answer


async def pages(settings: Settings) -> str:
    """Check that PUBLIC_URL leads to this program by https without redirects, which mail programs do not follow (RFC
    8058).
    """
    if settings.public_url is None:
        raise OffError("PUBLIC_URL is not set.")
    address = str(settings.public_url).rstrip("/")
    response = await _get(f"{address}{LIVE}")
    if response.is_redirect:
        raise BrokenError(
            f"PUBLIC_URL redirects to {response.headers.get('Location', '')[:200]}: set it to that address instead."
        )
    if response.status_code != httpx.codes.OK:
        raise BrokenError(
            f"{address}{LIVE} answers with HTTP {response.status_code}: is `serve` running, and does "
            f"PUBLIC_URL lead to {settings.web_host}:{settings.web_port}?"
        )
    if urlsplit(address).scheme != "https" and settings.smtp_host is not None:
        raise BrokenError("PUBLIC_URL begins with http: one-click unsubscribing requires https (RFC 8058).")
    return address


async def _get(url: str) -> httpx.Response:
    try:
        headers = {"Accept-Encoding": body_limit.ACCEPTED}
        async with httpx.AsyncClient(
            timeout=_SECONDS,
            headers=headers,
            event_hooks={"response": [BodyLimit(_LARGEST_BYTES, _too_large)]},
        ) as client:
            return await client.get(url)
    except httpx.HTTPError as error:
        raise BrokenError(f"{url} cannot be reached ({type(error).__name__}).") from None


def _too_large() -> httpx.ReadError:
    return httpx.ReadError(f"over {_LARGEST_BYTES:,} bytes")
