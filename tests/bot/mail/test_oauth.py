"""Tests of login with tokens that expire, at SMTP and IMAP servers that accept nothing else."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bot import settings
from bot.core.mailboxes import parse
from bot.delivery.channel import HaltedError
from bot.mail import imap, oauth, smtp
from bot.mail.imap import MailboxError
from bot.mail.oauth import TokenError, Tokens
from bot.mail.smtp import Connection, SmtpTimeouts
from bot.settings import Settings, SettingsError
from tests import certificates
from tests.certificates import Certificate
from tests.fakes.answers import Answer, bomb, drip
from tests.fakes.imap import FakeImap
from tests.fakes.oauth import CLIENT, SECRET, FakeTokens
from tests.fakes.server import serving
from tests.fakes.smtp import FakeSmtp

USER = "daily@example.org"
SENDER = parse(USER)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("authority"), "localhost")


@pytest.fixture
async def endpoint() -> AsyncIterator[FakeTokens]:
    async with FakeTokens().serving() as running:
        yield running


def chosen(folder: Path, endpoint: FakeTokens, **more: object) -> Settings:
    return settings.given(
        **{
            "data_dir": folder,
            "smtp_host": "localhost",
            "smtp_username": USER,
            "mail_from": USER,
            "public_url": "https://daily.example",
            "secret_key": "a-secret-of-thirty-two-characters-and-more",
            "mail_oauth_token_url": endpoint.url,
            "mail_oauth_client_id": CLIENT,
            "mail_oauth_client_secret": SECRET,
            "mail_oauth_refresh_token": "refresh-0",
            **more,
        }
    )


def modes(folder: Path) -> list[int]:
    return [stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()]


def opened(loaded: Settings) -> Tokens:
    found = oauth.tokens(loaded)
    assert found is not None
    return found


async def test_a_token_serves_until_it_runs_out(tmp_path: Path, endpoint: FakeTokens) -> None:
    tokens = opened(chosen(tmp_path, endpoint))
    assert [await tokens.access_token() for _ in range(3)] == ["access-1"] * 3
    tokens.forget()
    assert await tokens.access_token() == "access-2"
    endpoint.lifetime_seconds = 60  # shorter than the time before its expiry at which it is renewed
    tokens.forget()
    assert [await tokens.access_token() for _ in range(2)] == ["access-3", "access-4"]


async def test_a_refresh_token_that_is_replaced_outlives_the_process_and_is_private(
    tmp_path: Path, endpoint: FakeTokens
) -> None:
    endpoint.rotates = True
    loaded = chosen(tmp_path, endpoint)
    for number in range(1, 4):  # each a new process
        assert await opened(loaded).access_token() == f"access-{number}"
    assert modes(tmp_path) == [0o600]
    endpoint.good = {"another"}
    with pytest.raises(TokenError, match=r"\(invalid_grant\): fetch a new MAIL_OAUTH_REFRESH_TOKEN\."):
        await opened(loaded).access_token()
    assert await opened(chosen(tmp_path, endpoint, mail_oauth_refresh_token="another")).access_token()


async def test_faults_of_the_endpoint_are_told_without_tokens(tmp_path: Path, endpoint: FakeTokens) -> None:
    for more, told in (
        ({"mail_oauth_client_secret": "wrong"}, "invalid_client"),
        ({"mail_oauth_refresh_token": "revoked"}, "invalid_grant"),
        ({"mail_oauth_token_url": endpoint.url + "/nowhere"}, "status 404"),
        ({"mail_oauth_token_url": "http://127.0.0.1:1/token"}, "cannot be reached"),
    ):
        with pytest.raises(TokenError, match=told) as error:
            await opened(chosen(tmp_path, endpoint, **more)).access_token()
        assert "revoked" not in str(error.value)
        assert SECRET not in str(error.value)


async def test_smtp_takes_the_token_in_place_of_a_password(
    tmp_path: Path, endpoint: FakeTokens, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    fake = FakeSmtp(certificate.server_context(), tokens={(USER, "access-1")})
    async with fake.serving():
        server = smtp.server(chosen(tmp_path, endpoint, smtp_port=fake.port))
        relay = Connection(server, SmtpTimeouts())
        await relay.open()
        await relay.offer(SENDER, SENDER)
        await relay.close()
        fake.tokens = {(USER, "access-2")}  # the first was revoked
        with pytest.raises(HaltedError, match="535"):
            await relay.open()
        await relay.open()
        await relay.close()
        endpoint.good = set()
        fake.tokens = set()
        with pytest.raises(HaltedError, match="535"):
            await relay.open()
        with pytest.raises(HaltedError, match="invalid_grant"):
            await relay.open()


async def test_imap_takes_the_token_in_place_of_a_password(
    tmp_path: Path, endpoint: FakeTokens, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    fake = FakeImap(certificate.server_context(), {(USER, "access-1")})
    async with fake.serving():
        loaded = chosen(tmp_path, endpoint, imap_host="localhost", imap_port=fake.port, imap_username=USER)
        account = imap.account(loaded)
        assert account is not None
        async with imap.entered(account):
            pass
        fake.tokens = {(USER, "access-2")}
        with pytest.raises(MailboxError, match="does not accept IMAP_USERNAME and the token"):
            async with imap.entered(account):
                pass
        async with imap.entered(account):
            pass
    assert fake.refused == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"mail_oauth_refresh_token": None}, "MAIL_OAUTH_REFRESH_TOKEN: set all of"),
        ({"smtp_password": "secret"}, "SMTP_PASSWORD: leave it out"),
        ({"smtp_username": None}, "SMTP_USERNAME"),
    ],
)
def test_settings_that_contradict_each_other_are_told(
    tmp_path: Path, more: dict[str, object], told: str
) -> None:
    endpoint = FakeTokens(url="https://login.example/token")
    with pytest.raises((SettingsError, ValueError), match=told):
        chosen(tmp_path, endpoint, **more)


@pytest.mark.parametrize(
    ("answer", "seconds", "reason"), [(bomb, 300.0, "ReadError"), (drip, 2.0, "TimeoutError")]
)
async def test_an_endpoint_that_floods_or_drips_is_given_up(
    answer: Answer,
    seconds: float,
    reason: str,
    tmp_path: Path,
    endpoint: FakeTokens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oauth, "_ANSWER_SECONDS", seconds)
    async with serving(Starlette(routes=[Route("/token", answer, methods=["POST"])])) as address:
        loaded = chosen(tmp_path, endpoint, mail_oauth_token_url=f"{address}/token")
        with pytest.raises(TokenError, match=reason):
            await opened(loaded).access_token()
