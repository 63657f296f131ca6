"""Inference of the batch that a feed contains. Pure.

A feed does not name its batch. It can be one batch behind, for one category or for all, and its date can be a day late.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.arxiv import calendar
from digest.arxiv.announcements import NEW_TYPES, AnnounceType
from digest.arxiv.calendar import Calendar
from digest.arxiv.rss import Batch
from digest.core.models import Paper, PaperId, VersionId
from digest.db.announcements import Announced

Noted = Mapping[tuple[VersionId, AnnounceType], datetime]
"""The batch of each earlier announcement in a feed."""


@dataclass(frozen=True, slots=True)
class Fed:
    """The batch of a feed and its announcements, each with the batch that first announced it so."""

    batch: datetime
    names: tuple[Announced, ...]
    is_empty: bool
    """True if the feed shows with certainty that this batch announced nothing new."""


def fed(
    schedule: Calendar, read: Batch, records: Mapping[PaperId, Paper], noted: Noted, at: datetime
) -> Fed | None:
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
    return Fed(batch, names, is_empty=not new and dated and batch == schedule.fed(at))


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
    newest = _newest(schedule, new, records)
    before = schedule.newest(present - timedelta(seconds=1))
    if newest is not None and newest > present:
        return newest
    dated = read.day == calendar.fed_day(present)
    return before if newest == before and not dated else present


def _newest(
    schedule: Calendar, papers: Collection[PaperId], records: Mapping[PaperId, Paper]
) -> datetime | None:
    """Return the newest scheduled batch of any of `papers`; None if a record or all submission times are missing."""
    if not all(paper in records for paper in papers):
        return None
    submitted = [records[paper].published for paper in papers]
    return max((schedule.announced_at(moment) for moment in submitted if moment), default=None)
