"""The whole program with an arXiv and a model on loopback."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot import daily_run, settings
from bot.container import App, RemoteOverrides, open_app
from bot.core.run_report import RunReport
from bot.daily_run import Work
from bot.settings import Settings
from digest.arxiv.client import FetchPolicy
from digest.core.models import Purpose
from digest.core.progress import Progress
from digest.llm.retry import RetryPolicy
from digest.pipeline.close_editions import Pause
from tests.databases import migrated
from tests.fakes.arxiv import FakeArxiv
from tests.fakes.documents import html_page
from tests.fakes.model import KEY, FakeModel
from tests.papers import paper

QUICK = RemoteOverrides(
    patience=FetchPolicy(silence=60, answer=120, attempts=2, wait_initial=0.01, wait_max=0.01),
    model_retry_policy=RetryPolicy(
        call_seconds=60, backoff_initial_seconds=0.01, backoff_max_seconds=0.05, backoff_jitter_seconds=0.01
    ),
)
WEDNESDAY_NOON = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai. The edition that is due shows what arXiv announced on Monday evening in New York."""


@dataclass
class World:
    """A machine with a data folder and a folder of posts, on which runs follow one another."""

    folder: Path
    arxiv: FakeArxiv
    model: FakeModel
    arxiv_url: str
    overrides: dict[str, object]
    progress: list[Progress] = field(default_factory=list)

    @property
    def posts(self) -> Path:
        return self.folder / "posts"

    def post(self, day: str) -> str:
        return (self.posts / f"{day}-arxiv.md").read_text("utf-8")

    def kept(self) -> set[tuple[Purpose, str]]:
        """Return the calls whose results are in the database."""
        with closing(sqlite3.connect(self.folder / "arxiv-daily.db")) as database:
            rows = database.execute(
                "SELECT 'translation', paper_id, version FROM translations "
                "UNION ALL SELECT 'reading', paper_id, version FROM readings"
            )
            return {(Purpose(purpose), f"{paper}v{number}") for purpose, paper, number in rows}

    def outcomes(self) -> list[tuple[str, str]]:
        """Return the models and outcomes of all calls, oldest first."""
        with closing(sqlite3.connect(self.folder / "arxiv-daily.db")) as database:
            return database.execute("SELECT model, outcome FROM calls ORDER BY id").fetchall()

    async def run(self, at: datetime = WEDNESDAY_NOON, **overrides: object) -> RunReport | None:
        """Run at that time and return the run report of the newest edition that it worked on."""
        made = await self.work(at, None, **overrides)
        return made.accounts[-1] if made.accounts else None

    async def work(self, at: datetime, pause: Pause | None = None, **overrides: object) -> Work:
        async with self.app(at, **overrides) as app:
            return await daily_run.work(app, at, self.progress.append, pause)

    def settings(self, **overrides: object) -> Settings:
        return settings.given(
            **{
                "data_dir": self.folder,
                "archive_dir": self.posts,
                "arxiv_api_url": f"{self.arxiv_url}/api/query",
                "arxiv_rss_url": f"{self.arxiv_url}/rss",
                "arxiv_site_url": self.arxiv_url,
                "arxiv_request_interval": 0,
                "openai_api_key": KEY,
                "openai_base_url": self.model.url,
                "judge_model": "none",
                "web_port": 0,
                "digest_time": "08:50",
                **self.overrides,
                **overrides,
            }
        )

    @asynccontextmanager
    async def app(self, at: datetime, **overrides: object) -> AsyncIterator[App]:
        async with open_app(self.settings(**overrides), lambda: at, QUICK) as app:
            yield app


@asynccontextmanager
async def world(
    folder: Path, model: FakeModel | None = None, papers: int = 3, **overrides: object
) -> AsyncIterator[World]:
    """A world whose arXiv has `papers` new papers, with full texts; `overrides` are settings."""
    arxiv = FakeArxiv()
    for number in range(1, papers + 1):
        publish(arxiv, number)
    (folder / "posts").mkdir()
    await migrated(folder / "arxiv-daily.db")
    async with arxiv.serve() as url, model or FakeModel() as served:
        yield World(folder, arxiv, served, url, overrides)


def publish(arxiv: FakeArxiv, number: int, submitted: datetime | None = None) -> None:
    """Let arXiv show paper `number`, and its page."""
    made = paper(number, submitted=submitted)
    arxiv.papers.append(made)
    arxiv.html[str(made.version)] = html_page(made.title, number)
