"""Tests of the closing of editions, of late papers and their notices: the whole program with a scripted arXiv."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from bot.daily_run import Work
from digest.archive.importing import take_over
from digest.core import ids
from digest.core.errors import EmptyPageError, SourceError, StoreError
from digest.core.models import Reason
from digest.core.progress import Progress, Stage
from digest.pipeline import coverage, ingest, open_days
from digest.pipeline.close_editions import ClosingState
from digest.pipeline.coverage import Absence
from digest.pipeline.ingest import WrongCategoriesError
from digest.render import terminal
from tests.bot.world import WEDNESDAY_NOON, World, publish, world
from tests.editions import edition, entry
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
    """Time that passes only while the program waits; `events` run at the wait of their number."""

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
    assert made.outcome.standing is ClosingState.CLOSED
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
    assert "本页显示：2 篇（去重/过滤后） \\| 此前漏收：1 篇" in here.post("2026-07-15")


async def monday_in_summer(here: World) -> None:
    """Make the edition of the day before `SUMMER`."""
    publish(here.arxiv, 10, submitted=FOR_SUMMER - 3 * DAY)
    made = await here.work(SUMMER - DAY + 8 * HOUR)
    assert made.outcome.standing is ClosingState.CLOSED


async def test_a_batch_that_never_shows_is_no_empty_day(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await monday_in_summer(here)
        made = await wait_for_summer(here, Waiting(SUMMER))
        assert made.outcome.standing is ClosingState.MISSING
        assert [post.name for post in here.posts.iterdir()] == ["2026-07-13-arxiv.md"]
        publish(here.arxiv, 11, submitted=FOR_SUMMER)
        made = await here.work(SUMMER + 8 * HOUR)
    assert made.outcome.standing is ClosingState.CLOSED


async def test_a_clock_that_is_set_back_while_waiting_ends_no_later(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await monday_in_summer(here)
        waiting = Waiting(SUMMER)

        async def pause(time: timedelta) -> datetime:
            await waiting.pause(time)
            return SUMMER - DAY

        await here.work(SUMMER, pause)
    assert waiting.waits < 40


async def test_a_clock_that_jumps_while_waiting_closes_no_other_day_and_denies_no_batch(
    tmp_path: Path,
) -> None:
    for jump, standing in ((-2 * DAY, ClosingState.NOT_YET), (2 * DAY, ClosingState.CLOSED)):
        folder = tmp_path / str(jump.days)
        folder.mkdir()
        async with world(folder) as here:
            await monday_in_summer(here)

            async def pause(_: timedelta, jump: timedelta = jump, here: World = here) -> datetime:
                if jump > 0 * DAY:
                    for n in range(3):
                        publish(here.arxiv, 11 + n, submitted=FOR_SUMMER + n * DAY)
                return SUMMER + jump

            made = await here.work(SUMMER, pause)
        assert made.outcome.standing is standing
        assert [closed.date for closed in made.outcome.closed] == [date(2026, 7, 14)] * (jump > 0 * DAY)


async def test_failing_looks_are_repeated_until_the_deadline(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        publish(here.arxiv, 11, submitted=FOR_SUMMER)
        here.arxiv.faults.extend(["503"] * 6)
        made = await wait_for_summer(here, Waiting(SUMMER))
        assert made.outcome.standing is ClosingState.CLOSED
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
        with pytest.raises(SourceError, match=r"no papers in cs\.ZZ .* right categories"):
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
        assert (made.outcome.standing, made.outcome.closed) == (ClosingState.PASSED, ())
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


def in_the_feed(here: World, *announced: tuple[str, str], fed_on: str = "") -> None:
    """Let the feed hold these versions, each with its kind of announcement."""
    here.arxiv.announced = list(announced)
    here.arxiv.fed_on = fed_on


def new(*numbers: int) -> list[tuple[str, str]]:
    return [(f"2602.{number:05d}v1", "new") for number in numbers]


OLD = WEDNESDAY_NOON - 200 * DAY
"""A submission that no query reaches back to."""
CROSS = ("2602.00009v1", "cross")


@pytest.mark.parametrize("moved", [{"digest_time": "20:00"}, {"timezone": "Europe/London"}])
async def test_after_the_digest_time_moves_no_day_closes_twice_and_nothing_is_lost(
    tmp_path: Path, moved: dict[str, str]
) -> None:
    async with world(tmp_path) as here:
        await here.run()
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        async with asyncio.timeout(300):
            await here.work(WEDNESDAY_NOON + 10 * HOUR, None, **moved)
            publish(here.arxiv, 5, submitted=FOR_THURSDAY + DAY)
            made = await here.work(WEDNESDAY_NOON + 2 * DAY, None, **moved)
    [closed] = made.outcome.closed
    assert closed.date == date(2026, 2, 12)
    assert [str(version) for version in closed.versions] == ["2602.00005v1", "2602.00004v1"]
    assert made.unexplained == ()


@pytest.mark.parametrize("moved", [{"digest_time": "10:00"}, {"timezone": "America/Los_Angeles"}])
async def test_the_account_of_closed_days_stays_as_it_was_when_the_digest_time_moves(
    tmp_path: Path, moved: dict[str, str]
) -> None:
    async with world(tmp_path) as here:
        await here.run()
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        await here.run(THURSDAY_NOON)
        accounts = []
        for overrides in ({}, moved):
            async with here.app(THURSDAY_NOON, **overrides) as app:
                days = await coverage.between(
                    app.engine, app.plan.calendar, date(2026, 2, 11), date(2026, 2, 12)
                )
            accounts.append([(each.day.day, each.batches, each.listed, each.shown) for each in days])
    assert accounts[0] == accounts[1]
    assert [shown for *_, shown in accounts[1]] == [3, 1]


async def test_a_day_that_another_process_closed_is_not_reported_as_closed_again(tmp_path: Path) -> None:
    async with world(tmp_path) as here, here.app(WEDNESDAY_NOON) as app:
        look = await ingest.look(
            app.engine,
            app.sources,
            app.plan.calendar,
            app.plan.categories,
            WEDNESDAY_NOON - DAY,
            WEDNESDAY_NOON,
            replacements=False,
        )
        before = await open_days.read(app.engine, app.plan, WEDNESDAY_NOON)
        await open_days.close_next(app.engine, app.plan, look, before, patient=False)
        with pytest.raises(StoreError, match="closed by another arxiv-daily"):
            await open_days.close_next(app.engine, app.plan, look, before, patient=False)


async def test_a_paper_that_somebody_asked_for_is_shown_when_it_is_cross_listed(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.papers.append(paper(9, submitted=OLD, categories=("cs.CL",)))
        async with here.app(WEDNESDAY_NOON - 3 * DAY) as app:
            await app.paper_service.paper(ids.parse("2602.00009"))
        here.arxiv.papers[-1] = paper(9, submitted=OLD, categories=("cs.CL", "cs.SD"))
        in_the_feed(here, CROSS, *new(1, 2, 3))
        made = await here.work(WEDNESDAY_NOON)
    assert made.unexplained == ()
    assert made.accounts[-1].papers == 4


async def test_what_the_query_api_lacked_when_an_edition_closed_is_asked_for_again(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        in_the_feed(here, CROSS, *new(1, 2, 3))
        made = await here.work(WEDNESDAY_NOON)
        assert [str(lacking) for lacking in made.unexplained] == ["2602.00009"]
        here.arxiv.papers.append(paper(9, submitted=OLD))
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        in_the_feed(here, *new(4))
        made = await here.work(THURSDAY_NOON)
    assert made.unexplained == ()
    assert [(closed.fetched, closed.late) for closed in made.outcome.closed] == [(2, 1)]


async def test_what_arxiv_announced_and_never_had_has_a_reason_after_a_week(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        in_the_feed(here, CROSS, *new(1, 2, 3))
        await here.work(WEDNESDAY_NOON)
        in_the_feed(here)
        told = []
        for n in (6, 8):
            at = WEDNESDAY_NOON + n * DAY
            publish(here.arxiv, 4 + n, submitted=at - 36 * HOUR)
            await here.work(at)
            async with here.app(at) as app:
                day = date(2026, 2, 11)
                [account] = await coverage.between(app.engine, app.plan.calendar, day, day)
            told.append(([str(each) for each in account.unexplained], dict(account.reasons)))
    assert told == [(["2602.00009"], {}), ([], {Reason.GONE: 1})]


async def test_a_batch_of_cross_lists_alone_is_an_edition(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        in_the_feed(here, *new(1, 2, 3))
        await here.work(WEDNESDAY_NOON)
        here.arxiv.papers.append(paper(9, submitted=OLD))
        in_the_feed(here, CROSS)
        made = await here.work(THURSDAY_NOON)
    assert made.outcome.standing is ClosingState.CLOSED
    assert [(closed.fetched, closed.late) for closed in made.outcome.closed] == [(1, 0)]


async def test_a_batch_of_replacements_alone_holds_nothing_new(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        in_the_feed(here, *new(1, 2, 3))
        await here.work(WEDNESDAY_NOON)
        in_the_feed(here, ("2501.00009v2", "replace"))
        made = await here.work(THURSDAY_NOON)
    assert (made.outcome.standing, made.outcome.closed) == (ClosingState.NOTHING, ())


async def test_papers_that_missed_their_edition_do_not_wait_where_the_next_batch_is_empty(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        in_the_feed(here, CROSS, *new(1, 2, 3))
        await here.work(WEDNESDAY_NOON)
        here.arxiv.papers.append(paper(9, submitted=OLD))
        in_the_feed(here, fed_on="Wed, 11 Feb 2026 00:00:00 -0500")
        made = await here.work(THURSDAY_NOON)
    assert made.outcome.standing is ClosingState.CLOSED
    assert [(closed.fetched, closed.late) for closed in made.outcome.closed] == [(1, 1)]


FRIDAY_IN_SUMMER = SUMMER + 3 * DAY + 8 * HOUR


async def thursday_in_summer(here: World) -> None:
    """Make the edition of the day before `FRIDAY_IN_SUMMER`."""
    publish(here.arxiv, 10, submitted=FOR_SUMMER + 2 * DAY)
    await here.work(FRIDAY_IN_SUMMER - DAY)


async def test_after_an_empty_batch_the_days_without_one_are_quiet(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await thursday_in_summer(here)
        statuses = []
        for n, fed_on in enumerate(["Fri, 17 Jul 2026", "Sat, 18 Jul 2026", "Sun, 19 Jul 2026"]):
            in_the_feed(here, fed_on=f"{fed_on} 00:00:00 -0400")
            made = await here.work(FRIDAY_IN_SUMMER + n * DAY)
            statuses.append((made.outcome.standing, made.outcome.overdue))
    assert statuses == [
        (ClosingState.NOTHING, None),
        (ClosingState.NO_BATCH, None),
        (ClosingState.NO_BATCH, None),
    ]


async def test_an_empty_batch_whose_papers_show_all_the_same_has_its_edition(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await thursday_in_summer(here)
        in_the_feed(here, fed_on="Fri, 17 Jul 2026 00:00:00 -0400")
        await here.work(FRIDAY_IN_SUMMER)
        publish(here.arxiv, 11, submitted=FOR_SUMMER + 3 * DAY)
        made = await here.work(FRIDAY_IN_SUMMER + DAY)
    assert [closed.date for closed in made.outcome.closed] == [date(2026, 7, 17)]


async def test_a_batch_that_is_missing_is_named_by_its_own_day_on_the_days_after_it(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await thursday_in_summer(here)
        friday = await here.work(FRIDAY_IN_SUMMER)
        saturday = await here.work(FRIDAY_IN_SUMMER + DAY)
    assert (friday.outcome.standing, friday.outcome.overdue) == (ClosingState.MISSING, None)
    assert (saturday.outcome.standing, saturday.outcome.overdue) == (ClosingState.NO_BATCH, date(2026, 7, 17))


async def test_wrong_categories_are_not_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        waiting = Waiting(SUMMER)
        with pytest.raises(WrongCategoriesError, match="right categories"):
            await here.work(SUMMER, waiting.pause, arxiv_categories=("cs.ZZ",))
    assert waiting.waits == 0


async def test_an_answer_without_papers_is_a_fault_where_there_were_some(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await monday_in_summer(here)
        publish(here.arxiv, 11, submitted=FOR_SUMMER)
        papers = list(here.arxiv.papers)
        here.arxiv.papers.clear()
        with pytest.raises(EmptyPageError, match="although it has shown some before"):
            await here.work(SUMMER)
        waiting = Waiting(SUMMER, wait_3=lambda: here.arxiv.papers.extend(papers))
        made = await here.work(SUMMER, waiting.pause)
    assert made.outcome.standing is ClosingState.CLOSED


async def test_looks_that_take_long_do_not_put_off_the_deadline(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await monday_in_summer(here)
        here.arxiv.faults.extend(["503"] * 1000)
        waiting = Waiting(SUMMER)
        with pytest.raises(SourceError):
            await here.work(SUMMER, lambda time: waiting.pause(time + HOUR / 2))
    assert SUMMER + 5 * HOUR < waiting.at < SUMMER + 6 * HOUR


async def test_missed_batches_in_one_edition_leave_the_next_day_open_for_its_own(tmp_path: Path) -> None:
    async with world(tmp_path, catch_up="one", digest_time="announced") as here:
        await here.run()
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        thursday = await here.work(THURSDAY_NOON)
        publish(here.arxiv, 5, submitted=FOR_THURSDAY + DAY)
        later = await here.work(THURSDAY_NOON + HOUR)
    assert [closed.date for closed in thursday.outcome.closed] == [date(2026, 2, 11)]
    assert [closed.date for closed in later.outcome.closed] == [date(2026, 2, 12)]


async def test_the_account_of_a_day_whose_batch_came_in_another_edition_names_that_edition(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, catch_up="one") as here:
        await here.run()
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        publish(here.arxiv, 5, submitted=FOR_THURSDAY + DAY)
        at = THURSDAY_NOON + DAY
        await here.work(at)
        async with here.app(at) as app:
            days = await coverage.between(app.engine, app.plan.calendar, date(2026, 2, 11), date(2026, 2, 13))
    _, merged, newest = days
    assert (merged.listed, merged.shown, merged.days_elsewhere) == (1, 0, {date(2026, 2, 13): 1})
    assert (newest.listed, newest.shown, newest.late) == (1, 1, 0)
    assert "1 in the edition of 2026-02-13\n" in terminal.render("coverage", days=days)


async def test_the_account_says_of_days_between_old_posts_that_nobody_was_watching(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        async with here.app(WEDNESDAY_NOON) as app:
            for day in (date(2026, 2, 5), date(2026, 2, 7)):
                window = app.plan.calendar.window_of(day)
                old = replace(edition(entry(day.day)), date=day, window=window)
                await take_over(app.engine, old, WEDNESDAY_NOON)
        await here.run()
        async with here.app(WEDNESDAY_NOON) as app:
            days = await coverage.between(app.engine, app.plan.calendar, date(2026, 2, 5), date(2026, 2, 11))
    absent = {each.day.day: each.absence for each in days if each.batches}
    assert absent == {5: None, 6: Absence.UNWATCHED, 7: None, 10: Absence.ELSEWHERE, 11: None}


async def test_after_an_outage_of_any_length_each_missed_batch_comes_back(tmp_path: Path) -> None:
    at = WEDNESDAY_NOON + 400 * DAY
    missed = [WEDNESDAY_NOON + 40 * DAY, WEDNESDAY_NOON + 200 * DAY, at - DAY - 12 * HOUR]
    async with world(tmp_path, openai_api_key=None) as here:
        await here.run()
        for number, submitted in enumerate(missed, start=4):
            publish(here.arxiv, number, submitted=submitted)
        made = await here.work(at)
        async with here.app(at) as app:
            days = await coverage.between(app.engine, app.plan.calendar, date(2026, 2, 11), date(2027, 3, 18))
            calendar = app.plan.calendar
    assert [closed.date for closed in made.outcome.closed] == [
        calendar.edition_of(calendar.announced_at(submitted)) for submitted in missed
    ]
    assert [len(closed.versions) for closed in made.outcome.closed] == [1, 1, 1]
    assert sum(each.shown for each in days) == 6
    assert made.unexplained == ()
    spans = [unquote(request) for request in here.arxiv.requests if "submittedDate" in request]
    assert len(spans) == 1 + 14  # one month after another, none of them asked for twice


async def test_what_was_announced_since_an_old_post_is_not_made_up_for_where_nobody_watched(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, openai_api_key=None) as here:
        async with here.app(WEDNESDAY_NOON) as app:
            day = date(2025, 6, 3)
            old = replace(edition(entry(9)), date=day, window=app.plan.calendar.window_of(day))
            await take_over(app.engine, old, WEDNESDAY_NOON)
        publish(here.arxiv, 4, submitted=WEDNESDAY_NOON - 8 * DAY)
        made = await here.work(WEDNESDAY_NOON)
    assert [(closed.date, len(closed.versions)) for closed in made.outcome.closed] == [(date(2026, 2, 11), 3)]
    assert made.unexplained == ()


async def test_a_late_paper_that_a_clock_ahead_saw_first_is_accounted_for_and_comes_with_the_next_edition(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        await here.run()
        publish(here.arxiv, 4)
        async with here.app(WEDNESDAY_NOON) as app:
            for at in (WEDNESDAY_NOON + 20 * DAY, WEDNESDAY_NOON + HOUR):
                await ingest.look(
                    app.engine,
                    app.sources,
                    app.plan.calendar,
                    app.plan.categories,
                    WEDNESDAY_NOON - DAY,
                    at,
                    replacements=False,
                )
            days = await coverage.between(app.engine, app.plan.calendar, date(2026, 2, 11), date(2026, 2, 12))
        publish(here.arxiv, 5, submitted=FOR_THURSDAY)
        made = await here.work(THURSDAY_NOON)
    assert [str(paper) for each in days for paper in each.waiting] == ["2602.00004"]
    assert [len(closed.versions) for closed in made.outcome.closed] == [2]


async def test_a_category_that_is_watched_again_brings_no_papers_from_the_time_between(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        await here.run()
        here.arxiv.papers.append(paper(5, submitted=FOR_THURSDAY, categories=("cs.SD",)))
        await here.work(THURSDAY_NOON, arxiv_categories=("cs.SD",))
        here.arxiv.papers.append(paper(4, submitted=FOR_THURSDAY, categories=("eess.AS",)))
        here.arxiv.papers.append(paper(6, submitted=FOR_THURSDAY + DAY, categories=("eess.AS",)))
        before_the_next_batch = THURSDAY_NOON + DAY - timedelta(hours=3, minutes=5)
        made = await here.work(before_the_next_batch)
    [closed] = made.outcome.closed
    assert ([str(version) for version in closed.versions], closed.late) == (["2602.00006v1"], 0)
    assert made.unexplained == ()


async def test_a_replacement_whose_record_lags_comes_with_the_next_edition(tmp_path: Path) -> None:
    async with world(tmp_path, replacements=True) as here:
        in_the_feed(here, *new(1, 2, 3))
        await here.run()
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        in_the_feed(here, *new(4), ("2602.00001v2", "replace"))
        thursday = await here.work(THURSDAY_NOON)
        here.arxiv.papers[0] = paper(1, version=2)
        publish(here.arxiv, 5, submitted=FOR_THURSDAY + DAY)
        in_the_feed(here, *new(5))
        friday = await here.work(THURSDAY_NOON + DAY)
        publish(here.arxiv, 6, submitted=FOR_THURSDAY + 5 * DAY)
        in_the_feed(here, *new(6))
        later = await here.work(THURSDAY_NOON + 6 * DAY)
    replaced = [[str(v) for v in made.outcome.closed[0].replacements] for made in (thursday, friday, later)]
    assert replaced == [[], ["2602.00001v2"], []]


async def test_the_replacement_of_a_paper_from_before_the_first_edition_is_no_late_paper(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, replacements=True) as here:
        in_the_feed(here, *new(1, 2, 3))
        await here.run()
        here.arxiv.papers.append(paper(9, version=2, submitted=OLD))
        publish(here.arxiv, 4, submitted=FOR_THURSDAY)
        in_the_feed(here, *new(4), ("2602.00009v2", "replace"))
        made = await here.work(THURSDAY_NOON)
    [closed] = made.outcome.closed
    assert [str(version) for version in closed.versions] == ["2602.00004v1"]
    assert [str(version) for version in closed.replacements] == ["2602.00009v2"]


async def test_missed_editions_are_made_before_the_newest_is_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        publish(here.arxiv, 10, submitted=FOR_SUMMER - 3 * DAY)
        waiting = Waiting(SUMMER)
        posts = []

        async def pause(time: timedelta) -> datetime:
            posts.append([post.name for post in here.posts.iterdir()])
            return await waiting.pause(time)

        made = await here.work(SUMMER, pause)
        assert len(here.model.requests) == 2
    assert posts[0] == ["2026-07-13-arxiv.md"]
    assert [(account.edition.date, account.changed) for account in made.news] == [(date(2026, 7, 13), True)]
