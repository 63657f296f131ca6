import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from bot import post_writer
from digest.core.errors import EmptyPageError, MalformedError
from digest.core.progress import Stage
from digest.pipeline.close_editions import ClosingState
from tests.bot.world import WEDNESDAY_NOON, publish, world
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked, says, status

DAY = timedelta(days=1)


async def test_an_edition_goes_from_arxiv_to_a_post(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        account = await here.run()
    assert account
    assert (account.papers, account.translated, account.read) == (3, 3, 3)
    assert (account.waiting, account.failed) == (0, 0)
    assert account.tokens > 0
    post = here.post("2026-02-11")
    assert post.count("\n## EchoNet-") == 3
    assert "抓取总数：3 篇" in post
    assert "在公开数据集上，错误率最多下降12.5%。" in post
    assert {progress.stage for progress in here.progress} == set(Stage) - {Stage.WAIT}


async def test_an_edition_is_made_on_either_database(tmp_path: Path, database_url: str) -> None:
    async with world(tmp_path, database_url=database_url) as here:
        await here.run()
        account = await here.run(WEDNESDAY_NOON + timedelta(hours=1))
    assert account
    assert (account.papers, account.translated, account.read, account.tokens) == (3, 3, 3, 0)
    assert len(here.model.requests) == 6


async def test_a_second_run_asks_the_model_nothing_and_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.run()
        written = (here.posts / "2026-02-11-arxiv.md").stat()
        asked = len(here.model.requests)
        account = await here.run(WEDNESDAY_NOON + timedelta(hours=1))
        again = (here.posts / "2026-02-11-arxiv.md").stat()
    assert account
    assert (account.papers, account.tokens) == (3, 0)
    assert len(here.model.requests) == asked == 6
    assert (again.st_mtime_ns, again.st_ino) == (written.st_mtime_ns, written.st_ino)


async def test_each_paper_is_in_the_edition_of_the_day_on_which_it_first_shows(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.run()
        publish(here.arxiv, 4, submitted=WEDNESDAY_NOON - 12 * DAY)  # moderation held it
        publish(here.arxiv, 5, submitted=WEDNESDAY_NOON - timedelta(hours=12))
        account = await here.run(WEDNESDAY_NOON + DAY)
    assert account
    assert account.papers == 2
    post = here.post("2026-02-12")
    assert post.count("\n## ") == 2
    assert "EchoNet-4" in post
    assert "EchoNet-5" in post


async def test_what_shows_only_after_a_run_is_in_the_next_days_edition(tmp_path: Path) -> None:
    async with world(tmp_path, papers=0, digest_time="announced") as here:
        publish(here.arxiv, 1, submitted=WEDNESDAY_NOON - 5 * DAY)
        first = await here.run()
        # Tuesday's batch, which lagged behind that run
        publish(here.arxiv, 2, submitted=WEDNESDAY_NOON - timedelta(hours=12))
        account = await here.run(WEDNESDAY_NOON + DAY)
    assert first
    assert account
    assert (first.papers, account.papers) == (1, 1)
    assert "EchoNet-2" in here.post("2026-02-11")


async def test_a_day_without_papers_leaves_no_post_and_the_day_open(tmp_path: Path) -> None:
    async with world(tmp_path, digest_time="announced") as here:
        await here.run()
        later = await here.work(WEDNESDAY_NOON + timedelta(hours=4))
        assert later.outcome.standing is ClosingState.MISSING
        assert [post.name for post in here.posts.iterdir()] == ["2026-02-10-arxiv.md"]
        publish(here.arxiv, 4, submitted=WEDNESDAY_NOON - timedelta(hours=12))
        account = await here.run(WEDNESDAY_NOON + timedelta(hours=6))
    assert account
    assert (account.edition.date, account.papers) == (date(2026, 2, 11), 1)


async def test_without_a_key_the_edition_is_english_and_a_later_run_translates_it(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        account = await here.run(openai_api_key=None)
        assert account
        assert (account.translated, account.read, account.waiting) == (0, 0, 3)
        assert "lowers the error of room 1 by up to 12.5%" in here.post("2026-02-11")
        assert "未翻译" in here.post("2026-02-11")
        assert "论文（英文原文，尚无译文）：" in here.post("2026-02-11")
        account = await here.run()
    assert account
    assert (account.translated, account.read, account.waiting) == (3, 3, 0)
    assert "未翻译" not in here.post("2026-02-11")
    assert "论文中文译文：" in here.post("2026-02-11")


async def test_one_paper_that_fails_holds_back_no_other(tmp_path: Path) -> None:
    def prose_about_the_second(asked: Asked) -> Response:
        if "2602.00002v1" in asked.body["messages"][1]["content"]:
            return says("Well, this is a fine paper.")(asked)
        return JSONResponse(asked.completion)

    async with world(tmp_path, FakeModel(always=prose_about_the_second)) as here:
        account = await here.run()
    assert account
    assert (account.translated, account.read, account.failed) == (2, 2, 1)
    post = here.post("2026-02-11")
    assert post.count("\n## ") == 3
    assert "fine paper" not in post


async def test_a_paper_without_a_text_waits_and_its_reading_comes_with_a_later_run(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        page = here.arxiv.html.pop("2602.00002v1")
        account = await here.run()
        assert account
        assert (account.read, account.waiting, account.failed) == (2, 1, 0)
        assert "404" not in here.post("2026-02-11")
        here.arxiv.html["2602.00002v1"] = page
        account = await here.run(WEDNESDAY_NOON + timedelta(hours=3))
    assert account
    assert (account.read, account.waiting) == (3, 0)


async def test_the_budget_stops_readings_before_translations(tmp_path: Path) -> None:
    async with world(tmp_path, llm_daily_tokens=12_000) as here:
        account = await here.run()
    assert account
    assert account.translated == 3
    assert account.read < 3
    assert account.waiting > 0
    assert account.tokens <= 12_000


@pytest.mark.parametrize(("fault", "error"), [("html", MalformedError), ("empty", EmptyPageError)])
async def test_a_failed_fetch_is_no_empty_day(tmp_path: Path, fault: str, error: type[Exception]) -> None:
    async with world(tmp_path) as here:
        here.arxiv.faults.extend([fault] * 100)
        with pytest.raises(error):
            await here.run()
        here.arxiv.faults.clear()
        account = await here.run()
    assert account
    assert account.papers == 3


async def test_a_folder_of_posts_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        async with here.app(WEDNESDAY_NOON, archive_dir=tmp_path / "nowhere") as app:
            assert "nowhere" in str(await post_writer.obstacle(app))
        async with here.app(WEDNESDAY_NOON, archive_git=True) as app:
            assert "is not in a Git repository" in str(await post_writer.obstacle(app))
        async with here.app(WEDNESDAY_NOON) as app:
            assert await post_writer.obstacle(app) is None


async def test_a_run_that_is_cut_off_repeats_no_call_whose_result_was_kept(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(translation_seconds=0.05, reading_seconds=0.2), papers=12) as here:
        cut = asyncio.create_task(here.run(llm_concurrency=2))
        while here.model.asked_for.total() < 9:  # noqa: ASYNC110 - the fake sends no notification
            await asyncio.sleep(0.01)
        cut.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut
        kept = here.kept()
        account = await here.run()
    assert account
    assert (account.translated, account.read) == (12, 12)
    assert len(kept) >= 6
    assert {here.model.asked_for[key] for key in kept} == {1}


async def test_a_throttled_model_leaves_an_english_edition_rather_than_none(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(always=status(429, retry_after=600))) as here:
        account = await here.run()
    assert account
    assert (account.papers, account.translated, account.failed) == (3, 0, 3)
    assert len(here.model.requests) <= 6
