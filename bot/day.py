"""The day's work from arXiv to the archive, and the account of it."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import structlog

from bot.app import App
from digest import collection, editions
from digest.archive import files, git
from digest.errors import ArchiveError
from digest.models import Edition, Entry, Gap, Reading, Translation
from digest.progress import Report
from digest.render import jekyll
from digest.store import calls
from digest.store import editions as closed_editions
from digest.store import engine as database

_log = structlog.get_logger()
_PASSING = frozenset({Gap.NO_KEY, Gap.BUDGET, Gap.NO_TEXT_YET, Gap.DUE})


@dataclass(frozen=True, slots=True)
class Account:
    """What a run came to.

    `translated` and `read` count papers, whenever that was done; `waiting` and `failed` those for which a
    translation or a reading is still to come, or could not be made this time. `tokens` are this run's own.
    """

    date: date
    papers: int
    translated: int
    read: int
    waiting: int
    failed: int
    tokens: int
    seconds: float
    post: Path


async def work(app: App, at: datetime, report: Report) -> Account | None:
    """Makes and archives the edition that is due at `at`; None where arXiv has nothing new for it.

    Raises DigestError. A post that was written stays written when it could not be pushed.
    """
    began = app.clock()
    files.require(app.posts)
    closed = await collection.close(app.engine, app.api, app.plan, at, report)
    if closed is None:
        return None
    edition = await editions.make(app.engine, app.library, closed, report)
    post = await _archive(app, edition)
    async with database.reading(app.engine) as connection:
        totals = await calls.totals(connection, began)
    return account(
        edition, post, sum(total.tokens for total in totals.values()), (app.clock() - began).total_seconds()
    )


async def _archive(app: App, edition: Edition) -> Path:
    post = app.posts / jekyll.post_name(edition.date)
    changed = await asyncio.to_thread(files.write, post, jekyll.render(edition, app.plan.zone))
    async with database.writing(app.engine) as connection:
        await closed_editions.mark_archived(connection, edition.date, app.clock())
    _log.info("archived", date=str(edition.date), changed=changed)
    if app.with_git:
        try:
            await git.publish(app.posts, [post], f"arXiv Daily {edition.date}")
        except ArchiveError as error:
            raise ArchiveError(f"The post {post.name} is written, but not published. {error}") from error
    return post


def account(edition: Edition, post: Path, tokens: int, seconds: float) -> Account:
    """The account of `edition` as it stands."""
    entries = edition.entries
    return Account(
        date=edition.date,
        papers=len(entries),
        translated=sum(isinstance(entry.translation, Translation) for entry in entries),
        read=sum(isinstance(entry.reading, Reading) for entry in entries),
        waiting=sum(bool(_gaps(entry) & _PASSING) for entry in entries),
        failed=sum(bool(_gaps(entry) - _PASSING) for entry in entries),
        tokens=tokens,
        seconds=seconds,
        post=post,
    )


def _gaps(entry: Entry) -> set[Gap]:
    return {made for made in (entry.translation, entry.reading) if isinstance(made, Gap)}
