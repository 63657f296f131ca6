"""Tests of all checks of the doctor against services on loopback: all valid, then each part broken."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route
from telegram import Bot

from bot.doctor import examine
from bot.doctor import machine as machine_checks
from bot.doctor.domain import Names
from bot.doctor.findings import Diagnosis, Health, found
from bot.doctor.papers import ahead
from digest.core.models import PaperId, VersionId
from tests.bot.commands import Commands
from tests.bot.doctor.test_domain import ALL
from tests.bot.world import World, world
from tests.dovecot import PASSWORD as IMAP_PASSWORD
from tests.dovecot import Dovecot
from tests.fakes.dns import FakeDns
from tests.fakes.server import serving
from tests.fakes.smtp import FakeSmtp, Says, Stage
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_faults import status
from tests.papers import paper

OPERATOR = 42
LOGIN = ("daily", "the password of the relay")
SECRET = "a secret of thirty-two characters"


@dataclass
class Surroundings:
    """A machine, and all services that it uses."""

    machine: World
    telegram: FakeTelegram
    smtp: FakeSmtp
    dns: FakeDns
    names: Names
    overrides: dict[str, object]

    async def examined(self, now: datetime | None = None, /, **overrides: object) -> dict[str, Diagnosis]:
        """Return the findings with these settings, by part."""
        settings = self.machine.settings(**{**self.overrides, **overrides})
        findings = examine(settings, lambda: now or datetime.now(UTC), self.names)
        async with aclosing(findings):
            return {each.what: each async for each in findings}


def pages(status: int = 200) -> Starlette:
    async def live(_: object) -> PlainTextResponse:
        return PlainTextResponse("ok", status)

    async def elsewhere(_: object) -> RedirectResponse:
        return RedirectResponse("https://elsewhere.example/health/live")

    return Starlette(
        routes=[Route(machine_checks.LIVE, live), Route(f"/moved{machine_checks.LIVE}", elsewhere)]
    )


@asynccontextmanager
async def surroundings(folder: Path, dovecot: Dovecot) -> AsyncIterator[Surroundings]:
    """Valid surroundings; the web server and the mail servers have certificates of the same authority."""
    async with AsyncExitStack() as stack:
        machine = await stack.enter_async_context(world(folder, papers=1))
        known = replace(paper(), version=VersionId(PaperId("1706.03762"), 7))
        machine.arxiv.papers.append(known)
        machine.arxiv.announced, machine.arxiv.fed_on = (
            [("2602.00001v1", "new")],
            "Tue, 10 Feb 2026 00:00:00 -0500",
        )
        telegram_ = await stack.enter_async_context(FakeTelegram())
        telegram_.user(OPERATOR, started=True)
        smtp = FakeSmtp(dovecot.certificate.server_context(), login=LOGIN)
        await stack.enter_async_context(smtp.serving())
        dns = FakeDns(dict(ALL))
        address = await stack.enter_async_context(serving(pages(), dovecot.certificate))
        names = Names(await stack.enter_async_context(dns.serve()))
        overrides = {
            "digest_time": "announced",
            "telegram_bot_token": TOKEN,
            "telegram_api_url": telegram_.url,
            "telegram_admins": str(OPERATOR),
            "smtp_host": "localhost",
            "smtp_port": smtp.port,
            "smtp_username": LOGIN[0],
            "smtp_password": LOGIN[1],
            "mail_from": "daily@example.org",
            "public_url": address,
            "secret_key": SECRET,
            "imap_host": "localhost",
            "imap_port": dovecot.port,
            "imap_username": dovecot.mailbox(),
            "imap_password": IMAP_PASSWORD,
        }
        yield Surroundings(machine, telegram_, smtp, dns, names, overrides)


@pytest.fixture
async def around(
    tmp_path: Path, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Surroundings]:
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate.authority))
    async with surroundings(tmp_path, dovecot) as made:
        yield made


async def test_where_all_is_in_order_each_part_says_so_and_nothing_is_sent(around: Surroundings) -> None:
    findings = await around.examined()
    assert {what: each for what, each in findings.items() if each.health is Health.BROKEN} == {}
    assert list(findings) == [
        "settings", "data folder", "database", "publishing", "arXiv API", "arXiv feed", "clock", "private files",
        "language", "digest time",
        "archive", "model", "Telegram", "SMTP", "IMAP", "SPF", "DKIM", "DMARC", "MX", "PTR", "pages",
    ]  # fmt: skip
    well = {what for what, each in findings.items() if each.health is Health.OK}
    assert set(findings) - well == {
        "DKIM",
        "SPF",
        "PTR",
    }  # no DKIM key of our own; a relay that only this machine sees
    assert findings["database"].sentence.endswith("up to date")
    assert findings["arXiv API"].sentence == "knows 1706.03762v7"
    assert findings["arXiv feed"].sentence == "1 papers, of 2026-02-10"
    assert findings["Telegram"].sentence.endswith("1 reachable operators")
    assert (around.smtp.commands["MAIL"], around.smtp.commands["RSET"], around.smtp.taken) == (1, 1, [])
    assert len(around.machine.arxiv.requests) == 2
    assert around.telegram.chats[OPERATOR].messages == {}


async def test_nothing_is_broken_that_is_not_set_up(tmp_path: Path) -> None:
    async with world(tmp_path, openai_api_key=None) as here, FakeDns().serve() as resolver:
        here.arxiv.announced = []
        here.arxiv.papers.append(replace(paper(), version=VersionId(PaperId("1706.03762"), 7)))
        findings = [
            each async for each in examine(here.settings(), lambda: datetime.now(UTC), Names(resolver))
        ]
    assert {each.what for each in findings if each.health is Health.OFF} == {
        "model", "Telegram", "SMTP", "IMAP", "SPF", "DKIM", "DMARC", "MX", "PTR", "pages",
    }  # fmt: skip
    assert not [each for each in findings if each.health is Health.BROKEN]


async def test_each_part_that_is_broken_is_told_beside_the_others(around: Surroundings) -> None:
    nobody = "http://127.0.0.1:9"
    blocker = around.machine.folder / "file"
    blocker.touch()
    around.smtp.fail(Stage.MAIL, Says("553 5.7.1 Not your address"))
    around.dns.records.clear()
    findings = await around.examined(
        data_dir=blocker / "data",
        archive_dir=around.machine.folder / "nowhere",
        openai_base_url=nobody,
        telegram_api_url=nobody,
        imap_password="wrong",
        public_url=nobody,
    )
    broken = {what: each.sentence for what, each in findings.items() if each.health is Health.BROKEN}
    assert "DATA_DIR" in broken.pop("data folder")
    assert "database" in findings
    assert broken.pop("database").startswith("The folder of sqlite://")
    assert broken.pop("archive").endswith("does not exist: set it to the _posts folder of your site.")
    assert broken.pop("model") == "gpt-4.1-mini: The model's endpoint cannot be reached."
    assert broken.pop("Telegram").startswith("Telegram, at TELEGRAM_API_URL, cannot be reached")
    assert "553" in broken.pop("SMTP")
    assert "IMAP_PASSWORD" in broken.pop("IMAP")
    assert "cannot be reached" in broken.pop("pages")
    assert set(broken) == {"SPF", "DMARC", "MX"}
    told = " ".join(each.sentence for each in findings.values())
    for secret in (LOGIN[1], IMAP_PASSWORD, "wrong", SECRET, TOKEN):
        assert secret not in told


async def test_a_login_that_is_refused_and_a_server_without_tls_are_told(around: Surroundings) -> None:
    refused = await around.examined(smtp_password="not the password")
    assert refused["SMTP"].health is Health.BROKEN
    assert "not the password" not in refused["SMTP"].sentence
    assert re.search(r"[^.]\.$", refused["SMTP"].sentence)
    around.smtp.tls, around.smtp.login = None, None
    clear = (await around.examined())["SMTP"].sentence
    assert "STARTTLS" in clear
    assert re.search(r"[^.]\.$", clear)
    assert around.smtp.commands["MAIL"] == 0


async def test_the_envelope_that_is_used_is_tried_and_the_remedy_is_told(around: Surroundings) -> None:
    """Postfix rejects senders at RCPT."""
    reply = "553 5.7.1 <back@example.org>: Sender address rejected: not owned by user daily"
    around.smtp.fail(Stage.RCPT, Says(reply))
    told = (await around.examined(mail_bounces="back@example.org"))["SMTP"]
    assert told.health is Health.BROKEN
    assert "Sender address rejected" in told.sentence
    assert (
        "(MAIL_VERP=false sends from the login's address); the envelope's sender was back+b0."
        in told.sentence
    )
    assert around.smtp.taken == []


async def test_an_address_of_ours_that_the_server_does_not_know_is_told(around: Surroundings) -> None:
    around.smtp.fail(Stage.RCPT, Says("550 5.1.1 <daily@example.org>: User unknown"))
    told = (await around.examined())["SMTP"]
    assert told.health is Health.UNSURE
    assert "not to daily@example.org (550 5.1.1 … User unknown)" in told.sentence


async def test_an_answer_whose_meaning_is_unknown_is_told_as_it_is(around: Surroundings) -> None:
    around.smtp.fail(Stage.RCPT, Says("550 Computer says no"))
    told = (await around.examined())["SMTP"]
    assert told.health is Health.UNSURE
    assert told.sentence.startswith(
        "The server answered “550 Computer says no” to a mail from daily@example.org to "
    )
    assert "cause is unknown" in told.sentence


async def test_an_arxiv_that_fails_is_asked_once_each(around: Surroundings) -> None:
    around.machine.arxiv.faults.extend(["503", "html"])
    findings = await around.examined()
    assert findings["arXiv API"].health is findings["arXiv feed"].health is Health.BROKEN
    assert len(around.machine.arxiv.requests) == 2


async def test_telegram_tells_of_a_wrong_token_and_of_operators_who_cannot_be_written_to(
    around: Surroundings,
) -> None:
    wrong = await around.examined(telegram_bot_token="987654321:AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    assert "does not accept TELEGRAM_BOT_TOKEN" in wrong["Telegram"].sentence
    around.telegram.user(43)
    mute = await around.examined(telegram_admins=f"{OPERATOR},43")
    assert "The operator 43 of TELEGRAM_ADMINS gets no alerts" in mute["Telegram"].sentence
    around.telegram.fail(status(403, "Forbidden: bot was blocked by the user"), method="sendChatAction")
    assert "The operator 42" in (await around.examined())["Telegram"].sentence


async def test_a_webhook_is_looked_at(around: Surroundings) -> None:
    hooked: dict[str, object] = {
        "telegram_webhook_secret": "a-secret-of-the-webhook",
        "public_url": "https://papers.example",
    }
    assert "is set when `serve` starts" in (await around.examined(**hooked))["Telegram"].sentence
    async with Bot(TOKEN, f"{around.telegram.url}/bot") as bot:
        await bot.set_webhook("https://papers.example/telegram")
        assert "0 updates waiting" in (await around.examined(**hooked))["Telegram"].sentence
        await bot.set_webhook("https://elsewhere.example/telegram")
        assert (
            "is not https://papers.example/telegram" in (await around.examined(**hooked))["Telegram"].sentence
        )


async def test_the_pages_have_to_be_reached_without_a_detour(around: Surroundings) -> None:
    address = str(around.machine.settings(**around.overrides).public_url).rstrip("/")
    moved = await around.examined(public_url=f"{address}/moved")
    assert "redirects to https://elsewhere.example/health/live" in moved["pages"].sentence
    assert "HTTP 404" in (await around.examined(public_url=f"{address}/nowhere"))["pages"].sentence
    async with serving(pages()) as plain:
        assert "begins with http" in (await around.examined(public_url=plain))["pages"].sentence
        alone = await around.examined(public_url=plain, smtp_host=None)
        assert alone["pages"].health is Health.OK


async def test_a_clock_that_is_wrong_is_told(around: Surroundings) -> None:
    late = await around.examined(datetime.now(UTC) - timedelta(minutes=5))
    assert late["clock"].health is Health.BROKEN
    assert "s behind: let NTP set it" in late["clock"].sentence


def test_an_answer_that_lay_in_a_cache_is_as_old_as_it_says() -> None:
    now = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
    assert ahead(now, "Wed, 11 Feb 2026 03:00:00 GMT", "3600") == timedelta()
    assert ahead(now, "Wed, 11 Feb 2026 04:01:00 GMT", None) == timedelta(minutes=-1)
    for date, age in ((None, None), ("yesterday", None), ("Wed, 11 Feb 2026 04:00:00 GMT", "old")):
        assert ahead(now, date, age) is None


async def test_a_check_that_fails_itself_hides_no_other() -> None:
    async def fails() -> str:
        raise ZeroDivisionError

    assert await found("x", fails()) == Diagnosis(
        "x", Health.BROKEN, "The check itself failed (ZeroDivisionError)."
    )


def test_faults_in_the_settings_are_told_before_anything_is_tried(commands: Commands) -> None:
    commands.set(ARXIV_CATEGORIES="1", SMTP_HOST="smtp.example.org")
    told = commands.call("doctor")
    assert told.status == 1
    assert told.out.startswith("settings       BROKEN  ARXIV_CATEGORIES: ")


def test_the_command_ends_with_1_where_something_is_broken(commands: Commands) -> None:
    nobody = "http://127.0.0.1:9"
    commands.set(ARXIV_API_URL=nobody, ARXIV_RSS_URL=nobody, ARXIV_REQUEST_INTERVAL="0")
    told = commands.call("doctor")
    assert told.status == 1
    lines = {line[:13].strip(): line[15:21].strip() for line in told.out.splitlines()}
    assert (lines["data folder"], lines["arXiv API"], lines["clock"]) == ("ok", "BROKEN", "unsure")
