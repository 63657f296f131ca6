"""The day's work from arXiv to the archive, and the account of it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
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
    """What a run came to: the edition as it stands, its post, and this run's own tokens and seconds."""

    edition: Edition
    post: Path
    tokens: int
    seconds: float

    @property
    def papers(self) -> int:
        return len(self.edition.entries)

    @property
    def translated(self) -> int:
        """Papers with a translation, whenever it was made."""
        return sum(isinstance(entry.translation, Translation) for entry in self.edition.entries)

    @property
    def read(self) -> int:
        """Papers with a reading, whenever it was made."""
        return sum(isinstance(entry.reading, Reading) for entry in self.edition.entries)

    @property
    def waiting(self) -> int:
        """Papers whose translation or reading is still to come."""
        return sum(bool(_gaps(entry) & _PASSING) for entry in self.edition.entries)

    @property
    def failed(self) -> int:
        """Papers whose translation or reading could not be made this time."""
        return sum(bool(_gaps(entry) - _PASSING) for entry in self.edition.entries)


async def work(app: App, at: datetime, report: Report) -> Account | None:
    """Makes and archives the edition that is due at `at`; None where arXiv has nothing new for it.

    Raises DigestError. A post that was written stays written when it could not be pushed.
    """
    began = app.clock()
    files.require(app.posts)
    closed = await collection.close(app.engine, app.api, app.plan, at, report)
    if closed is None:
        return None
    edition = await editions.make(app.engine, app.library, closed, app.concurrency, report)
    post = await _archive(app, edition)
    async with database.reading(app.engine) as connection:
        totals = await calls.totals(connection, began)
    tokens = sum(total.tokens for total in totals.values())
    return Account(edition, post, tokens, (app.clock() - began).total_seconds())


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


def _gaps(entry: Entry) -> set[Gap]:
    return {made for made in (entry.translation, entry.reading) if isinstance(made, Gap)}
