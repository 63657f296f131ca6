from collections import Counter
from datetime import date

import pytest

from digest.arxiv import rss
from digest.arxiv.announcements import AnnounceType
from digest.arxiv.rss import Announcement
from digest.core.errors import MalformedError
from digest.core.models import PaperId, VersionId
from tests.shared import shared_data


def feed(*items: str, built: str = "Tue, 10 Feb 2026 00:00:00 -0500") -> bytes:
    return (
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" version="2.0"><channel>'
        f"<pubDate>{built}</pubDate>{''.join(items)}</channel></rss>"
    ).encode()


def item(guid: str, kind: str) -> str:
    return f"<item><guid>{guid}</guid><arxiv:announce_type>{kind}</arxiv:announce_type></item>"


def test_a_batch_tells_what_was_announced_and_how() -> None:
    batch = rss.parse(
        feed(item("oai:arXiv.org:2602.00001v1", "new"), item("oai:arXiv.org:hep-ex/0406020v3", "replace"))
    )
    assert batch.day == date(2026, 2, 10)
    assert batch.announcements == (
        Announcement(VersionId(PaperId("2602.00001"), 1), AnnounceType.NEW),
        Announcement(VersionId(PaperId("hep-ex/0406020"), 3), AnnounceType.REPLACE),
    )


def test_an_empty_feed_is_a_day_without_a_batch() -> None:
    assert rss.parse(feed(built="")).announcements == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Down</body></html>",
        feed()[:-20],
        feed(item("2602.00001", "new")),
        feed(item("2602.00001v1", "odd")),
    ],
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        rss.parse(body)


def test_a_recorded_feed_is_understood() -> None:
    batch = rss.parse(shared_data("rss", "rss20_stat_2024-03-26_123items.xml").read_bytes())
    assert batch.day == date(2024, 3, 26)
    assert Counter(announcement.type for announcement in batch.announcements) == {
        AnnounceType.NEW: 35,
        AnnounceType.CROSS: 27,
        AnnounceType.REPLACE: 41,
        AnnounceType.REPLACE_CROSS: 20,
    }
