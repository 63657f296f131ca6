"""When an edition closes, what comes late, and what is said of it: the whole program before a scripted arXiv."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bot.day import Work
from digest.collection import Standing
from digest.errors import SourceError
from digest.progress import Progress, Stage
from tests.bot.world import WEDNESDAY_NOON, World, publish, world
from tests.fakes.documents import html_page
from tests.papers import paper

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
THURSDAY_NOON = WEDNESDAY_NOON + DAY
FOR_THURSDAY = WEDNESDAY_NOON - 12 * HOUR
"""A submission in time for Tuesday evening's batch, which Thursday's edition shows."""
SUMMER = datetime.fromisoformat("2026-07-14T00:50:00+00:00")
"""The anchor of a Tuesday in July, 50 minutes after arXiv announced Monday's batch."""
FOR_SUMMER = datetime.fromisoformat("2026-07-13T12:00:00+00:00")


class Waiting:
    """Time that passes only while the program waits; `events` are what happens at which wait."""

    def __init__(self, at: datetime, **events: object) -> None:
        self.at = at
        self.waits = 0
        self.events = events

    async def pause(self, time: timedelta) -> datetime:
        self.at += time
        self.waits += 1
        event = self.events.get(f"wait_{self.waits}")
        if callable(event):
            event()
        return self.at


async def wait_for_summer(here: World, waiting: Waiting) -> Work:
    return await here.work(SUMMER, waiting.pause)


async def test_an_edition_closes_once_both_sources_agree_and_nothing_is_added(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        for number in (11, 12):
            publish(here.arxiv, number, submitted=FOR_SUMMER)

        def feed_is_built() -> None:
            here.arxiv.announced = [("2602.00011v1", "new"), ("2602.00012v1", "new")]

        waiting = Waiting(SUMMER, wait_20=feed_is_built)
        made = await wait_for_summer(here, waiting)
    assert waiting.waits == 20
    assert Progress(Stage.WAIT, 20, 31) in here.progress
    assert made.outcome.standing is Standing.CLOSED
    assert [len(closed.versions) for closed in made.outcome.closed] == [2]


async def test_a_paper_that_is_added_while_waiting_is_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        publish(here.arxiv, 11, submitted=FOR_SUMMER)

        def feed_is_built() -> None:
            here.arxiv.announced = [("2602.00011v1", "new"), ("2602.00012v1", "new")]

        def query_has_it() -> None:
            publish(here.arxiv, 12, submitted=FOR_SUMMER)

        waiting = Waiting(SUMMER, wait_20=feed_is_built, wait_25=query_has_it)
        made = await wait_for_summer(here, waiting)
    assert waiting.waits == 26
    assert [len(closed.versions) for closed in made.outcome.closed] == [2]


async def test_at_the_deadline_an_edition_closes_over_what_is_there_and_the_rest_is_late(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        publish(here.arxiv, 11, submitted=FOR_SUMMER)
        here.arxiv.announced = [("2602.00011v1", "new"), ("2602.00012v1", "new")]
        waiting = Waiting(SUMMER)
        made = await wait_for_summer(here, waiting)
        assert waiting.at >= datetime.fromisoformat("2026-07-14T06:00:00+00:00")
        assert [len(closed.versions) for closed in made.outcome.closed] == [1]
        assert [str(paper) for paper in made.unexplained] == ["2602.00012"]
        publish(here.arxiv, 12, submitted=FOR_SUMMER)
        publish(here.arxiv, 13, submitted=FOR_SUMMER + DAY)
        here.arxiv.announced = None
        made = await here.work(SUMMER + DAY + 5 * HOUR)
    assert made.unexplained == ()
    assert [(closed.fetched, closed.late) for closed in made.outcome.closed] == [(2, 1)]
    assert "本页显示：2 篇（去重/过滤后） \\| 补收：1 篇" in here.post("2026-07-15")


async def monday_in_summer(here: World) -> None:
    """The edition of the day before `SUMMER` is made."""
    publish(here.arxiv, 10, submitted=FOR_SUMMER - 3 * DAY)
    made = await here.work(SUMMER - DAY + 8 * HOUR)
    assert made.outcome.standing is Standing.CLOSED


async def test_a_batch_that_never_shows_is_no_empty_day(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await monday_in_summer(here)
        made = await wait_for_summer(here, Waiting(SUMMER))
        assert made.outcome.standing is Standing.MISSING
        assert [post.name for post in here.posts.iterdir()] == ["2026-07-13-arxiv.md"]
        publish(here.arxiv, 11, submitted=FOR_SUMMER)
        made = await here.work(SUMMER + 8 * HOUR)
    assert made.outcome.standing is Standing.CLOSED


async def test_a_clock_that_is_set_back_while_waiting_ends_no_later(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await monday_in_summer(here)
        waiting = Waiting(SUMMER)

        async def pause(time: timedelta) -> datetime:
            await waiting.pause(time)
            return SUMMER - DAY

        await here.work(SUMMER, pause)
    assert waiting.waits < 40


async def test_failing_looks_are_repeated_until_the_deadline(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        publish(here.arxiv, 11, submitted=FOR_SUMMER)
        here.arxiv.faults.extend(["503"] * 6)
        made = await wait_for_summer(here, Waiting(SUMMER))
        assert made.outcome.standing is Standing.CLOSED
        here.arxiv.faults.extend(["503"] * 1000)
        with pytest.raises(SourceError):
            await here.work(SUMMER + DAY, Waiting(SUMMER + DAY).pause)


async def test_what_the_feed_names_and_the_query_lacks_is_fetched_by_its_identifier(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        old = paper(9, submitted=WEDNESDAY_NOON - 200 * DAY, title="As the API has it")
        here.arxiv.papers.append(old)
        here.arxiv.announced = [("2602.00009v1", "cross"), *((f"2602.0000{n}v1", "new") for n in (1, 2, 3))]
        account = await here.run()
    assert account
    assert (account.papers, account.edition.late) == (4, 0)
    assert "As the API has it" in here.post("2026-02-11")
    assert "As the feed has it" not in here.post("2026-02-11")


async def test_a_category_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        made = await here.work(WEDNESDAY_NOON, arxiv_categories=("cs.SD", "cs.ZZ"))
        assert made.outcome.silent == ("cs.ZZ",)
        with pytest.raises(SourceError, match=r"no paper in cs\.ZZ .* right categories"):
            await here.work(THURSDAY_NOON, arxiv_categories=("cs.ZZ",))


async def test_a_paper_whose_categories_change_is_shown_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.run()
        here.arxiv.papers[0] = paper(1, version=2, categories=("cs.LG", "cs.SD"))
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        account = await here.run(THURSDAY_NOON)
    assert account
    assert [str(entry.paper.version) for entry in account.edition.entries] == ["2602.00004v1"]


async def test_missed_editions_come_back_each_on_its_day_or_in_one(tmp_path: Path) -> None:
    for mode, days in (("each", [12, 13]), ("one", [13])):
        (tmp_path / mode).mkdir()
        async with world(tmp_path / mode, catch_up=mode) as here:
            await here.run()
            publish(here.arxiv, 4, submitted=FOR_THURSDAY)
            publish(here.arxiv, 5, submitted=FOR_THURSDAY + DAY)
            made = await here.work(THURSDAY_NOON + DAY)
            assert [closed.date for closed in made.outcome.closed] == [date(2026, 2, day) for day in days]
            assert sum(len(closed.versions) for closed in made.outcome.closed) == 2
        assert ("2026-02-11 08:50 — 2026-02-13 08:50" in here.post("2026-02-13")) == (mode == "one")


async def test_a_clock_that_jumps_back_makes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.run()
        made = await here.work(WEDNESDAY_NOON - 5 * DAY)
        assert (made.outcome.standing, made.outcome.closed) == (Standing.PASSED, ())
        assert [post.name for post in here.posts.iterdir()] == ["2026-02-11-arxiv.md"]


async def test_a_late_text_completes_the_post_of_its_day_with_growing_pauses(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        page = here.arxiv.html.pop("2602.00002v1")
        await here.run()
        asked = len(here.arxiv.requests)
        await here.run(WEDNESDAY_NOON + timedelta(minutes=10))
        assert len(here.arxiv.requests) == asked
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        await here.run(THURSDAY_NOON)
        assert "取得全文后补上解读" in here.post("2026-02-11")
        here.arxiv.html["2602.00002v1"] = page
        made = await here.work(THURSDAY_NOON + 20 * HOUR)
        assert "取得全文后补上解读" not in here.post("2026-02-11")
        assert made.accounts[0].edition.date == date(2026, 2, 11)
        assert made.accounts[0].changed
        assert [len(each.accounts) for each in [await here.work(THURSDAY_NOON + 20 * HOUR)]] == [1]


async def test_a_text_that_does_not_come_within_a_week_is_given_up(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.html.pop("2602.00002v1")
        await here.run()
        await here.work(WEDNESDAY_NOON + 8 * DAY)
        assert "（没有解读。）" in here.post("2026-02-11")
        here.arxiv.html["2602.00002v1"] = html_page("late", 2)
        await here.work(WEDNESDAY_NOON + 9 * DAY)
    assert "（没有解读。）" in here.post("2026-02-11")


async def test_replacements_have_a_section_of_their_own_for_those_who_want_it(tmp_path: Path) -> None:
    for wanted in (True, False):
        (tmp_path / str(wanted)).mkdir()
        async with world(tmp_path / str(wanted), replacements=wanted) as here:
            here.arxiv.papers += [
                paper(8, version=2, submitted=WEDNESDAY_NOON - 90 * DAY),
                paper(
                    9,
                    version=3,
                    submitted=WEDNESDAY_NOON - 90 * DAY,
                    abstract="This paper has been withdrawn.",
                ),
            ]
            here.arxiv.announced = [
                *((f"2602.0000{n}v1", "new") for n in (1, 2, 3)),
                ("2602.00008v2", "replace"),
                ("2602.00009v3", "replace-cross"),
            ]
            account = await here.run()
        assert account
        assert account.papers == 3
        assert ("## 更新的论文" in here.post("2026-02-11")) == wanted
        assert ("Room 8\n" in here.post("2026-02-11")) == wanted
        assert ("Room 9 （已撤稿）" in here.post("2026-02-11")) == wanted


async def test_a_withdrawn_paper_is_shown_as_withdrawn(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.papers[0] = paper(1, version=2, abstract="This paper has been withdrawn by the authors.")
        account = await here.run()
    assert account
    assert (account.papers, account.read) == (3, 2)
    assert "（本文已撤稿。）" in here.post("2026-02-11")


async def test_an_edition_that_leaves_out_all_its_papers_has_no_post(tmp_path: Path) -> None:
    async with world(tmp_path, include_keywords="dance") as here:
        account = await here.run()
        assert account
        assert (account.post, account.papers, account.edition.fetched) == (None, 0, 3)
        assert list(here.posts.iterdir()) == []
