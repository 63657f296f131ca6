"""Tests of the program from the user's side: a separate process, in a folder and an environment of its own."""

import asyncio
import re
import signal
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.bot.posts import edition, rendered
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes.model import KEY, FakeModel
from tests.fakes.smtp import FakeSmtp, Says, Stage
from tests.papers import paper
from tests.programs import call, start

NOON = ("--at", "2026-02-11T12:00")
POST = "2026-02-11-arxiv.md"
NOBODY = "http://127.0.0.1:9"
"""The discard service's port, on which nobody listens."""


def environment(here: World, **others: str) -> dict[str, str]:
    return {
        "DATA_DIR": str(here.folder),
        "ARCHIVE_DIR": str(here.posts),
        "ARXIV_API_URL": f"{here.arxiv_url}/api/query",
        "ARXIV_RSS_URL": f"{here.arxiv_url}/rss",
        "ARXIV_SITE_URL": here.arxiv_url,
        "ARXIV_REQUEST_INTERVAL": "0",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": here.model.url,
        "JUDGE_MODEL": "none",
        "DIGEST_TIME": "08:50",
        **others,
    }


async def asked(model: FakeModel, calls: int) -> None:
    """Wait until the model has been called that many times."""
    async with asyncio.timeout(300):
        while model.asked_for.total() < calls:  # noqa: ASYNC110 - the fake sends no notification
            await asyncio.sleep(0.01)


def rows(here: World, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(here.folder / "arxiv-daily.db")) as database:
        return database.execute(query).fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_run_writes_the_post_and_sums_up(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        told = await call(tmp_path, "run", *NOON, **environment(here))
    assert told.status == 0
    first, summary = told.out.splitlines()
    assert first == f"Edition of 2026-02-11: {here.posts / POST}"
    assert re.fullmatch(
        r"papers 3 · translated 3 · read 3 · waiting 0 · failed 0 · tokens [\d,]{4,} · \d+\.\d s", summary
    )
    assert here.post("2026-02-11").count("\n## EchoNet-") == 3
    assert "Traceback" not in told.err
    assert KEY not in told.out + told.err


async def test_a_mail_server_that_refuses_us_is_told_in_a_sentence_and_ends_with_one(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1) as here, FakeSmtp().serving() as smtp:
        smtp.fail(Stage.RCPT, Says("553 5.7.1 <daily@x.example>: Sender address rejected"), times=100)
        mail = environment(
            here,
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(smtp.port),
            SMTP_SECURITY="none",
            MAIL_FROM="daily@x.example",
            PUBLIC_URL="https://daily.example",
            SECRET_KEY="a-secret-of-thirty-two-characters-and-more",
        )
        readers = tmp_path / "readers.csv"
        readers.write_text("address,consented_at,consent\nada@a.example,2026-01-01,sheet\n")
        assert (await call(tmp_path, "subscribers", "import", str(readers), **mail)).status == 0
        told = await call(tmp_path, "run", *NOON, **mail)
    assert told.status == 1
    [sentence] = [line for line in told.err.splitlines() if "Sender address rejected" in line][-1:]
    assert sentence.removeprefix("arxiv-daily: ").startswith(
        "Nothing more can be sent: the SMTP server refuses our mail (recipient): 553 5.7.1"
    )
    assert "Traceback" not in told.err
    assert rows(here, "SELECT standing, strikes FROM subscribers") == [("active", 0)]


async def test_a_time_may_be_a_day_which_stands_for_the_moment_when_its_edition_is_due(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, papers=1) as here:
        told = await call(tmp_path, "run", "--at", "2026-02-11", **environment(here))
    assert told.status == 0
    assert told.out.startswith("Edition of 2026-02-11: ")


async def test_settings_are_read_from_the_file_beside_which_the_program_runs(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1) as here:
        lines = [f"{name}={value}\n" for name, value in environment(here).items()]
        (tmp_path / ".env").write_text("".join(lines))
        told = await call(tmp_path, "build", "--at", "2026-02-11T04:00Z")
    assert told.status == 0
    assert "papers 1 · translated 1 · read 1" in told.out


async def test_a_day_without_a_batch_is_no_failure(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await call(tmp_path, "run", *NOON, **environment(here))
        holiday = environment(here, ARXIV_HOLIDAYS="2026-02-10")
        quiet = await call(tmp_path, "run", "--at", "2026-02-12T12:00", **holiday)
        missing = await call(tmp_path, "run", "--at", "2026-02-12T12:00", **environment(here))
    assert quiet.status == 0
    assert quiet.out.startswith(
        "No edition of 2026-02-12: according to its calendar, arXiv announces nothing"
    )
    assert "The next edition is that of 2026-02-13." in quiet.out
    assert missing.status == 1
    assert "arXiv should have shown its papers hours ago" in missing.out
    assert names(here.posts) == [POST]


async def test_a_missing_batch_stays_a_failure_under_its_own_day(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await call(tmp_path, "run", *NOON, **environment(here))
        told = await call(tmp_path, "run", "--at", "2026-02-15T12:00", **environment(here))
    assert told.status == 1
    assert told.out.startswith("No edition of 2026-02-15: according to its calendar, arXiv announces nothing")
    assert "The edition of 2026-02-14 is still open: arXiv should have shown its papers long ago" in told.out


async def test_log_lines_are_json_for_those_who_ask_for_it(tmp_path: Path) -> None:
    async with world(tmp_path, papers=1) as here:
        told = await call(tmp_path, "run", *NOON, **environment(here, LOG_FORMAT="json"))
    lines = told.err.splitlines()
    assert lines
    assert all(line.startswith("{") and line.endswith("}") for line in lines)


async def test_a_key_that_is_refused_is_shown_nowhere_and_costs_no_edition(tmp_path: Path) -> None:
    secret = "sk-very-secret"
    async with world(tmp_path) as here:
        told = await call(tmp_path, "run", *NOON, **environment(here, OPENAI_API_KEY=secret))
        again = await call(tmp_path, "build", *NOON, **environment(here, OPENAI_API_KEY=secret))
        mended = await call(tmp_path, "run", *NOON, **environment(here))
    assert told.status == again.status == 1
    assert "papers 3 · translated 0 · read 0 · waiting 0 · failed 3" in told.out
    assert re.search(
        r"The language model translated none of the 3 papers of 2026-02-11: the model's endpoint does not accept "
        r"OPENAI_API_KEY \((once|\d times)\); correct OPENAI_API_KEY, .*doctor",
        " ".join(told.err.split()),
    )
    assert secret not in told.out + told.err + again.out + again.err + here.post("2026-02-11")
    assert mended.status == 0


async def test_what_cannot_be_used_is_named_in_one_sentence_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("This is no database, no folder and no post.\n" * 100)
    cases = {
        "The folder of the posts, nowhere, does not exist": ("ARCHIVE_DIR", "nowhere"),
        f"The folder of sqlite:///{tmp_path}/file/arxiv-daily.db cannot be created": ("DATA_DIR", "file"),
        f"The database sqlite:///{tmp_path}/file failed: file is not a database": (
            "DATABASE_URL",
            "sqlite:///file",
        ),
        "The database postgresql://ada@127.0.0.1:9/x failed": (
            "DATABASE_URL",
            "postgresql://ada:hunter2@127.0.0.1:9/x",
        ),
    }
    async with world(tmp_path) as here:
        ends = [call(tmp_path, "run", *NOON, **environment(here, **{k: v})) for k, v in cases.values()]
        every = await asyncio.gather(*ends)
    for sentence, told in zip(cases, every, strict=True):
        assert (told.status, told.out) == (1, "")
        assert told.sentence.startswith(sentence)
        assert "hunter2" not in told.err
    assert here.arxiv.requests == []
    assert here.model.requests == []


async def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ARXIV_CATEGORY=cs.SD\n")
    told = await call(tmp_path, "run", *NOON)
    assert told.status == 1
    assert told.sentence.startswith("ARXIV_CATEGORY in .env: there is no such setting.")
    assert names(tmp_path) == [".env"]


async def test_arxiv_out_of_reach_is_one_sentence(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        env = environment(here, ARXIV_API_URL=NOBODY)
        process = await start(tmp_path, "run", *NOON, attempts=2, env=env)
        told = await process.ended()
    assert (told.status, told.out) == (1, "")
    assert told.sentence.startswith("arXiv cannot be reached")


async def test_arxiv_that_asks_for_a_long_pause_is_one_sentence(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.faults.append("429:900")
        told = await call(tmp_path, "run", *NOON, **environment(here))
    assert (told.status, told.out) == (1, "")
    assert told.sentence == "arXiv asks for fewer requests (HTTP 429)."


async def test_a_post_that_cannot_be_written_costs_no_call_again(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        blocked = here.posts / POST
        blocked.mkdir()
        told = await call(tmp_path, "run", *NOON, **environment(here))
        assert told.status == 1
        assert told.sentence.startswith(f"{blocked} cannot be written")
        blocked.rmdir()
        told = await call(tmp_path, "run", *NOON, **environment(here))
    assert told.status == 0
    assert "translated 3 · read 3 · waiting 0 · failed 0 · tokens 0" in told.out
    assert set(here.model.asked_for.values()) == {1}


@pytest.mark.parametrize("arguments", [("run", *NOON), ("paper", "2602.00001")])
async def test_a_database_that_fails_halfway_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    async with world(tmp_path) as here:
        async with here.app(WEDNESDAY_NOON):
            pass  # the tables are there now
        rows(
            here,
            "CREATE TRIGGER full BEFORE INSERT ON translations "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
        )
        told = await call(tmp_path, *arguments, **environment(here))
        assert told.status == 1
        assert "database or disk is full" in told.sentence


async def test_a_wrong_call_is_answered_with_what_is_wrong(tmp_path: Path) -> None:
    cases = {
        ("paper", "abc"): "“abc” names no arXiv paper",
        ("run", "--at", "tomorrow"): "“tomorrow” is not a valid time, such as 2026-02-12T09:00.",
        ("frob",): "No such command 'frob'.",
    }
    every = await asyncio.gather(*(call(tmp_path, *arguments) for arguments in cases))
    for sentence, told in zip(cases.values(), every, strict=True):
        assert (told.status, told.out) == (2, "")
        assert sentence in told.usage
        assert "Traceback" not in told.err
    assert names(tmp_path) == []


async def test_paper_shows_the_translation_and_the_reading(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        told = await call(tmp_path, "paper", "2602.00002", **environment(here))
        again = await call(tmp_path, "paper", "https://arxiv.org/abs/2602.00002v1", **environment(here))
    assert told.status == 0
    assert "EchoNet-2: Hearing the Shape of Room 2" in told.out
    assert "https://arxiv.org/abs/2602.00002v1" in told.out
    assert "■ 研究背景与既有方法的问题" in told.out
    assert "错误率最多下降12.5%" in told.out
    assert (again.status, again.out) == (0, told.out)
    assert set(here.model.asked_for.values()) == {1}


async def test_a_paper_or_a_version_that_arxiv_does_not_have_is_one_sentence(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        env = environment(here)
        paper, version, question = await asyncio.gather(
            call(tmp_path, "paper", "2602.00099", **env),
            call(tmp_path, "paper", "2602.00001v9", **env),
            call(tmp_path, "paper", "https://arxiv.org/abs/2602.00001v9", "--ask", "Why?", **env),
        )
    assert {told.status for told in (paper, version, question)} == {1}
    assert paper.sentence == "arXiv has no paper 2602.00099."
    none = "arXiv has no 2602.00001v9: the newest version of that paper is 2602.00001v1."
    assert version.sentence == question.sentence == none
    assert here.model.asked_for == {}


@pytest.mark.parametrize("calls", [6, 11])
async def test_a_run_that_is_killed_is_finished_by_the_next_and_repeats_no_kept_call(
    tmp_path: Path, calls: int
) -> None:
    async with world(tmp_path, FakeModel(translation_seconds=0.05, reading_seconds=0.15), papers=8) as here:
        env = environment(here, LLM_CONCURRENCY="2")
        process = await start(tmp_path, "run", *NOON, env=env)
        await asked(here.model, calls)
        while not here.kept():  # noqa: ASYNC110 - the program sends no notification
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await process.ended()
        kept = here.kept()
        told = await call(tmp_path, "run", *NOON, **env)
    assert told.status == 0
    assert "papers 8 · translated 8 · read 8 · waiting 0 · failed 0" in told.out
    assert here.post("2026-02-11").count("\n## EchoNet-") == 8
    assert {here.model.asked_for[key] for key in kept} == {1}


async def test_of_two_runs_at_once_one_makes_the_edition_and_the_other_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(reading_seconds=1), papers=6) as here:
        both = [await start(tmp_path, "run", *NOON, env=environment(here)) for _ in range(2)]
        other, one = sorted(
            await asyncio.gather(*(each.ended() for each in both)), key=lambda told: -told.status
        )
    assert (one.status, other.status) == (0, 1)
    assert "papers 6 · translated 6 · read 6 · waiting 0 · failed 0" in one.out
    assert other.sentence.startswith("Another arxiv-daily is at work on the editions")
    assert set(here.model.asked_for.values()) == {1}
    assert names(here.posts) == [POST]
    assert here.post("2026-02-11").count("\n## EchoNet-") == 6
    assert rows(here, "SELECT count(*) FROM editions") == [(1,)]


async def test_the_database_is_made_and_brought_up_to_date(tmp_path: Path) -> None:
    upgrade = ("db", "upgrade")
    both = [call(tmp_path, *upgrade, DATABASE_URL="sqlite:///kept/here.db") for _ in range(2)]
    for told in await asyncio.gather(*both):
        assert (told.status, told.out) == (0, "The database is up to date.\n")
        assert re.search(rf"database_made +database=sqlite:///{tmp_path}/kept/here\.db", told.err)
    assert (await call(tmp_path, *upgrade, DATABASE_URL="sqlite:///kept/here.db")).err == ""
    assert names(tmp_path / "kept") == ["here.db"]


async def test_the_demo_needs_no_network_no_key_and_no_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NONSENSE=1\nTIMEZONE=Nowhere\n")
    cut_off = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOBODY)
    told = await call(
        tmp_path, "demo", "--out", "shown", ARCHIVE_DIR="nowhere", LLM_CONCURRENCY="0", **cut_off
    )
    assert (told.status, told.err) == (0, "")
    post, page = tmp_path / "shown" / "2026-02-12-arxiv.md", tmp_path / "shown" / "2026-02-12-arxiv.html"
    assert str(post.relative_to(tmp_path)) in told.out
    assert str(page.relative_to(tmp_path)) in told.out
    assert "papers 3 · translated 3 · read 2 · waiting 1 · failed 0" in told.out
    assert post.read_text("utf-8").count("\n- **arXiv**:") == 3
    assert page.read_text("utf-8").startswith("<!")
    assert names(tmp_path) == [".env", "shown"]
    chat = tmp_path / "shown" / "2026-02-12-telegram.html"
    assert str(chat.relative_to(tmp_path)) in told.out
    assert "1 · 详细解读" in chat.read_text("utf-8")
    mail = tmp_path / "shown" / "2026-02-12-mail.eml"
    assert str(mail.relative_to(tmp_path)) in told.out
    assert b"\r\nList-Unsubscribe: <https://" in mail.read_bytes()
    assert "详细解读" not in mail.with_suffix(".txt").read_text("utf-8")  # the readings themselves are there
    mails = [mail.with_suffix(suffix).name for suffix in (".eml", ".html", ".txt")]
    assert names(tmp_path / "shown") == [page.name, post.name, *mails, chat.name]


async def test_a_preview_of_what_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    mail = ("preview", "--channel", "mail")
    nothing, wrong, fax = await asyncio.gather(
        call(tmp_path, *mail, "--date", "2026-02-11", DATA_DIR=str(tmp_path)),
        call(tmp_path, *mail, "--date", "soon"),
        call(tmp_path, "preview", "--channel", "fax", "--date", "2026-02-11"),
    )
    assert (nothing.status, nothing.sentence) == (1, "There is no edition of 2026-02-11.")
    assert (wrong.status, fax.status) == (2, 2)
    assert "“soon” is not a valid date" in wrong.usage
    assert "'mail', 'telegram'" in fax.usage


async def test_a_place_where_the_demo_cannot_write_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = await call(tmp_path, "demo", "--out", "file")
    assert told.status == 1
    assert told.sentence.startswith("The folder file cannot be created")


async def test_old_posts_are_taken_over_and_rebuilt_without_a_call_for_what_they_hold(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        (here.posts / POST).write_text(rendered(edition(date(2026, 2, 11))), "utf-8")
        told = await call(tmp_path, "archive", "import", "posts", **environment(here))
        assert (told.status, told.out) == (0, f"posts/{POST}: 2 papers imported\n")
        told = await call(tmp_path, "run", *NOON, **environment(here))
    assert told.status == 0
    assert "papers 2 · translated 2 · read 2 · waiting 0 · failed 0" in told.out
    assert [str(purpose) for purpose, _ in here.model.asked_for] == ["reading"]
    assert "第 1 间屋子的背景。" in here.post("2026-02-11")


async def test_each_paper_that_was_left_out_has_its_reason(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.announced = [(f"2602.0000{number}v1", "new") for number in (1, 2, 3)]
        env = environment(here, EXCLUDE_KEYWORDS="room 2", MAX_PAPERS="1")
        built = await call(tmp_path, "build", *NOON, "--explain", **env)
        proof = await call(tmp_path, "coverage", "--from", "2026-02-09", "--to", "2026-02-12", **env)
    assert built.status == proof.status == 0
    assert "Edition of 2026-02-11: 3 listed, 1 shown, 2 left out." in built.out
    assert (
        "2602.00002v1  EchoNet-2: Hearing the Shape of Room 2\n    excluded keyword (room 2)\n" in built.out
    )
    assert "2602.00001v1  EchoNet-1: Hearing the Shape of Room 1\n    beyond MAX_PAPERS (2/2)\n" in built.out
    assert "抓取总数：3 篇 \\| 本页显示：1 篇" in here.post("2026-02-11")
    [header, first, second, _, total] = proof.out.splitlines()
    assert header.startswith("edition")
    assert first.split()[:7] == ["2026-02-11", "2026-02-10", "01:00", "3", "1", "0", "2"]
    assert "1 excluded keyword" in first
    assert "1 beyond MAX_PAPERS" in first
    assert second.endswith("not available yet")
    assert total == "3 announced, 1 shown by their own edition, 0 late, 0 unexplained."


async def test_a_reason_that_there_is_not_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await call(tmp_path, "build", *NOON, **environment(here, EXCLUDE_KEYWORDS="room 2"))
        with closing(sqlite3.connect(tmp_path / "arxiv-daily.db")) as database, database:
            database.execute("UPDATE listings SET left_out = 'nonsense' WHERE left_out IS NOT NULL")
        told = await call(
            tmp_path, "coverage", "--from", "2026-02-11", "--to", "2026-02-11", **environment(here)
        )
    assert (told.status, told.out) == (1, "")
    assert "2602.00002" in told.sentence


async def test_a_date_without_hyphens_is_a_date_too(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        told = await call(tmp_path, "build", "--at", "20260211", **environment(here))
    assert told.status == 0
    assert [post.name for post in here.posts.iterdir()] == [POST]


async def test_a_paper_that_is_missing_without_a_reason_is_an_alarm(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.arxiv.announced = [(f"2602.0000{number}v1", "new") for number in (1, 2, 3, 4)]
        built = await call(tmp_path, "build", *NOON, **environment(here))
        proof = await call(
            tmp_path, "coverage", "--from", "2026-02-11", "--to", "2026-02-11", **environment(here)
        )
    assert built.status == 0
    assert "arXiv announced papers that are in no edition for no known reason: 2602.00004" in built.err
    assert proof.status == 1
    assert "UNEXPLAINED: 2602.00004" in proof.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("coverage", "--from", "yesterday"), "is not a valid date"),
        (("coverage", "--to", "2026-02-30"), "is not a valid date"),
        (
            ("coverage", "--from", "2026-02-12", "--to", "2026-02-11"),
            "2026-02-12, is after the last, 2026-02-11",
        ),
        (("coverage", "--from", "0001-01-01"), "nothing in the year 1"),
        (("build", "--at", "0001-01-01"), "nothing in the year 1"),
        (("run", "--at", "9999-12-31T23:59"), "nothing in the year 9999"),
    ],
)
async def test_a_day_on_which_nothing_can_be_announced_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    told = await call(tmp_path, *arguments)
    assert told.status == 2
    assert sentence in told.usage


async def test_the_reading_of_a_newer_version_stands_in_place_of_the_older_and_says_so(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        env = environment(here)
        first = await call(tmp_path, "paper", "2602.00001", **env)
        here.arxiv.papers[0] = paper(1, version=2)
        here.arxiv.html["2602.00001v2"] = here.arxiv.html["2602.00001v1"]
        second = await call(tmp_path, "paper", "2602.00001", **env)
        here.arxiv.papers[0] = paper(1, version=3, abstract="This paper has been withdrawn by its authors.")
        third = await call(tmp_path, "paper", "2602.00001", **env)
    assert "解读依据的版本：2602.00001v1" in first.out
    assert "解读依据的版本：2602.00001v2" in second.out
    assert "本文已撤稿" in third.out
    assert "解读依据的版本：2602.00001v2" in third.out


async def test_paper_answers_a_question_with_the_passages_that_the_answer_rests_on(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        env = environment(here)
        told = await call(tmp_path, "paper", "2602.00002", "--ask", "Does the error fall?", **env)
        silent = await call(tmp_path, "paper", "2602.00002", "--ask", "How is the weather?", **env)
        failed = await call(
            tmp_path, "paper", "2602.00002", "--ask", "Why?", **{**env, "OPENAI_API_KEY": "sk-wrong"}
        )
        long = await call(tmp_path, "paper", "2602.00002", "--ask", "x" * 501, **env)
    assert told.status == 0
    assert "https://arxiv.org/abs/2602.00002v1" in told.out
    assert "误差在每种情况下都下降了。\n  > Room 2 was measured 1 times" in told.out
    assert (silent.status, silent.out.splitlines()[-1]) == (0, "The paper does not say.")
    assert failed.status == 1
    assert failed.sentence
    assert long.status == 2
    assert "A question may have at most 500 characters." in long.usage
