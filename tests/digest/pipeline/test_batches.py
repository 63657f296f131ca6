"""Tests of which batch a feed holds, however stale it is."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.arxiv.announcements import AnnounceType
from digest.arxiv.calendar import NEW_YORK, Calendar
from digest.arxiv.rss import Announcement, Batch
from digest.core import ids
from digest.core.models import Paper, PaperId
from digest.pipeline.ingest import FeedBatch, Noted, fed
from tests.papers import paper

CALENDAR = Calendar(time(8, 50), ZoneInfo("Asia/Shanghai"))
MONDAY, TUESDAY = (datetime(2026, 2, day, 20, tzinfo=NEW_YORK) for day in (9, 10))
AT = datetime(2026, 2, 11, 1, tzinfo=NEW_YORK)
"""An hour after the feeds were built with Tuesday's batch."""
TODAY = date(2026, 2, 11)
FOR_MONDAY, FOR_TUESDAY = MONDAY - timedelta(hours=8), TUESDAY - timedelta(hours=8)


def announced(version: str, kind: str = "new") -> Announcement:
    return Announcement(ids.version(version), AnnounceType(kind))


def records(*papers: Paper) -> dict[PaperId, Paper]:
    return {each.id: each for each in papers}


def held(
    read: Batch, papers: Mapping[PaperId, Paper] | None = None, noted: Noted | None = None
) -> FeedBatch | None:
    return fed(CALENDAR, read, papers or {}, noted or {}, AT)


def batch_of(
    read: Batch, papers: Mapping[PaperId, Paper] | None = None, noted: Noted | None = None
) -> datetime | None:
    found = held(read, papers, noted)
    return found.batch if found else None


def test_what_the_query_does_not_show_yet_is_in_the_newest_batch() -> None:
    read = Batch(None, (announced("2602.00001v1"), announced("2602.00002v1")))
    assert batch_of(read, records(paper(1, submitted=FOR_MONDAY))) == TUESDAY


def test_a_feed_of_the_day_before_is_known_by_its_papers() -> None:
    read = Batch(TODAY - timedelta(days=1), (announced("2602.00001v1"),))
    assert batch_of(read, records(paper(1, submitted=FOR_MONDAY))) == MONDAY
    assert batch_of(read, records(paper(1, submitted=FOR_TUESDAY))) == TUESDAY


def test_a_feed_that_was_read_before_is_stale_whatever_its_date() -> None:
    read = Batch(TODAY, (announced("2602.00001v1", "cross"),))
    noted = {(ids.version("2602.00001v1"), AnnounceType.CROSS): MONDAY}
    assert batch_of(read, records(paper(1, submitted=FOR_MONDAY)), noted) == MONDAY


def test_where_one_category_is_stale_its_papers_keep_their_batch() -> None:
    read = Batch(TODAY, (announced("2602.00001v1"), announced("2602.00002v1")))
    found = held(read, noted={(ids.version("2602.00001v1"), AnnounceType.NEW): MONDAY})
    assert found
    assert [each.batch for each in found.names] == [MONDAY, TUESDAY]


def test_cross_lists_and_held_papers_alone_are_no_older_batch() -> None:
    for day in (TODAY, TODAY - timedelta(days=1), None):
        read = Batch(day, (announced("2602.00009v1", "cross"),))
        old = records(paper(9, submitted=AT - timedelta(days=200)))
        assert batch_of(read, old) == TUESDAY


def test_a_feed_of_another_day_says_nothing() -> None:
    assert held(Batch(TODAY - timedelta(days=2), (announced("2602.00001v1"),))) is None


def test_a_batch_is_empty_where_the_feed_of_its_day_announces_nothing_new() -> None:
    replaced = (announced("2501.00001v2", "replace"),)
    reads = {
        Batch(TODAY, ()): True,
        Batch(TODAY, replaced): True,
        Batch(None, replaced): True,
        Batch(None, ()): False,
        Batch(TODAY - timedelta(days=1), ()): False,
        Batch(TODAY - timedelta(days=1), replaced): False,
        Batch(TODAY, (announced("2602.00001v1", "cross"),)): False,
    }
    found = {read: held(read) for read in reads}
    assert {read: each.is_empty for read, each in found.items() if each} == reads
