"""One look at arXiv: what both of its sources show is noted, so that editions can close over it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest import batches
from digest.announcements import NEW_TYPES
from digest.batches import Fed
from digest.calendar import Calendar
from digest.errors import EmptyPageError, RefusedError, SourceError
from digest.models import Paper, PaperId, VersionId
from digest.sources.api import QueryApi
from digest.sources.rss import AnnouncementFeed, Batch
from digest.store import announcements, listings, papers
from digest.store import engine as database
from digest.store.announcements import Announced

MODERATION = timedelta(days=30)
"""How long after its submission a paper may first turn up."""
_REMEMBERED = timedelta(days=31)  # what feeds named and the query API lacked is asked for that long
_MOST_FETCHED = 1000  # records by identifier at one look: no feed of ours names so many that the query lacks
_log = structlog.get_logger()


class WrongCategoriesError(RefusedError):
    """arXiv shows no paper in any of the watched categories, and never did."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Both ways to ask what arXiv announced."""

    api: QueryApi
    feed: AnnouncementFeed


@dataclass(frozen=True, slots=True)
class Look:
    """What a look showed: of which watched categories there were papers at all, and the batch that held nothing new.

    `empty` is None where the feed could not be had, was of another day, or announced something.
    """

    categories: frozenset[str]
    empty: datetime | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Papers that feeds named: those that the categories did not show before, and those of newer versions."""

    new: Mapping[PaperId, VersionId]
    replaced: Mapping[PaperId, VersionId]


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
    shown = {
        paper.id: paper for paper in await sources.api.submitted(list(categories), since - MODERATION, at)
    }
    if not shown:
        raise await _nothing_shown(engine, categories)
    batch = await _feed(sources.feed, categories)
    wanted = await _wanted(engine, batch, at, replacements=replacements)
    found = shown | await _missing(engine, sources.api, wanted, shown, categories)
    listed = {
        paper.id: paper
        for paper in found.values()
        if paper.id in shown.keys() | wanted.new.keys()
        and set(categories) & set(paper.categories)
        and announced_by(calendar, paper, at)
    }
    fed = await _fed(engine, calendar, batch, found, at)
    names = fed.names if fed else ()
    await _note(engine, listed, found, wanted, names, at, replacements=replacements)
    seen = {category for paper in listed.values() for category in paper.categories}
    return Look(frozenset(seen & set(categories)), fed.batch if fed and fed.is_empty else None)


def announced_by(calendar: Calendar, paper: Paper, at: datetime) -> bool:
    """Whether arXiv can have announced `paper` by `at`: that matters where `at` lies in the past."""
    return paper.published is not None and calendar.announced_at(paper.published) <= at


async def _nothing_shown(engine: AsyncEngine, categories: Collection[str]) -> SourceError:
    """An answer without any paper is a fault of arXiv's where there were some, otherwise of the categories' names."""
    async with database.reading(engine) as connection:
        known = await listings.ever_listed(connection)
    names = ", ".join(categories)
    if known & set(categories):
        return EmptyPageError(f"arXiv answered without any paper in {names}, where it has shown some before.")
    return WrongCategoriesError(
        f"arXiv shows no paper in {names} of the last month. Are these the right categories?"
    )


async def _feed(feed: AnnouncementFeed, categories: Collection[str]) -> Batch | None:
    try:
        return await feed.batch(list(categories))
    except SourceError as error:
        _log.warning("feed_failed", error=str(error))
        return None


async def _wanted(engine: AsyncEngine, batch: Batch | None, at: datetime, *, replacements: bool) -> _Wanted:
    """What the feed names, and what earlier feeds named that was not there so far."""
    async with database.reading(engine) as connection:
        unlisted = await announcements.unlisted(connection, at - _REMEMBERED)
        awaited = await announcements.awaited(connection, at - _REMEMBERED)
    read = batch.announcements if batch else ()
    new = {each.version for each in read if each.type in NEW_TYPES}
    newer = {each.version for each in read if each.type not in NEW_TYPES}
    return _Wanted(
        _newest(new | {each.version for each in unlisted}),
        _newest(newer | {each.version for each in awaited} if replacements else ()),
    )


def _newest(versions: Iterable[VersionId]) -> dict[PaperId, VersionId]:
    return {version.paper: version for version in sorted(versions)}


async def _missing(
    engine: AsyncEngine,
    api: QueryApi,
    wanted: _Wanted,
    shown: Mapping[PaperId, Paper],
    categories: Collection[str],
) -> dict[PaperId, Paper]:
    """The records of what feeds named and the query did not give, by name; those that are stored stay so.

    A stored one that is in none of the `categories` is of the time before the announcement.
    """
    unknown = {paper: version for paper, version in wanted.new.items() if paper not in shown}
    unknown |= {
        paper: version
        for paper, version in wanted.replaced.items()
        if paper not in shown or shown[paper].version < version
    }
    async with database.reading(engine) as connection:
        stored = await papers.latest_of(connection, unknown)
    known = {
        paper: record
        for paper, record in stored.items()
        if record.abstract is not None
        and record.version >= unknown[paper]
        and set(categories) & set(record.categories)
    }
    asked_for = sorted(unknown.keys() - known.keys())[:_MOST_FETCHED]
    fetched = await api.records(asked_for) if asked_for else []
    return known | {paper.id: paper for paper in fetched}


async def _fed(
    engine: AsyncEngine,
    calendar: Calendar,
    batch: Batch | None,
    records: Mapping[PaperId, Paper],
    at: datetime,
) -> Fed | None:
    if batch is None:
        return None
    async with database.reading(engine) as connection:
        noted = await announcements.noted(connection, {each.version.paper for each in batch.announcements})
    return batches.fed(calendar, batch, records, noted, at)


async def _note(
    engine: AsyncEngine,
    listed: Mapping[PaperId, Paper],
    found: Mapping[PaperId, Paper],
    wanted: _Wanted,
    names: Collection[Announced],
    at: datetime,
    *,
    replacements: bool,
) -> None:
    """Keeps the records of what is new or undecided, and of replacements; those of other papers are known."""
    async with database.writing(engine) as connection:
        new = await listings.unlisted(connection, listed)
        undecided = await listings.undecided(connection)
        kept = (new | undecided | wanted.replaced.keys()) & found.keys()
        await papers.save(connection, [found[paper] for paper in sorted(kept)], at)
        await listings.note(connection, new, at)
        await listings.correct(connection, undecided & listed.keys(), at)
        await announcements.note(connection, names, at, replacements=replacements)
    _log.info("looked", listed=len(listed), new=len(new), named=len(names))
