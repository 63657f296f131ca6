"""Services behind a proxy: only the proxy can resolve the names of their hosts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from bot import daily_run, scheduler, settings
from bot.telegram.application import open_bot
from tests import certificates
from tests.bot.world import WEDNESDAY_NOON, world
from tests.certificates import Certificate
from tests.fakes.proxies import http_proxy, socks_proxy
from tests.fakes.server import serving
from tests.fakes.telegram import TOKEN, FakeTelegram

LOGIN = ("somebody", "a-password")
HOST = "far.invalid"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """Return the certificate of `HOST`, which the program trusts; no proxy is set."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    folder = tmp_path / "certificates"
    folder.mkdir()
    made = certificates.make(folder, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


@asynccontextmanager
async def hidden(app: ASGIApp, certificate: Certificate) -> AsyncIterator[str]:
    """The address of `app` under a name that nobody can resolve."""
    async with serving(app, certificate) as url:
        yield url.replace("localhost", HOST)


async def test_arxiv_and_the_model_are_reached_by_the_proxy_of_the_environment(
    tmp_path: Path, trusted: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        world(tmp_path, papers=1) as here,
        hidden(here.arxiv.app(), trusted) as arxiv,
        hidden(here.model.app(), trusted) as model,
        http_proxy(LOGIN) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        account = await here.run(
            arxiv_api_url=f"{arxiv}/api/query",
            arxiv_rss_url=f"{arxiv}/rss",
            arxiv_site_url=arxiv,
            openai_base_url=f"{model}/v1",
        )
    assert account
    assert (account.translated, account.read) == (1, 1)
    assert {f"https://{each}" for each in proxy.targets} == {arxiv, model}


async def test_telegram_is_reached_by_the_proxy_of_the_environment(
    trusted: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeTelegram() as fake, hidden(fake.app(), trusted) as url, http_proxy(LOGIN) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        given = settings.given(telegram_bot_token=TOKEN, telegram_api_url=url)
        assert given.telegram_bot_token
        async with open_bot(given.telegram_bot_token, given, 20) as bot:
            assert (await bot.get_me()).is_bot
    assert {f"https://{each}" for each in proxy.targets} == {url}


@pytest.mark.parametrize("login", [None, LOGIN])
async def test_the_model_is_reached_by_a_socks_proxy_of_its_own(
    tmp_path: Path, trusted: Certificate, login: tuple[str, str] | None
) -> None:
    async with (
        world(tmp_path, papers=1) as here,
        hidden(here.model.app(), trusted) as url,
        socks_proxy(login) as proxy,
    ):
        account = await here.run(openai_base_url=f"{url}/v1", openai_proxy=proxy.address)
    assert account
    assert account.translated == 1
    assert {f"https://{each}" for each in proxy.targets} == {url}


async def test_a_proxy_that_refuses_is_named_and_its_login_is_not(
    tmp_path: Path, trusted: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path, papers=1) as here, http_proxy(LOGIN) as proxy:
        wrong = proxy.address.replace(LOGIN[1], "another-password")
        async with here.app(
            WEDNESDAY_NOON, openai_base_url="https://far.invalid/v1", openai_proxy=wrong
        ) as app:
            fault = await scheduler.failure_of(
                app, (await daily_run.work(app, WEDNESDAY_NOON, here.progress.append)).news
            )
    assert "proxy" in str(fault)
    said = capsys.readouterr()
    assert "another-password" not in f"{fault}{said.out}{said.err}"
    assert proxy.targets == []
