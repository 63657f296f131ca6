"""Retries of posts that are not yet written or pushed, without delaying any delivery."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from bot import daily_run, post_writer
from bot.container import App
from bot.core.models import AlertKind
from bot.db import publications
from bot.db.publications import Publication
from bot.delivery.outages import outlasting
from digest.archive import git
from digest.core.errors import ArchiveError, DigestError
from digest.db import engine as database
from digest.db.locks import BusyError, exclusive
from digest.render import jekyll

_LISTED = 7  # names in a sentence
_log = structlog.get_logger()


async def keep_publishing(app: App, look_seconds: float) -> None:
    """Publish due posts forever, checking every `look_seconds`."""
    await outlasting("publishing", partial(adopt, app))
    while True:
        try:
            await publish(app, everything=False)
        except DigestError as error:
            _log.error("publishing_failed", error=str(error))
        except Exception:  # noqa: BLE001 - the edge of what one round can do
            _log.exception("publishing_failed")
            await app.alerts.raise_(AlertKind.INTERNAL_ERROR)
        await asyncio.sleep(look_seconds)


async def publish(app: App, *, everything: bool = True) -> ArchiveError | None:
    """Write and push due posts; with `everything`, also those that should wait longer. Returns the error, or None.

    None also if another process is publishing. Raises StoreError.
    """
    try:
        async with exclusive(app.engine, "publishing"):
            if everything:
                await adopt(app)
            unwritten = await _write(app, everything=everything)
            return await _push(app, everything=everything) or unwritten
    except BusyError:
        return None


async def adopt(app: App) -> None:
    """Record once which posts an older version wrote but did not commit or push. Raises StoreError."""
    async with database.reading(app.engine) as connection:
        days = await publications.without_state(connection)
    if not days or not app.with_git:
        return
    names = {jekyll.post_name(day): day for day in days}
    try:
        left = await git.unpublished(app.posts, [app.posts / name for name in names])
    except ArchiveError as error:  # the next start tries again
        _log.warning("old_posts_not_checked", error=str(error))
        return
    async with database.writing(app.engine) as connection:
        await publications.note_found(connection, days, [names[path.name] for path in left], app.clock())
    if left:
        _log.info("old_posts_to_publish", posts=len(left))


async def _write(app: App, *, everything: bool) -> ArchiveError | None:
    async with database.reading(app.engine) as connection:
        left = await publications.unwritten(connection)
    fault = None
    for each in left:
        if not everything and each.write_at is not None and each.write_at > app.clock():
            continue
        edition = await daily_run.stored(app, each.day, app.paper_service.language)
        if edition is not None:
            fault = (await post_writer.write(app, edition, each.write_tries)).fault or fault
    return fault


async def _push(app: App, *, everything: bool) -> ArchiveError | None:
    """Push all unpushed posts together, because they are on one branch."""
    async with database.reading(app.engine) as connection:
        left = await publications.unpushed(connection)
    if left and not app.with_git:
        await _give_up(app)
        return None
    now = app.clock()
    if not left or not (everything or any(each.push_at is not None and each.push_at <= now for each in left)):
        return None
    paths = [app.posts / jekyll.post_name(each.day) for each in left]
    try:
        done = await git.publish(app.posts, paths, f"arXiv Daily {_listed([str(each.day) for each in left])}")
    except ArchiveError as error:
        return await _put_off(app, left, error)
    _log.info("published", posts=len(paths), outcome=done)
    async with database.writing(app.engine) as connection:
        await publications.note_pushed(connection, left, now)
        if await publications.unpushed(connection):  # written meanwhile: left to the next round
            return None
    await app.alerts.resolve(AlertKind.POST_NOT_PUSHED)
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _LISTED else f"{names[0]} … {names[-1]} ({len(names)})"


async def _give_up(app: App) -> None:
    """Cancel pushing, because the operator no longer wants it."""
    async with database.writing(app.engine) as connection:
        await publications.note_nothing_to_push(connection)
    await app.alerts.resolve(AlertKind.POST_NOT_PUSHED)


async def _put_off(app: App, left: Sequence[Publication], error: ArchiveError) -> ArchiveError:
    tries = max(each.push_tries for each in left)
    next_at = app.clock() + post_writer.PUBLISH_BACKOFF.pause(tries)
    async with database.writing(app.engine) as connection:
        days = [each.day for each in left]
        await publications.note_unpushed(connection, days, str(error), next_at, tries + 1)
    _log.error("post_not_pushed", error=str(error), again=next_at.isoformat())
    await app.alerts.raise_(AlertKind.POST_NOT_PUSHED, reason=str(error))
    names = _listed([jekyll.post_name(each.day) for each in left])
    fault = ArchiveError(f"The post {names} is written, but not published. {error}")
    fault.__cause__ = error
    return fault
