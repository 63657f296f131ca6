"""Writes an edition's post, and decides what a failure costs: nothing but the post.

A failure is stored, alerted and returned, and the next attempt set a minute to an hour later (`BACKOFF`), because no
delivery waits for a post. Processes write in turn, so that none replaces a newer post by an older one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

import structlog

from bot.container import App
from bot.core.models import AlertKind
from bot.core.run_report import WrittenPost
from bot.db import publications
from digest.archive import files, git
from digest.core.backoff import Backoff
from digest.core.errors import ArchiveError
from digest.core.models import Edition
from digest.db import engine as database
from digest.db.locks import BusyError, exclusive
from digest.render import jekyll

PUBLISH_BACKOFF = Backoff(timedelta(minutes=1), timedelta(hours=1))  # of writing and of pushing
_TURN_SECONDS, _LOOK_SECONDS = 5.0, 0.05
_log = structlog.get_logger()


async def obstacle(app: App) -> ArchiveError | None:
    """Return the error that prevents writing any post, or committing it if configured; None if there is none."""
    try:
        await asyncio.to_thread(files.require, app.posts)
        if app.with_git:
            await git.check(app.posts)
    except ArchiveError as error:
        return error
    return None


async def write(app: App, edition: Edition, tries: int = 0) -> WrittenPost:
    """Write the post of `edition` and store the result; `tries` attempts failed before. Raises StoreError.

    An error is stored, alerted and returned, but not raised: no delivery waits for a post.
    """
    if not edition.entries and not edition.replacements:
        return WrittenPost()
    path, now = app.posts / jekyll.post_name(edition.date), app.clock()
    try:
        async with _turn(app):
            await asyncio.to_thread(files.require, app.posts)
            text = jekyll.render(edition, app.plan.calendar.zone)
            changed = await asyncio.to_thread(files.write, path, text)
    except (ArchiveError, BusyError) as error:
        fault = error if isinstance(error, ArchiveError) else ArchiveError(str(error))
        _log.error("post_not_written", date=str(edition.date), error=str(fault))
        async with database.writing(app.engine) as connection:
            next_at = now + PUBLISH_BACKOFF.pause(tries)
            await publications.note_unwritten(connection, edition.date, str(fault), next_at, tries + 1)
        await app.alerts.raise_(AlertKind.POST_NOT_WRITTEN, reason=str(fault))
        return WrittenPost(path, fault=fault)
    await _note(app, edition, now)
    _log.info("archived", date=str(edition.date), changed=changed)
    return WrittenPost(path, changed)


async def _note(app: App, edition: Edition, at: datetime) -> None:
    async with database.writing(app.engine) as connection:
        await publications.note_written(connection, edition.date, at, pushes=app.with_git)
        left = await publications.unwritten(connection)
    if not left:
        await app.alerts.resolve(AlertKind.POST_NOT_WRITTEN)


@asynccontextmanager
async def _turn(app: App) -> AsyncIterator[None]:
    """Lock the writing of posts, so that no process replaces a newer post by an older one. Raises BusyError."""
    deadline = asyncio.get_running_loop().time() + _TURN_SECONDS
    async with AsyncExitStack() as stack:
        while True:
            try:
                await stack.enter_async_context(exclusive(app.engine, "posts"))
                break
            except BusyError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)
        yield
