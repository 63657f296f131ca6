"""A machine that runs the real program, with its database, its posts in a Git clone, and fake services on loopback."""

import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import ChatKind, Detail, Preferences, Subscriber, SubscriberStatus
from bot.db import subscribers
from bot.db.upgrade import upgrade
from digest.arxiv.calendar import Calendar
from digest.db import engine as database
from tests import programs
from tests.fakes.arxiv import FakeArxiv
from tests.fakes.documents import html_page
from tests.fakes.model import KEY, FakeModel
from tests.fakes.smtp import FakeSmtp
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.papers import MONDAY_MORNING, paper
from tests.programs import Ended, Program

OPERATOR = 42
_FIRST_CHAT = 1000
_DOMAINS = ("reader.example", "institute.example", "school.example", "lab.example")
_WORDS = (
    "room",
    "wall",
    "floor",
    "door",
    "window",
    "garden",
    "river",
    "street",
    "house",
    "bridge",
    "table",
    "chair",
)
_SENTENCES = 20  # of an abstract: a digest of several messages
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_CALENDAR = Calendar(time(8, 50), _SHANGHAI)
_NOON = time(12)
_DAY = timedelta(days=1)
_SLOW_REMOTE = '#!/bin/sh\necho >> "$(dirname "$0")/../pushes"\nsleep 0.2\n'


@dataclass(frozen=True)
class Size:
    """The numbers of subscribed chats and mailboxes, of the mailboxes' domains, and of papers a day."""

    chats: int
    mailboxes: int
    papers: int
    domains: int = len(_DOMAINS)

    @property
    def people(self) -> list[int]:
        """The chats."""
        return [_FIRST_CHAT + number for number in range(self.chats)]

    @property
    def addresses(self) -> list[str]:
        """The mailboxes."""
        return [f"r{number}@{_DOMAINS[number % self.domains]}" for number in range(self.mailboxes)]


@dataclass(frozen=True)
class Mail:
    """A mail that a mailbox received."""

    message_id: str
    subject: str
    text: str


@dataclass
class Machine:
    """The environment of the real program; arXiv, the model, Telegram and the relay run in this process."""

    size: Size
    folder: Path
    url: str
    engine: AsyncEngine
    arxiv: FakeArxiv
    arxiv_url: str
    model: FakeModel
    telegram: FakeTelegram
    smtp: FakeSmtp

    @property
    def posts(self) -> Path:
        return self.folder / "site" / "_posts"

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    @property
    def steps(self) -> int:
        """Return the progress of the editions: papers sent to the model, posts, pushes, messages and mails."""
        pushes = self.remote / "pushes"
        return (
            len(self.model.asked_for)
            + self.telegram.sent.total()
            + len(self.smtp.taken)
            + len(list(self.posts.glob("*.md")))
            + (pushes.stat().st_size if pushes.exists() else 0)
        )

    def announce(self, day: "Day") -> None:
        """Make arXiv show the papers of `day`."""
        for number in day.numbers(self.size.papers):
            made = paper(number, submitted=day.submitted, abstract=_abstract(number))
            self.arxiv.papers.append(made)
            self.arxiv.html[str(made.version)] = html_page(made.title, number)

    async def start(self, *arguments: str) -> Program:
        """Start the program as a separate process."""
        return await programs.start(self.folder, *arguments, env=self._environment())

    async def call(self, *arguments: str) -> Ended:
        """Run a command and return how it ends."""
        return await (await self.start(*arguments)).ended()

    def post(self, day: "Day") -> bytes:
        """Return the post of that day; empty if there is none."""
        path = self.posts / f"{day.date}-arxiv.md"
        return path.read_bytes() if path.exists() else b""

    def pushed(self) -> set[str]:
        """Return the names of the posts at the remote."""
        return set(git(self.remote, "ls-tree", "-r", "--name-only", "main").split())

    def messages(self, chat: int) -> list[str]:
        """Return the messages that the chat received from the program, in order."""
        known = self.telegram.chats.get(chat)
        return [each.text for each in known.shown if each.from_bot] if known else []

    def mails(self) -> dict[str, list[Mail]]:
        """Return the mails that each mailbox received."""
        found: dict[str, list[Mail]] = defaultdict(list)
        for taken in self.smtp.taken:
            found[taken.to].append(_mail(taken.content))
        return found

    def served(self, day: "Day") -> tuple[int, int]:
        """Return how many chats and how many mailboxes have every paper of that day."""
        titles = [f"EchoNet-{number}:" for number in day.numbers(self.size.papers)]
        chats = ["".join(self.messages(chat)) for chat in self.size.people]
        mailboxes = ["".join(mail.text for mail in mails) for mails in self.mails().values()]
        reached, mailed = (
            sum(all(title in text for title in titles) for text in some) for some in (chats, mailboxes)
        )
        return reached, mailed

    async def standings(self) -> Counter[str]:
        """Return how many subscriptions are active, and how many have ended."""
        return Counter(dict(await self.rows("SELECT standing, count(*) FROM subscribers GROUP BY standing")))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with database.reading(self.engine) as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONUTF8": "1",
            "DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.url,
            "ARCHIVE_DIR": str(self.posts),
            "ARCHIVE_GIT": "true",
            "ARXIV_API_URL": f"{self.arxiv_url}/api/query",
            "ARXIV_RSS_URL": f"{self.arxiv_url}/rss",
            "ARXIV_SITE_URL": self.arxiv_url,
            "ARXIV_REQUEST_INTERVAL": "0",
            "DIGEST_TIME": "08:50",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": self.model.url,
            "JUDGE_MODEL": "none",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": self.telegram.url,
            "TELEGRAM_ADMINS": str(OPERATOR),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.smtp.port),
            "SMTP_SECURITY": "none",
            "MAIL_FROM": "arXiv Daily <daily@daily.example>",
            "MAIL_RATE": "0",
            "PUBLIC_URL": "https://daily.example",
            "SECRET_KEY": "a-secret-of-thirty-two-characters-and-more",
        }


@dataclass(frozen=True)
class Day:
    """The date of an edition, the submission time of its papers, and its index among the days of a run."""

    date: date
    submitted: datetime
    place: int

    @property
    def noon(self) -> datetime:
        """Noon in Shanghai, hours after the edition was due."""
        return datetime.combine(self.date, _NOON, _SHANGHAI)

    def numbers(self, papers: int) -> range:
        """Return the numbers of its papers."""
        return range(self.place * papers + 1, (self.place + 1) * papers + 1)


def days(count: int) -> list[Day]:
    """Return the first days from 11 February 2026 on that have an edition."""
    found: dict[date, datetime] = {}
    submitted = MONDAY_MORNING
    while len(found) < count:
        found.setdefault(_CALENDAR.edition_of(_CALENDAR.announced_at(submitted)), submitted)
        submitted += _DAY
    return [Day(day, at, place) for place, (day, at) in enumerate(found.items())]


@asynccontextmanager
async def machine(
    folder: Path, size: Size, *, url: str | None = None, latency_seconds: float = 0
) -> AsyncIterator[Machine]:
    """A machine on which nothing is made yet; `url` is that of its database, None for a SQLite file.

    Telegram and the model wait for `latency_seconds` before each answer.
    """
    _site(folder)
    url = url or f"sqlite:///{folder}/store.db"
    arxiv, engine = FakeArxiv(), database.open_engine(url)
    model = FakeModel(translation_seconds=latency_seconds, reading_seconds=2 * latency_seconds)
    telegram = FakeTelegram(limits=False, everyone=True, latency_seconds=latency_seconds)
    try:
        await upgrade(engine)
        await _subscribe(engine, size)
        async with arxiv.serve() as arxiv_url, model, telegram, FakeSmtp().serving() as smtp:
            yield Machine(size, folder, url, engine, arxiv, arxiv_url, model, telegram, smtp)
    finally:
        await engine.dispose()


async def _subscribe(engine: AsyncEngine, size: Size) -> None:
    """Subscribe the chats and mailboxes. Every second chat gets the readings pushed, which are several messages."""
    now = datetime(2026, 2, 1, tzinfo=UTC)
    details = (Detail.ABSTRACTS, Detail.READINGS)
    people = [
        Subscriber(
            0,
            "telegram",
            str(chat),
            ChatKind.PRIVATE,
            Preferences("zh-CN", details[chat % 2]),
            _SHANGHAI,
            SubscriberStatus.ACTIVE,
        )
        for chat in size.people
    ]
    readers = [
        Subscriber(
            0, "mail", each, ChatKind.MAILBOX, Preferences("zh-CN"), _SHANGHAI, SubscriberStatus.ACTIVE
        )
        for each in size.addresses
    ]
    async with database.writing(engine) as connection:
        await subscribers.add_all(connection, people, now)
        await subscribers.add_all(connection, readers, now)


def _site(folder: Path) -> None:
    """Create a site in a clone, and its remote, which delays each push and counts it."""
    folder.mkdir(exist_ok=True)
    remote, site = folder / "remote.git", folder / "site"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(folder, "clone", "--quiet", str(remote), str(site))
    for name, value in (("user.name", "Operator"), ("user.email", "operator@daily.example")):
        git(site, "config", name, value)
    (site / "_posts").mkdir()
    (site / "index.md").write_text("The site.\n")
    git(site, "add", "index.md")
    git(site, "commit", "--quiet", "-m", "Begin")
    git(site, "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(_SLOW_REMOTE)
    hook.chmod(0o755)


def git(folder: Path, *arguments: str) -> str:
    """Return Git's output there, regardless of the user's own configuration."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    program = shutil.which("git") or "git"
    ended = subprocess.run(
        [program, *arguments], cwd=folder, env=os.environ | alone, check=True, capture_output=True, text=True
    )
    return ended.stdout


def _abstract(number: int) -> str:
    """Return a long abstract of paper `number` whose plain words the fake model can translate."""
    first = f"We present EchoNet-{number}, which lowers the error of room {number} by up to 12.5%."
    return " ".join([first, *(_sentence(each) for each in range(_SENTENCES))])


def _sentence(number: int) -> str:
    """Return a sentence; the first hundred all differ."""
    turn, first = divmod(number, len(_WORDS))
    one, behind, before = (_WORDS[(first + step) % len(_WORDS)] for step in (0, 2 + turn, 5 + 2 * turn))
    return f"It hears the {one} behind the {behind} and before the {before}."


def _mail(content: bytes) -> Mail:
    parsed = message_from_bytes(content, policy=policy.default)
    body = parsed.get_body(("plain",))
    return Mail(parsed["Message-ID"], parsed["Subject"], body.get_content() if body else "")
