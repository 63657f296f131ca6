"""Which batch a feed holds. Pure.

A feed does not name its batch. It can be stale by one, for one category or for all, and its date a day behind.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import calendar
from digest.announcements import NEW_TYPES, AnnounceType
from digest.calendar import Calendar
from digest.models import Paper, PaperId, VersionId
from digest.sources.rss import Batch
from digest.store.announcements import Announced

Noted = Mapping[tuple[VersionId, AnnounceType], datetime]
"""The batches of what feeds announced before."""


@dataclass(frozen=True, slots=True)
class Fed:
    """The batch that a feed held, and what it announced: each with the batch that first announced it so."""

    batch: datetime
    names: tuple[Announced, ...]
    is_empty: bool
    """Whether the feed says for certain that nothing new was announced in this batch."""


def fed(
    schedule: Calendar, read: Batch, records: Mapping[PaperId, Paper], noted: Noted, at: datetime
) -> Fed | None:
    """What the feed that was `read` at `at` held; None where it is not of that time."""
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
    """The batch of a feed that may be stale.

    What was noted before came with its own. Else the records tell, where they are there: the batch cannot be older
    than what any of its papers was due for. Where they give an older one than the feeds should hold now, the feed is
    stale if that is the one before it, and if it is not dated today; otherwise it holds only papers that moderation
    kept, and cross-lists. Without records it is newer than what the query API shows.
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
    """The newest batch that any of `papers` was due for, None where their records do not tell."""
    if not all(paper in records for paper in papers):
        return None
    submitted = [records[paper].published for paper in papers]
    return max((schedule.announced_at(moment) for moment in submitted if moment), default=None)
