"""The newsletter through a real Postfix, which requires TLS and a login, to mailboxes that are read afterwards."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.core.mailboxes import parse
from bot.delivery.worker import ChannelError
from bot.mail import composing
from digest.db.engine import open_engine
from tests.bot.mail.mail_fixture import MailFixture
from tests.postfix import PASSWORD, USERNAME, Postfix, postfix


@pytest.fixture(scope="module")
def relay() -> Iterator[Postfix]:
    with postfix("ada", "bea", "letters") as running:
        yield running


@pytest_asyncio.fixture
async def fixture(
    tmp_path: Path, sqlite_template: Path, relay: Postfix, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MailFixture]:
    """A database whose mail goes to the relay, which is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(relay.authority))
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    login: dict[str, object] = {
        "smtp_security": "starttls",
        "smtp_username": USERNAME,
        "smtp_password": PASSWORD,
    }
    yield MailFixture(engine, relay.port, overrides=login)
    await engine.dispose()


async def delivered(relay: Postfix, name: str, count: int) -> None:
    """Wait until the mailbox holds that many mails."""
    async with asyncio.timeout(300):
        while len(relay.mail(name)) < count:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


async def test_a_mail_reaches_the_mailbox_and_an_unknown_one_is_ended(
    fixture: MailFixture, relay: Postfix
) -> None:
    await fixture.subscribe("ada", "nobody", "bea")
    await fixture.broadcast("Grüße, 各位读者。")
    await fixture.send()
    assert [state for state, _ in await fixture.deliveries()] == ["sent", "failed", "sent"]
    assert [standing for standing, *_ in await fixture.statuses()] == ["active", "ended", "active"]
    await delivered(relay, "ada", 1)
    await delivered(relay, "bea", 1)
    [mail] = relay.mail("ada")
    assert mail["To"] == "ada@reader.example"
    assert mail["From"] == "arXiv Daily <daily@daily.example>"
    assert mail["Return-Path"] == "<daily@daily.example>"
    assert mail["Received"].count("with ESMTPSA") == 1
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        assert "Grüße, 各位读者。" in body.get_content()
        assert "https://daily.example/unsubscribe/" in body.get_content()


async def test_a_wrong_password_stops_the_run_and_ends_nobody(fixture: MailFixture, relay: Postfix) -> None:
    fixture.overrides["smtp_password"] = "battery staple"
    await fixture.subscribe("ada")
    await fixture.broadcast()
    with pytest.raises(ChannelError, match=r"refuses the connection or login: 535 5\.7\.8") as refused:
        await fixture.send()
    assert "battery" not in str(refused.value)
    assert await fixture.deliveries() == [("due", None)]
    assert await fixture.statuses() == [("active", None, 0)]


async def test_without_a_login_the_relay_refuses_us_and_not_the_reader(
    fixture: MailFixture, relay: Postfix
) -> None:
    fixture.overrides |= {"smtp_username": None, "smtp_password": None}
    await fixture.subscribe("ada")
    await fixture.broadcast()
    with pytest.raises(ChannelError):
        await fixture.send()
    assert await fixture.statuses() == [("active", None, 0)]


async def test_a_relay_that_wants_tls_gets_nothing_in_clear(fixture: MailFixture, relay: Postfix) -> None:
    fixture.overrides = {"smtp_security": "none"}
    await fixture.subscribe("ada")
    await fixture.broadcast()
    with pytest.raises(ChannelError, match="530"):
        await fixture.send()
    assert await fixture.statuses() == [("active", None, 0)]


async def test_a_letter_reaches_the_mailbox(fixture: MailFixture, relay: Postfix) -> None:
    async with fixture.mail() as mail:
        part = composing.letter(".", [".Hello."], "en", personal=False)
        await mail.post(part, to=parse("letters@reader.example"), number=7)
    await delivered(relay, "letters", 1)
    body = relay.mail("letters")[0].get_body(("plain",))
    assert body is not None
    assert "\n.Hello.\r\n" in body.get_content()


async def test_a_postfix_that_refuses_our_sender_at_rcpt_ends_nobody(
    fixture: MailFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postfix("ada", "bea", restrictions="reject_authenticated_sender_login_mismatch") as strict:
        monkeypatch.setenv("SSL_CERT_FILE", str(strict.authority))
        fixture.port = strict.port
        await fixture.subscribe("ada", "bea", "nobody")
        await fixture.broadcast()
        with pytest.raises(ChannelError, match=r"553 5\.7\.1 … Sender address rejected: not owned by user"):
            await fixture.send()
        assert await fixture.deliveries() == [("due", None)] * 3
        assert await fixture.statuses() == [("active", None, 0)] * 3
        fixture.overrides["mail_from"] = "owned@daily.example"
        await fixture.send()
        assert [standing for standing, *_ in await fixture.statuses()] == ["active", "active", "ended"]
