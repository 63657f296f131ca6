from datetime import UTC, date, datetime, timedelta

import pytest

from bot.core.models import CONFIRMING
from bot.links import PREFERRING, ExpiredLinkError, Links

NOW = datetime(2026, 2, 12, 1, 0, tzinfo=UTC)
SECRET = "a-secret-of-thirty-two-characters-and-more"


def links(at: datetime = NOW, secret: str = SECRET, archive: str | None = None) -> Links:
    return Links("https://daily.example", secret, lambda: at, archive)


def token(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_link_says_whom_it_is_about() -> None:
    ours = links()
    assert ours.read_unsubscribe(token(ours.unsubscribe(7))) == 7
    assert ours.preferring(token(ours.preferences(7))) == 7
    assert ours.confirming(token(ours.confirm(7))) == 7


def test_a_link_to_leave_is_good_for_ever_and_the_others_expire() -> None:
    ours = links()
    assert links(NOW + timedelta(days=4000)).read_unsubscribe(token(ours.unsubscribe(7))) == 7
    assert links(NOW + CONFIRMING).confirming(token(ours.confirm(7))) == 7
    with pytest.raises(ExpiredLinkError):
        links(NOW + CONFIRMING + timedelta(seconds=2)).confirming(token(ours.confirm(7)))
    with pytest.raises(ExpiredLinkError):
        links(NOW + PREFERRING + timedelta(seconds=2)).preferring(token(ours.preferences(7)))


def test_a_clock_that_is_set_back_makes_no_link_too_old() -> None:
    ours = links()
    earlier = links(NOW - timedelta(hours=1))
    assert earlier.confirming(token(ours.confirm(7))) == 7
    assert earlier.preferring(token(ours.preferences(7))) == 7


def test_what_is_forged_truncated_foreign_or_of_another_purpose_names_nobody() -> None:
    ours = links()
    leave, prefer = token(ours.unsubscribe(7)), token(ours.preferences(7))
    forged = [
        leave[:-1],
        "8" + leave[1:],
        leave + "x",
        "",
        ".",
        "7",
        "7.",
        "\u4e03." + leave,
        "7" * 5000,
        prefer,
    ]
    assert [ours.read_unsubscribe(each) for each in forged] == [None] * len(forged)
    assert ours.preferring(leave) is None
    assert ours.confirming(prefer) is None
    assert links(secret=SECRET[::-1]).read_unsubscribe(leave) is None


def test_a_tag_is_of_one_purpose_and_one_number_whatever_its_case() -> None:
    ours = links()
    tag = ours.tag("bounce", 7)
    assert tag.isalnum()
    assert tag == tag.lower()
    assert ours.is_tag(tag.upper(), "bounce", 7)
    assert not ours.is_tag(tag, "bounce", 8)
    assert not ours.is_tag(tag, "message", 7)
    assert not ours.is_tag("\u4e03", "bounce", 7)


@pytest.mark.parametrize(
    ("archive", "post"),
    [
        (None, None),
        ("https://site.example/", "https://site.example/2026/02/12/arxiv.html"),
        ("https://site.example/blog", "https://site.example/blog/2026/02/12/arxiv.html"),
        ("https://site.example/{year}-{month}-{day}/", "https://site.example/2026-02-12/"),
        ("https://site.example/{day.__class__}", "https://site.example/{day.__class__}"),
    ],
)
def test_a_post_is_where_the_site_puts_it(archive: str | None, post: str | None) -> None:
    assert links(archive=archive).post(date(2026, 2, 12)) == post
