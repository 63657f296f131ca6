"""Checks arXiv once: stores what both sources show, so that editions can close over it.

A feed does not name its batch, so the batch is inferred. The feed can be one batch behind, for one category or for all,
and its date can be a day late.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.arxiv import calendar
from digest.arxiv.announcements import NEW_TYPES, AnnounceType
from digest.arxiv.calendar import Calendar
from digest.arxiv.query_api import QueryApi
from digest.arxiv.rss import AnnouncementFeed, Batch
from digest.core.errors import EmptyPageError, SourceError, SourceRefusedError
from digest.core.models import Paper, PaperId, VersionId, Window
from digest.db import announcements, listings, papers
from digest.db import engine as database
from digest.db.announcements import Announced

Noted = Mapping[tuple[VersionId, AnnounceType], datetime]
"""The batch of each earlier announcement in a feed."""


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """The batch of a feed and its announcements, each with the batch that first announced it so."""

    batch: datetime
    names: tuple[Announced, ...]
    is_empty: bool
    """True if the feed shows with certainty that this batch announced nothing new."""


def fed(
    schedule: Calendar, read: Batch, records: Mapping[PaperId, Paper], noted: Noted, at: datetime
) -> FeedBatch | None:
    """Return what the feed that was `read` at `at` contained; None if its date does not fit that time."""
    day = calendar.fed_day(schedule.fed(at))
    if read.day is not None and not day - timedelta(days=1) <= read.day <= day:
        return None
    batch = _batch(schedule, read, records, noted, at)
    if batch > at:
        return None
    names = tuple(
        Announced(each.version, each.type, noted.get((each.version, each.type), batch))
        for each in read.announcements
    )
    new = any(each.type in NEW_TYPES for each in read.announcements)
    dated = read.day == day or (read.day is None and bool(names))
    return FeedBatch(batch, names, is_empty=not new and dated and batch == schedule.fed(at))


def _batch(
    schedule: Calendar, read: Batch, records: Mapping[PaperId, Paper], noted: Noted, at: datetime
) -> datetime:
    """Return the batch of a feed that may be stale.

    If all its announcements were stored before, their batch is known. Otherwise the records decide, if they are
    available: the batch cannot be older than the scheduled batch of any of its papers. If the records give an older
    batch than the feeds should contain now, the feed is stale if this is the previous batch and the feed is not dated
    today; otherwise it contains only cross-lists and papers delayed by moderation. Without records, the feed is newer
    than what the query API shows.
    """
    present = schedule.fed(at)
    known = {noted.get((each.version, each.type)) for each in read.announcements}
    if known and None not in known:
        return max(filter(None, known))
    new = [each.version.paper for each in read.announcements if each.type in NEW_TYPES]
    newest = _batch_newest(schedule, new, records)
    before = schedule.newest(present - timedelta(seconds=1))
    if newest is not None and newest > present:
        return newest
    dated = read.day == calendar.fed_day(present)
    return before if newest == before and not dated else present


def _batch_newest(
    schedule: Calendar, papers: Collection[PaperId], records: Mapping[PaperId, Paper]
) -> datetime | None:
    """Return the newest scheduled batch of any of `papers`; None if a record or all submission times are missing."""
    if not all(paper in records for paper in papers):
        return None
    submitted = [records[paper].published for paper in papers]
    return max((schedule.announced_at(moment) for moment in submitted if moment), default=None)


MODERATION = timedelta(days=30)
"""The longest time between a paper's submission and its first appearance."""
_REMEMBERED = timedelta(days=31)  # how long papers are requested that feeds named and the query API lacked
_LONGEST_SPAN = timedelta(days=60)  # of submissions in one query
_MOST_FETCHED = 1000  # records by identifier in one check: no feed of ours names so many that the query lacks
_log = structlog.get_logger()


class WrongCategoriesError(SourceRefusedError):
    """arXiv shows no paper in any of the watched categories, and never has."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The two sources of arXiv's announcements."""

    api: QueryApi
    feed: AnnouncementFeed


@dataclass(frozen=True, slots=True)
class ArxivCheck:
    """The result of a check of arXiv.

    `categories` are the watched categories that have papers at all. `empty` is the batch that contained nothing new; it
    is None if the feed was not available, was of another day, or announced something.
    """

    categories: frozenset[str]
    empty: datetime | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Papers that feeds named: those new to the categories, and newer versions."""

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
) -> ArxivCheck:
    """Store what arXiv has announced in `categories` until `at`, and how.

    `since` is the time of the previous check; papers delayed by moderation are looked for from a month before it. A
    long time is queried and stored month by month. The feed is the second source: if it fails, the query API's response
    is stored all the same. Records of newer versions are fetched if `replacements` is set. Raises SourceError if the
    query API fails, EmptyPageError or WrongCategoriesError if it shows no paper at all.
    """
    seen: set[str] = set()
    *earlier, present = _spans(since - MODERATION, at)
    for span in earlier:
        seen |= await _note_shown(engine, sources, calendar, categories, span, at)
    shown = await _shown(sources, categories, present)
    if not shown and not seen:
        raise await _nothing_shown(engine, categories)
    batch = await _feed(sources.feed, categories)
    wanted = await _wanted(engine, batch, min(since, at), replacements=replacements)
    found = shown | await _missing(engine, sources.api, wanted, shown, categories)
    listed = _listed(calendar, found, shown.keys() | wanted.new.keys(), categories, at)
    fed = await _fed(engine, calendar, batch, found, at)
    seen |= {category for paper in listed.values() for category in paper.categories}
    watched = frozenset(seen & set(categories))
    names = fed.names if fed else ()
    await _note(engine, listed, found, wanted, names, at, replacements=replacements, checked=watched)
    return ArxivCheck(watched, fed.batch if fed and fed.is_empty else None)


async def look_at_feed(
    engine: AsyncEngine,
    sources: Sources,
    calendar: Calendar,
    categories: Collection[str],
    at: datetime,
    *,
    replacements: bool,
) -> None:
    """Store what the feed alone names, if it is available, with the records of its new papers.

    Raises SourceError if the query API fails.
    """
    batch = await _feed(sources.feed, categories)
    wanted = await _wanted(engine, batch, at, replacements=replacements)
    found = await _missing(engine, sources.api, wanted, {}, categories)
    listed = _listed(calendar, found, wanted.new, categories, at)
    fed = await _fed(engine, calendar, batch, found, at)
    names = fed.names if fed else ()
    await _note(engine, listed, found, wanted, names, at, replacements=replacements)


def _spans(start: datetime, end: datetime) -> list[Window]:
    """Split the time from `start` to `end` into parts that fit one query and one transaction. Pure."""
    starts = [start]
    while starts[-1] + _LONGEST_SPAN < end:
        starts.append(starts[-1] + MODERATION)
    return [Window(*each) for each in pairwise([*starts, end])]


async def _shown(sources: Sources, categories: Collection[str], span: Window) -> dict[PaperId, Paper]:
    """Query the papers submitted in `span`."""
    shown = await sources.api.submitted(list(categories), span.start, span.end)
    return {paper.id: paper for paper in shown}


async def _note_shown(
    engine: AsyncEngine,
    sources: Sources,
    calendar: Calendar,
    categories: Collection[str],
    span: Window,
    at: datetime,
) -> set[str]:
    """Store the papers submitted in `span`; return their categories."""
    shown = await _shown(sources, categories, span)
    listed = _listed(calendar, shown, shown, categories, at)
    await _note(engine, listed, listed, _Wanted({}, {}), (), at, replacements=False)
    return {category for paper in listed.values() for category in paper.categories}


def _listed(
    calendar: Calendar,
    found: Mapping[PaperId, Paper],
    among: Collection[PaperId],
    categories: Collection[str],
    at: datetime,
) -> dict[PaperId, Paper]:
    """Filter `found` by the papers listed in `categories` by `at`. Pure."""
    return {
        paper.id: paper
        for paper in found.values()
        if paper.id in among and set(categories) & set(paper.categories) and announced_by(calendar, paper, at)
    }


def announced_by(calendar: Calendar, paper: Paper, at: datetime) -> bool:
    """Return True if arXiv can have announced `paper` by `at`, which matters if `at` is in the past."""
    return paper.published is not None and calendar.announced_at(paper.published) <= at


async def _nothing_shown(engine: AsyncEngine, categories: Collection[str]) -> SourceError:
    """Return the error for a response without papers.

    It is arXiv's fault if it has shown papers in the categories before; otherwise the category names are wrong.
    """
    async with database.reading(engine) as connection:
        known = await listings.ever_listed(connection)
    names = ", ".join(categories)
    if known & set(categories):
        return EmptyPageError(f"arXiv returned no papers in {names}, although it has shown some before.")
    return WrongCategoriesError(
        f"arXiv shows no papers in {names} from the last month. Are these the right categories?"
    )


async def _feed(feed: AnnouncementFeed, categories: Collection[str]) -> Batch | None:
    try:
        return await feed.batch(list(categories))
    except SourceError as error:
        _log.warning("feed_failed", error=str(error))
        return None


async def _wanted(
    engine: AsyncEngine, batch: Batch | None, since: datetime, *, replacements: bool
) -> _Wanted:
    """Return what the feed names, and what feeds have named since a month before `since` and is still missing."""
    async with database.reading(engine) as connection:
        unlisted = await announcements.unlisted(connection, since - _REMEMBERED)
        awaited = await announcements.awaited(connection, since - _REMEMBERED)
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
    """Return the records of papers that feeds named and the query lacked; stored ones are not fetched again.

    A stored record in none of the `categories` is from before the announcement, so it is fetched again.
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
) -> FeedBatch | None:
    if batch is None:
        return None
    async with database.reading(engine) as connection:
        noted = await announcements.noted(connection, {each.version.paper for each in batch.announcements})
    return fed(calendar, batch, records, noted, at)


async def _note(
    engine: AsyncEngine,
    listed: Mapping[PaperId, Paper],
    found: Mapping[PaperId, Paper],
    wanted: _Wanted,
    names: Collection[Announced],
    at: datetime,
    *,
    replacements: bool,
    checked: Collection[str] = (),
) -> None:
    """Store the records of new and undecided papers and of replacements; other papers are known already.

    `checked` are the categories whose papers were all queried.
    """
    async with database.writing(engine) as connection:
        new = await listings.unlisted(connection, listed)
        undecided = await listings.undecided(connection)
        kept = (new | undecided | wanted.replaced.keys()) & found.keys()
        await papers.save(connection, [found[paper] for paper in sorted(kept)], at)
        checks = await listings.checks(connection)
        await listings.note(connection, {paper: _absent_at(listed[paper], checks, at) for paper in new}, at)
        await listings.correct(connection, undecided & listed.keys(), at)
        await announcements.note(connection, names, at, replacements=replacements)
        await listings.check(connection, checked, at)
    _log.info("looked", listed=len(listed), new=len(new), named=len(names))


def _absent_at(paper: Paper, checks: Mapping[str, datetime], at: datetime) -> datetime | None:
    """Return the last check before `at` that would have shown `paper`, new now; None if there is none. Pure."""
    looks = (checks[category] for category in paper.categories if category in checks)
    reached = (
        look for look in looks if paper.published and look - MODERATION <= paper.published <= look < at
    )
    return max(reached, default=None)
