"""One look at arXiv: what both of its sources show is noted, so that editions can close over it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest import calendar
from digest.announcements import NEW_TYPES
from digest.calendar import Calendar
from digest.errors import SourceError
from digest.models import Paper, PaperId
from digest.sources.api import QueryApi
from digest.sources.rss import Announcement, AnnouncementFeed, Batch
from digest.store import announcements, listings, papers
from digest.store import engine as database
from digest.store.announcements import Announced

MODERATION = timedelta(days=30)
"""How long after its submission a paper may first turn up."""
_MOST_FETCHED = 1000  # records by identifier at one look: no feed of ours names so many that the query lacks
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sources:
    """Both ways to ask what arXiv announced."""

    api: QueryApi
    feed: AnnouncementFeed


@dataclass(frozen=True, slots=True)
class Look:
    """What a look showed: of which watched categories there were papers at all, and which batch the feed held.

    `batch` is None where the feed could not be had or was of another day, `names` what it announced.
    """

    categories: frozenset[str]
    batch: datetime | None
    names: tuple[Announced, ...]


async def look(
    engine: AsyncEngine,
    sources: Sources,
    calendar: Calendar,
    categories: Collection[str],
    since: datetime,
    at: datetime,
    *,
    replacements: bool,
) -> Look:
    """Notes what arXiv has announced in `categories` until `at`, and how.

    `since` is the beginning of the window that is open: what moderation held back is looked for a month before it.
    The feed is the second source: where it fails, the query API's answer is noted all the same. Records of newer
    versions are fetched if `replacements` are wanted. Raises SourceError where the query API fails.
    """
    found = {
        paper.id: paper for paper in await sources.api.submitted(list(categories), since - MODERATION, at)
    }
    if not found:
        raise SourceError(
            f"arXiv shows no paper in {', '.join(categories)} of the last month. Are these the right categories?"
        )
    batch = await _feed(sources.feed, categories)
    asked = [
        announcement
        for announcement in (batch.announcements if batch else ())
        if announcement.type in NEW_TYPES or replacements
    ]
    found |= await _missing(engine, sources.api, asked, found)
    listed = {
        paper.id: paper
        for paper in found.values()
        if set(categories) & set(paper.categories) and announced_by(calendar, paper, at)
    }
    names = named(calendar, batch, found, at) if batch else None
    await _note(engine, listed, found, names or [], at)
    shown = {category for paper in listed.values() for category in paper.categories}
    return Look(
        frozenset(shown & set(categories)),
        None if names is None else max((name.batch for name in names), default=calendar.fed(at)),
        tuple(names or ()),
    )


def announced_by(calendar: Calendar, paper: Paper, at: datetime) -> bool:
    """Whether arXiv can have announced `paper` by `at`: that matters where `at` lies in the past."""
    return paper.published is not None and calendar.announced_at(paper.published) <= at


def named(
    schedule: Calendar, batch: Batch, records: Mapping[PaperId, Paper], at: datetime
) -> list[Announced] | None:
    """What a feed announced that was read at `at`; None where it is not of that time.

    A feed can be stale by a batch, and its date a day behind. Where the records of all its new papers are there, they
    tell which batch it is: the last that any of them can have been in. Where some are not, it is newer than what the
    query API shows: the one that the feeds hold now.
    """
    fed = schedule.fed(at)
    day = calendar.fed_day(fed)
    if batch.day is not None and not day - timedelta(days=1) <= batch.day <= day:
        return None
    new = [announcement for announcement in batch.announcements if announcement.type in NEW_TYPES]
    submitted = [records[each.version.paper].published for each in new if each.version.paper in records]
    if len(submitted) == len(new):
        fed = max((schedule.announced_at(moment) for moment in submitted if moment), default=fed)
    if fed > at:
        return None
    return [Announced(each.version, each.type, fed) for each in batch.announcements]


async def _feed(feed: AnnouncementFeed, categories: Collection[str]) -> Batch | None:
    try:
        return await feed.batch(list(categories))
    except SourceError as error:
        _log.warning("feed_failed", error=str(error))
        return None


async def _missing(
    engine: AsyncEngine, api: QueryApi, asked: Iterable[Announcement], found: Mapping[PaperId, Paper]
) -> dict[PaperId, Paper]:
    """The records of what the feed names and the query did not give, by name; those that are stored stay so."""
    unknown = {each.version.paper: each.version for each in asked if each.version.paper not in found}
    async with database.reading(engine) as connection:
        stored = await papers.latest_of(connection, unknown)
    known = {
        paper: record
        for paper, record in stored.items()
        if record.abstract is not None and record.version >= unknown[paper]
    }
    asked_for = sorted(unknown.keys() - known.keys())[:_MOST_FETCHED]
    fetched = await api.records(asked_for) if asked_for else []
    return known | {paper.id: paper for paper in fetched}


async def _note(
    engine: AsyncEngine,
    listed: Mapping[PaperId, Paper],
    found: Mapping[PaperId, Paper],
    names: Collection[Announced],
    at: datetime,
) -> None:
    """Keeps the records of what is new or undecided, and of replacements; those of other papers are known."""
    async with database.writing(engine) as connection:
        new = await listings.unlisted(connection, listed)
        undecided = await listings.undecided(connection)
        replaced = {name.version.paper for name in names if name.type not in NEW_TYPES}
        kept = (new | undecided | replaced) & found.keys()
        await papers.save(connection, [found[paper] for paper in sorted(kept)], at)
        await listings.note(connection, new, at)
        await announcements.note(connection, names, at)
    _log.info("looked", listed=len(listed), new=len(new), named=len(names))
