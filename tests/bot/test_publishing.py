"""Publishing and delivery are independent: neither a post nor its push delays the digest, and both are retried."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from sqlalchemy import text
from starlette.responses import Response

from bot import daily_run, publishing, scheduler
from bot.container import App
from bot.core.models import AlertKind, Preferences, Sending
from bot.db import publications
from bot.db.publications import Publication
from bot.deliver_once import deliver_day
from bot.doctor import machine
from bot.doctor.findings import BrokenError
from digest.db import editions
from digest.db import engine as database
from tests.bot.cli.test_main import environment
from tests.bot.db.test_migrations import _upgrade_to
from tests.bot.telegram.crowd import people, reader, subscribe
from tests.bot.telegram.world import OPERATOR, BotWorld, bot_world
from tests.bot.world import WEDNESDAY_NOON, publish, world
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked
from tests.fakes.model_stream import told
from tests.fakes.telegram import TOKEN
from tests.programs import start

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEDNESDAY = date(2026, 2, 11)
POST = "2026-02-11-arxiv.md"


@dataclass(frozen=True)
class Site:
    """The repository that the posts go to, and its remote."""

    root: Path
    remote: Path

    @property
    def posts(self) -> Path:
        return self.root / "_posts"

    def take_remote_away(self) -> None:
        shutil.move(self.remote, self.remote.with_suffix(".away"))

    def bring_remote_back(self) -> None:
        shutil.move(self.remote.with_suffix(".away"), self.remote)

    def pushed(self) -> set[str]:
        """Return the posts that the remote has."""
        return {
            name
            for name in git(self.remote, "ls-tree", "-r", "--name-only", "main").split()
            if "arxiv" in name
        }


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(autouse=True)
def _waits_for_no_try() -> Iterator[None]:
    """Retry at once, and as often as usual."""
    with stamina.set_testing(testing=True, attempts=10, cap=True):
        yield


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    git(tmp_path, "clone", "--quiet", "remote.git", "site")
    made = Site(tmp_path / "site", tmp_path / "remote.git")
    made.posts.mkdir()
    (made.posts / ".gitkeep").touch()
    git(made.root, "add", ".")
    git(made.root, "commit", "--quiet", "-m", "Begin")
    git(made.root, "push", "--quiet", "origin", "main")
    return made


async def left(app: App) -> tuple[list[Publication], list[Publication]]:
    """Return the posts that are still to be written, and to be pushed."""
    async with database.reading(app.engine) as connection:
        return await publications.unwritten(connection), await publications.unpushed(connection)


async def alerts(app: App) -> set[AlertKind]:
    return {each.kind for each in await app.alerts.lasting()}


async def test_with_the_remote_down_for_two_days_everyone_is_served_both_days_and_all_is_pushed_then(
    tmp_path: Path, site: Site
) -> None:
    (tmp_path / "world").mkdir()
    async with bot_world(tmp_path / "world", archive_dir=site.posts, archive_git=True) as here:
        (chat,) = people(here, 1)
        operator = here.telegram.user(OPERATOR, started=True)
        await subscribe(here, reader(chat))
        site.take_remote_away()
        async with here.running():
            await here.telegram.chats[chat].waits_for(
                lambda message: "2026-02-11" in message.text, timeout=300
            )
            await operator.chat.waits_for(lambda message: "发布失败" in message.text)
            publish(here.machine.arxiv, 4, submitted=WEDNESDAY_NOON - 12 * HOUR)
            here.clock.forward(days=1)
            await here.telegram.chats[chat].waits_for(
                lambda message: "2026-02-12" in message.text, timeout=300
            )
            assert site.posts.joinpath("2026-02-12-arxiv.md").exists()
            site.bring_remote_back()
            here.clock.forward(hours=2)
            await operator.chat.waits_for(lambda message: "文章已发布" in message.text)
        assert site.pushed() == {"_posts/2026-02-11-arxiv.md", "_posts/2026-02-12-arxiv.md"}
        assert len([message for message in operator.chat.shown if "⚠️" in message.text]) == 1


async def test_a_post_that_cannot_be_written_is_told_and_written_later(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        blocked = here.posts / POST
        blocked.mkdir()
        async with here.app(WEDNESDAY_NOON) as app:
            made = await daily_run.work(app, WEDNESDAY_NOON, here.progress.append)
            assert made.accounts[0].written.fault is not None
            assert await alerts(app) == {AlertKind.POST_NOT_WRITTEN}
            assert [each.day for each in (await left(app))[0]] == [WEDNESDAY]
            assert await publishing.publish(app, everything=False) is None  # not at once
            blocked.rmdir()
            assert await publishing.publish(app) is None
            assert await alerts(app) == set()
            assert await left(app) == ([], [])
        assert "EchoNet-1" in here.post("2026-02-11")


async def test_what_cannot_be_pushed_is_tried_less_and_less_often(tmp_path: Path, site: Site) -> None:
    (tmp_path / "world").mkdir()
    async with world(tmp_path / "world", archive_dir=site.posts, archive_git=True) as here:
        site.take_remote_away()
        await here.work(WEDNESDAY_NOON)
        at, waits = WEDNESDAY_NOON, []
        for _ in range(3):
            async with here.app(at) as app:
                assert await publishing.publish(app, everything=False) is not None
                (waiting,) = (await left(app))[1]
                assert waiting.push_at is not None
                waits.append((waiting.push_at - at).total_seconds())
                assert await publishing.publish(app, everything=False) is None
                at = waiting.push_at
        assert waits == [60, 120, 240]


async def test_what_an_older_version_left_uncommitted_or_unpushed_is_published(
    tmp_path: Path, site: Site, empty_database_url: str
) -> None:
    pushed, committed, changed, written = (WEDNESDAY - n * DAY for n in range(4))
    engine = database.open_engine(empty_database_url)
    async with database.writing(engine) as connection:
        await connection.run_sync(_upgrade_to, "0016")
        for day_ in (pushed, committed, changed, written, WEDNESDAY - 4 * DAY):
            await connection.execute(
                text(
                    "INSERT INTO editions (date, window_start, window_end, language, categories, fetched, closed_at, "
                    f"archived_at) VALUES ('{day_}', '{day_}', '{day_}', 'zh-CN', '[]', 1, '{day_}', '{day_}')"
                )
            )
    await engine.dispose()
    for day_ in (pushed, changed, committed):
        (site.posts / f"{day_}-arxiv.md").write_text("A post.\n")
        git(site.root, "add", ".")
        git(site.root, "commit", "--quiet", "-m", "A post")
        if day_ != committed:
            git(site.root, "push", "--quiet")
    for day_ in (changed, written):
        (site.posts / f"{day_}-arxiv.md").write_text("A new post.\n")
    (tmp_path / "world").mkdir()
    settings: dict[str, Any] = {
        "archive_dir": site.posts,
        "archive_git": True,
        "database_url": empty_database_url,
    }
    async with world(tmp_path / "world", **settings) as here, here.app(WEDNESDAY_NOON) as app:
        await publishing.adopt(app)
        assert [each.day for each in (await left(app))[1]] == [written, changed, committed]
        assert await publishing.publish(app) is None
        assert await left(app) == ([], [])
        async with database.reading(app.engine) as connection:
            assert await publications.without_state(connection) == []
    assert site.pushed() == {f"_posts/{each}-arxiv.md" for each in (pushed, committed, changed, written)}
    assert git(site.remote, "show", f"main:_posts/{changed}-arxiv.md") == "A new post.\n"


async def test_what_is_not_to_be_pushed_any_more_is_no_trouble(tmp_path: Path, site: Site) -> None:
    (tmp_path / "world").mkdir()
    async with world(tmp_path / "world", archive_dir=site.posts, archive_git=True) as here:
        site.take_remote_away()
        await here.work(WEDNESDAY_NOON)
        async with here.app(WEDNESDAY_NOON) as app:
            assert await publishing.publish(app) is not None
            assert await alerts(app) == {AlertKind.POST_NOT_PUSHED}
            assert await publishing.publish(replace(app, with_git=False)) is None
            assert await alerts(app) == set()
            assert await left(app) == ([], [])


@asynccontextmanager
async def cron(folder: Path) -> AsyncIterator[tuple[BotWorld, int, dict[str, str]]]:
    """A machine on which `run` is called, with a subscriber and the environment."""
    async with bot_world(folder) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat))
        telegram = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": here.telegram.url}
        yield here, chat, environment(here.machine, **telegram)


@pytest.mark.parametrize("trouble", ["folder", "remote", "lock", "ignored"])
async def test_run_delivers_whatever_becomes_of_the_post_and_ends_with_one_sentence(
    tmp_path: Path, site: Site, trouble: str
) -> None:
    (tmp_path / "world").mkdir()
    async with cron(tmp_path / "world") as (here, chat, env):
        env |= {"ARCHIVE_DIR": str(site.posts), "ARCHIVE_GIT": "true"}
        match trouble:
            case "folder":
                env["ARCHIVE_DIR"] = str(tmp_path / "nowhere")
            case "remote":
                site.take_remote_away()
            case "lock":
                (site.root / ".git" / "index.lock").touch()
            case "ignored":
                (site.root / ".gitignore").write_text("_posts\n")
        program = await start(tmp_path / "world", "run", "--at", "2026-02-11T12:00", env=env, attempts=3)
        told_ = await program.ended()
        assert told_.status == 1
        assert told_.err.count("arxiv-daily: ") == 1
        assert "Deliveries: sent 1" in told_.out
        [message] = here.telegram.chats[chat].shown
        assert message.text.startswith("arXiv Daily · 2026-02-11")


async def test_an_edition_that_was_never_given_out_is_found_however_old_it_is(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat))
        await here.machine.work(WEDNESDAY_NOON)  # and dies before it queues anything
        here.clock.forward(days=3)
        async with here.running():
            await here.telegram.chats[chat].waits_for(
                lambda message: "2026-02-11" in message.text, timeout=300
            )
        async with here.machine.app(WEDNESDAY_NOON + 3 * DAY) as app:
            assert not await scheduler.give_out(app)


async def test_after_an_outage_of_weeks_nobody_is_flooded(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        await subscribe(here, reader(people(here, 1)[0]))
        await here.machine.work(WEDNESDAY_NOON)
        async with here.machine.app(WEDNESDAY_NOON + 9 * DAY) as app:
            assert not await scheduler.give_out(app)


async def test_the_operator_can_have_an_edition_of_long_ago_delivered(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here:
        (chat,) = people(here, 1)
        await subscribe(here, reader(chat))
        await here.machine.work(WEDNESDAY_NOON)
        async with here.machine.app(WEDNESDAY_NOON + 9 * DAY) as app:
            done = await deliver_day(app, here.settings(), WEDNESDAY)
        assert done.states == {Sending.SENT: 1}
        assert "2026-02-11" in here.telegram.chats[chat].shown[0].text


async def test_a_language_that_is_ready_waits_for_no_other(tmp_path: Path) -> None:
    may_answer = asyncio.Event()

    class Waits(Response):
        """A model that does not answer in French before the test allows it."""

        def __init__(self, asked: Asked) -> None:
            self.asked = asked

        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            await may_answer.wait()
            await told(self.asked, self.asked.completion)(scope, receive, send)

    def answer(asked: Asked) -> Response:
        french = '"fr"' in asked.body["messages"][0]["content"]
        return Waits(asked) if french else told(asked, asked.completion)

    async with bot_world(tmp_path, FakeModel(always=answer), papers=1) as here:
        chinese, french = people(here, 2)
        await subscribe(here, reader(chinese), reader(french, preferences=Preferences("fr")))
        async with here.running():
            await here.telegram.chats[chinese].waits_for(
                lambda message: "2026-02-11" in message.text, timeout=300
            )
            assert here.telegram.chats[french].shown == []
            may_answer.set()
            await here.telegram.chats[french].waits_for(
                lambda message: "2026-02-11" in message.text, timeout=300
            )


async def test_the_languages_of_an_edition_are_known_once_they_are_made(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.work(WEDNESDAY_NOON)
        async with here.app(WEDNESDAY_NOON) as app, database.reading(app.engine) as connection:
            assert await editions.languages(connection, [WEDNESDAY]) == {WEDNESDAY: {"zh-CN", editions.ALL}}


async def test_whoever_watches_sees_what_is_unpublished(
    tmp_path: Path, site: Site, unused_tcp_port: int
) -> None:
    (tmp_path / "world").mkdir()
    async with bot_world(
        tmp_path / "world", archive_dir=site.posts, archive_git=True, web_port=unused_tcp_port
    ) as here:
        site.take_remote_away()
        operator = here.telegram.user(OPERATOR, started=True)
        async with (
            here.running(),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=300) as web,
        ):
            await operator.chat.waits_for(lambda message: "⚠️" in message.text)
            ready, health = await web.get("/health/ready"), await web.get("/health")
            numbers = (await web.get("/metrics")).text
        assert (ready.status_code, health.status_code) == (200, 503)
        found = ready.json()
        assert found["status"] == "degraded"
        assert found["channels"] == {"telegram": "ok"}
        assert found["publishing"] == {"state": "failing", "unwritten": [], "unpushed": ["2026-02-11"]}
        assert found["last_edition"] == "2026-02-11"
        assert [each["kind"] for each in found["alerts"]] == ["post-not-pushed"]
        assert datetime.fromisoformat(found["alerts"][0]["since"]) == WEDNESDAY_NOON.astimezone(UTC)
        assert 'arxiv_daily_unpublished_posts{step="push"} 1.0' in numbers


async def test_the_doctor_says_what_lies_unpublished(tmp_path: Path, site: Site) -> None:
    (tmp_path / "world").mkdir()
    async with world(tmp_path / "world", archive_dir=site.posts, archive_git=True) as here:
        site.take_remote_away()
        async with here.app(WEDNESDAY_NOON) as app:
            assert await machine.unpublished(app.engine) == "every post is published"
            await daily_run.work(app, WEDNESDAY_NOON, here.progress.append)
            await publishing.publish(app)
            with pytest.raises(BrokenError, match="The post of 2026-02-11 is not pushed: The remote"):
                await machine.unpublished(app.engine)
