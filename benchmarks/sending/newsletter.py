"""Shared by the parts about mail: mailboxes with an edition that is due to them, its sender, and its destination."""

import asyncio
import gc
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from benchmarks.results import unmet
from benchmarks.sending.crowd import ANCHOR, ROOT, SUBSCRIBER, states
from benchmarks.sending.memory import peak_megabytes
from bot import settings
from bot.container import open_database
from bot.core.mailboxes import Mailbox, Sender
from bot.core.models import Campaign, Preferences, Subject
from bot.delivery import fanout
from bot.delivery.renderings import Renderings
from bot.delivery.worker import DeliveryWorker
from bot.links import Links
from bot.mail import channel, composing, message
from bot.mail.message import Envelope, Letterhead
from bot.settings import Settings
from digest.core.models import Edition
from tests.editions import edition, entry

CONNECTIONS = 20
_URL, _SECRET = "https://daily.example", "a-secret-of-thirty-two-characters-and-more"
_WARMING = 100  # mailboxes that are served before the clock starts: one-time work is done by then


@dataclass(frozen=True)
class Cost:
    """The cost of sending to all: seconds elapsed, processor seconds, and peak memory.

    `states` are those of the ledger afterwards.
    """

    mails: int
    states: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_megabytes: float

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.states == {"sent": self.mails}, f"of {self.mails} mails the ledger says {self.states}")
        )

    @property
    def rate(self) -> float:
        """Mails a second."""
        return self.mails / self.seconds


def mail_settings(folder: Path, port: int) -> Settings:
    """Return the settings of a program that sends as fast as it can, whose data are in `folder`."""
    return settings.given(
        data_dir=folder,
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_security="none",
        mail_from="arXiv Daily <daily@daily.example>",
        mail_rate=0,
        mail_connections=CONNECTIONS,
        public_url=_URL,
        secret_key=_SECRET,
    )


async def prepare(folder: Path, mailboxes: int) -> None:
    """Prepare a database with so many subscribers, and an edition that is due to all of them."""
    async with open_database(mail_settings(folder, 1)) as engine:
        subscribe(folder, mailboxes)
        await fanout.open_edition(engine, ANCHOR.date(), ANCHOR, ANCHOR)


def subscribe(folder: Path, mailboxes: int) -> None:
    """Store `mailboxes` with the same preferences in the existing database in `folder`."""
    row = {**SUBSCRIBER, "channel": "mail", "kind": "mailbox"}
    rows = [(f"r{number}@reader.example", *row.values()) for number in range(mailboxes)]
    with closing(sqlite3.connect(folder / "arxiv-daily.db")) as database, database:
        database.executemany(
            f"INSERT INTO subscribers (address, {', '.join(row)}) VALUES ({', '.join('?' * (len(row) + 1))})",
            rows,
        )


def sent(folder: Path, port: int, mailboxes: int) -> Cost:
    """Return the cost of sending to all mailboxes in `folder`, in a separate process that is already warm."""
    warm = folder / "warm"
    warm.mkdir()
    asyncio.run(prepare(warm, _WARMING))
    told = subprocess.run(
        [*sender(folder, port), str(warm)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    shutil.rmtree(warm)
    return Cost(mails=mailboxes, states=states(folder), **json.loads(told.stdout))


def sender(folder: Path, port: int) -> list[str]:
    """Return the command of a process that sends what is due in `folder`."""
    return [sys.executable, "-m", "benchmarks.sending.newsletter", str(port), str(folder)]


async def drain(folder: Path, port: int) -> None:
    """Send all that is due by the whole path: ledger, composing, connections."""
    chosen = mail_settings(folder, port)
    links = Links(_URL, _SECRET, lambda: ANCHOR)
    async with open_database(chosen) as engine, channel.open_mail(chosen, links, lambda: ANCHOR) as mail:

        async def contents(*_: object) -> Edition:
            return _edition()

        renderings = Renderings(engine, mail, contents, lambda: ANCHOR)
        await DeliveryWorker(engine, mail, renderings, lambda: ANCHOR, width=mail.width).drain()


def built() -> Envelope:
    """Return one mail of the edition as it is sent."""
    links = Links(_URL, _SECRET, lambda: ANCHOR)
    head = Letterhead(Sender("arXiv Daily", Mailbox("daily", "daily.example")), links)
    campaign = Campaign(1, Subject.EDITION, ANCHOR.date(), None, ANCHOR)
    [part] = composing.compose(campaign, _edition(), Preferences("zh-CN"), links)
    reader = Mailbox("r1", "reader.example")
    return message.build(part, head, to=reader, subscriber=1, delivery=1, at=ANCHOR)


def _edition() -> Edition:
    """Return an edition of seven papers with abstracts: a mail of 22 KB."""
    abstract = "我们提出一种方法，在五个公开数据集上把词错误率最多降低 12.5%，代码已经公开。" * 4
    return edition(*(entry(number, abstract=abstract) for number in range(1, 8)))


@contextmanager
def listening(command: list[str], port: int) -> Iterator[None]:
    """Run a server in a separate process, from when it accepts connections until the end of the block."""
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        while server.poll() is None and not _answers(port):
            time.sleep(0.05)
        if server.poll() is not None:
            raise SystemExit(f"{command[0]} does not run")
        yield
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _main(port: int, folder: Path, *warm: Path) -> None:
    """Send what is due in `folder`, after what is due in `warm`, and print the cost."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for each in warm:
        asyncio.run(drain(each, port))
    gc.freeze()  # as the program does once its modules are loaded
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(drain(folder, port))
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    peak = peak_megabytes()
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_megabytes": peak}))


if __name__ == "__main__":
    _main(int(sys.argv[1]), *map(Path, sys.argv[2:]))
