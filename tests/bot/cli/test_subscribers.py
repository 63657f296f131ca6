"""Tests of `arxiv-daily subscribers …`: list, export, import and delete."""

import asyncio
import csv
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.container import open_database
from bot.core.mailboxes import Mailbox
from bot.core.models import MailPurpose, Preferences, SignUp, Subscriber, SubscriberStatus
from bot.db import bounces, signups, subscribers
from bot.settings import given
from digest.core.keywords import keyword
from digest.db.engine import writing
from tests.bot.commands import Commands
from tests.bot.db.test_people import FULL, LI
from tests.bot.mail.people import READER, delivered
from tests.bot.mail.reports import NOW

LIST = (
    "address,consented_at,consent\nli@example.org,2025-01-01,paper form\nwang@example.org,2025-02-01,club\n"
)
LEFT = replace(READER, address="left@example.org", status=SubscriberStatus.LEFT)
GONE = replace(READER, address="gone@example.org", status=SubscriberStatus.ENDED, reason="bounced 5.1.1")


def known(folder: Path, *people: Subscriber) -> None:
    """Store subscribers, numbered from one on, with an edition delivered to all."""

    async def put() -> None:
        async with open_database(given(data_dir=folder / "data")) as engine:
            async with writing(engine) as connection:
                for each in people:
                    await subscribers.add(connection, each, NOW)
            await delivered(engine)

    asyncio.run(put())


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "data" / "arxiv-daily.db")) as connection:
        return connection.execute(query).fetchall()


def file(folder: Path, content: str | bytes) -> str:
    path = folder / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_the_list_shows_who_is_known_how_it_stands_and_why(commands: Commands) -> None:
    known(commands.folder, LI, FULL, READER, GONE)
    told = commands.call("subscribers", "list")
    assert [line.split()[:5] for line in told.out.splitlines()[1:5]] == [
        ["1", "telegram", "active", "2026-02-11", "1001"],
        ["2", "telegram", "active", "2026-02-11", "-1001:7"],
        ["3", "mail", "active", "2026-02-11", "reader@example.org"],
        ["4", "mail", "ended", "2026-02-11", "gone@example.org"],
    ]
    assert told.out.splitlines()[4].endswith("bounced 5.1.1")
    assert told.out.endswith("\n4 in total.\n")
    some = commands.call("subscribers", "list", "--channel", "mail", "--status", "active")
    assert some.out.endswith("\n1 in total.\n")
    assert "reader@example.org" in some.out
    assert commands.call("subscribers", "list", "--channel", "pigeon").status == 2


def test_the_export_holds_everything_and_nothing_that_a_spreadsheet_would_run(commands: Commands) -> None:
    odd = replace(
        READER,
        address="=1+1@example.org",
        preferences=Preferences("en", include=(keyword("@SUM(1)"), keyword("x"))),
    )
    known(commands.folder, FULL, odd)
    told = commands.call("subscribers", "export", "out.csv")
    assert told.out == "2 subscribers in out.csv\n"
    target = commands.folder / "out.csv"
    assert target.stat().st_mode & 0o777 == 0o600
    content = target.read_text("utf-8")
    assert commands.call("subscribers", "export").out == content
    group, reader = csv.DictReader(content.splitlines())
    assert (group["address"], group["include"], group["zone"]) == (
        "-1001:7",
        "语音, A<B & C",
        "Europe/Berlin",
    )
    assert (reader["address"], reader["include"]) == ("'=1+1@example.org", "'@SUM(1), x")
    assert (reader["consented_at"], reader["consent"]) == ("2025-11-03T04:00:00+00:00", "form")
    assert commands.call("subscribers", "export", ".").sentence.startswith(". cannot be written: ")


def test_lists_and_exports_of_several_pages_are_whole(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(commands.folder, *(replace(LI, address=str(number)) for number in range(1001, 1006)))
    whole = [commands.call("subscribers", command).out for command in ("list", "export")]
    monkeypatch.setattr(subscribers, "BATCH", 2)
    assert [commands.call("subscribers", command).out for command in ("list", "export")] == whole
    assert [line.split()[0] for line in whole[0].splitlines()[1:6]] == ["1", "2", "3", "4", "5"]
    assert whole[0].endswith("\n\n5 in total.\n")
    assert [row["address"] for row in csv.DictReader(whole[1].splitlines())] == [
        str(number) for number in range(1001, 1006)
    ]


def test_what_servers_said_gives_the_terminal_no_commands(commands: Commands) -> None:
    known(commands.folder, replace(GONE, reason="bounced \x1b]0;x\x07\x9b2J\u202e5.1.1"))
    told = [commands.call("subscribers", command).out for command in ("list", "export")]
    assert all("bounced ]0;x2J5.1.1" in each for each in told)
    assert not set("".join(told)) & set("\x1b\x07\x9b\u202e")


def test_a_list_with_recorded_consent_is_subscribed(commands: Commands) -> None:
    told = commands.call("subscribers", "import", file(commands.folder, b"\xef\xbb\xbf" + LIST.encode()))
    assert (told.status, told.out) == (0, "2 subscribed.\n")
    query = "SELECT channel, address, kind, standing, language, zone, consented_at, consent FROM subscribers"
    assert rows(commands.folder, query)[0] == (
        "mail", "li@example.org", "mailbox", "active", "zh-CN", "Asia/Shanghai", "2024-12-31 16:00:00.000000",
        "paper form",
    )  # fmt: skip


def test_a_fault_keeps_all_out_unless_the_faulty_are_to_be_skipped(commands: Commands) -> None:
    path = file(commands.folder, LIST + "nobody,2025-01-01,form\nzhao@example.org,2025-01-01,\n")
    told = commands.call("subscribers", "import", path)
    assert told.status == 1
    assert [line.partition(": ")[0] for line in told.err.splitlines()] == [
        f"{path}:4",
        f"{path}:5",
        "arxiv-daily",
    ]
    assert told.sentence == "2 faults found, so nothing was imported."
    skipped = commands.call("subscribers", "import", "--skip-faulty", path)
    assert (skipped.status, skipped.out) == (0, "2 subscribed.\n")
    assert sum(line.startswith(path) for line in skipped.err.splitlines()) == 2


def test_a_list_that_is_no_utf_8_is_refused(commands: Commands) -> None:
    told = commands.call("subscribers", "import", file(commands.folder, LIST.encode() + b"\xff\xfe,a,b\n"))
    assert told.status == 1
    assert "not valid CSV in UTF-8" in told.err


def test_who_is_known_stays_as_they_are_and_who_left_does_not_come_back(commands: Commands) -> None:
    there = replace(
        READER, address="li@example.org", preferences=Preferences("en", include=(keyword("echo"),))
    )
    known(commands.folder, there, LEFT, GONE)
    before = rows(commands.folder, "SELECT * FROM subscribers")
    more = "left@example.org,2026-01-01,new form\ngone@example.org,2026-01-01,new form\n"
    told = commands.call("subscribers", "import", file(commands.folder, LIST + more))
    assert told.out == "1 subscribed, 3 already known and unchanged (2 of them no longer subscribed).\n"
    assert rows(commands.folder, "SELECT * FROM subscribers WHERE id < 4") == before
    again = commands.call("subscribers", "import", file(commands.folder, LIST))
    assert again.out == "0 subscribed, 2 already known and unchanged.\n"


def test_many_are_imported_in_bounded_transactions(commands: Commands) -> None:
    many = "".join(f"reader{number}@example.org,2025-01-01,form\n" for number in range(5000))
    head = LIST.partition("\n")[0] + "\n"
    assert (
        commands.call("subscribers", "import", file(commands.folder, head + many)).out == "5000 subscribed.\n"
    )
    counts = "SELECT count(DISTINCT address), count(DISTINCT joined) FROM subscribers"
    assert rows(commands.folder, counts) == [(5000, 3)]


def test_removing_asks_and_deletes_every_row_about_somebody(commands: Commands) -> None:
    known(commands.folder, READER, LI)

    async def more() -> None:
        async with (
            open_database(given(data_dir=commands.folder / "data")) as engine,
            writing(engine) as connection,
        ):
            await bounces.take(connection, "<1@x>", "soft", None, 1, NOW)
            mailbox = Mailbox.of(READER.address)
            await signups.add(connection, SignUp(0, mailbox, "n", MailPurpose.CONFIRM, None, "form", NOW))

    asyncio.run(more())
    kept = commands.call("subscribers", "remove", "Reader@example.org", piped=b"n\n")
    assert kept.status == 1
    assert "Delete number 1 (mail, reader@example.org) and all its data?" in kept.out + kept.err
    assert len(rows(commands.folder, "SELECT * FROM subscribers")) == 2
    assert commands.call("subscribers", "remove", "Reader@example.org", piped=b"y\n").status == 0
    assert rows(commands.folder, "SELECT id FROM subscribers") == [(2,)]
    assert rows(commands.folder, "SELECT subscriber_id FROM deliveries") == [(2,)]
    assert (
        rows(commands.folder, "SELECT * FROM bounces") == rows(commands.folder, "SELECT * FROM signups") == []
    )
    assert commands.call("subscribers", "remove", "--yes", "2").status == 0
    assert commands.call("subscribers", "remove", "--yes", "2").sentence == "There is no subscriber “2”."


def test_a_number_that_is_an_address_too_is_asked_about(commands: Commands) -> None:
    known(commands.folder, LI, replace(LI, address="1"))
    assert commands.call("subscribers", "remove", "--yes", "1").sentence == (
        "“1” is a number and an address: write id:2 or id:1."
    )
    assert commands.call("subscribers", "remove", "--yes", "id:1").status == 0
    assert rows(commands.folder, "SELECT address FROM subscribers") == [("1",)]
