"""Tests of connections to the server: never in clear if TLS is required (case 43), and no more than it accepts."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.core.mailboxes import Mailbox
from bot.delivery.channel import DeliveryError, HaltedError
from bot.mail import channel
from bot.mail.channel import Pool
from bot.mail.message import Envelope
from bot.mail.smtp import Server, SmtpTimeouts
from bot.settings import Security
from tests import certificates
from tests.certificates import Certificate
from tests.fakes.smtp import FakeSmtp, Says, Stage, Stalls
from tests.leaps import leap

HERE = "127.0.0.1"
DAILY = Mailbox("daily", "daily.example")
LOGIN = ("ada", "correct horse")


def mail(to: str = "ada", content: bytes = b"Subject: x\r\n\r\nHello.\r\n") -> Envelope:
    return Envelope(DAILY, Mailbox(to, "reader.example"), content)


def server(smtp: FakeSmtp, security: Security = Security.NONE, password: str | None = None) -> Server:
    username = LOGIN[0] if password is not None else None
    secret = SecretStr(password) if password is not None else None
    return Server(HERE, smtp.port, security, "daily.example", username, secret)


async def hand_in(there: Server, *mails: Envelope) -> None:
    async with channel.open_pool(there, 1, 0) as pool:
        for each in mails:
            await pool.hand_in(each)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return certificates.make(tmp_path, HERE)


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    return certificate


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_mail_goes_over_tls_after_a_login(trusted: Certificate, security: Security) -> None:
    direct = security is Security.TLS
    smtp = FakeSmtp(tls=trusted.server_context(), from_the_start=direct, login=LOGIN)
    async with smtp.serving():
        await hand_in(server(smtp, security, LOGIN[1]), mail(), mail("bea"))
    assert smtp.mailboxes == {"ada@reader.example": 1, "bea@reader.example": 1}
    assert smtp.opened == 1


async def test_a_server_without_starttls_gets_neither_mail_nor_password() -> None:
    smtp = FakeSmtp(login=LOGIN)
    async with smtp.serving():
        with pytest.raises(HaltedError, match="offers no STARTTLS, which SMTP_SECURITY asks for"):
            await hand_in(server(smtp, Security.STARTTLS, LOGIN[1]), mail())
        with pytest.raises(HaltedError, match="would receive the password unencrypted"):
            await hand_in(server(smtp, Security.NONE, LOGIN[1]), mail())
    assert smtp.taken == []
    assert {"AUTH", "MAIL"} & smtp.commands.keys() == set()


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    certificate: Certificate, security: Security
) -> None:
    smtp = FakeSmtp(tls=certificate.server_context(), from_the_start=security is Security.TLS)
    async with smtp.serving():
        with pytest.raises(HaltedError, match="has an untrusted certificate: unable to get local"):
            await hand_in(server(smtp, security), mail())
    assert smtp.taken == []


async def test_a_certificate_of_another_host_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificates.make(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.authority))
    smtp = FakeSmtp(tls=other.server_context())
    async with smtp.serving():
        with pytest.raises(HaltedError, match=r"has an untrusted certificate: IP address mismatch"):
            await hand_in(server(smtp, Security.STARTTLS), mail())
    assert smtp.taken == []


async def test_a_server_that_speaks_no_tls_is_not_spoken_to(trusted: Certificate) -> None:
    smtp = FakeSmtp()
    async with smtp.serving():
        with pytest.raises(HaltedError, match="fails in the TLS handshake"):
            await hand_in(server(smtp, Security.TLS), mail())
    assert smtp.taken == []


async def test_a_login_that_is_refused_is_told_without_the_password(trusted: Certificate) -> None:
    smtp = FakeSmtp(tls=trusted.server_context(), login=LOGIN)
    async with smtp.serving():
        with pytest.raises(HaltedError, match=r"refuses the connection or login: 535 5\.7\.8") as refused:
            await hand_in(server(smtp, Security.STARTTLS, "wrong"), mail())
    assert "wrong" not in str(refused.value)


async def test_a_server_that_never_greets_is_not_waited_for_long() -> None:
    smtp = FakeSmtp(when_it_stalls=lambda: leap(31))
    smtp.fail(Stage.GREETING, Stalls())
    async with smtp.serving(), channel.open_pool(server(smtp), 1, 0) as pool:
        with pytest.raises(HaltedError, match="does not answer"):
            await pool.hand_in(mail())


async def test_dots_at_the_beginning_of_lines_arrive_as_they_are() -> None:
    content = b"Subject: x\r\n\r\n.\r\n..\r\n.hidden\r\nend.\r\n.\r\n"
    smtp = FakeSmtp()
    async with smtp.serving():
        await hand_in(server(smtp), mail(content=content), mail())
    assert [each.content for each in smtp.taken] == [content, mail().content]


async def test_a_connection_carries_so_many_mails_and_makes_way_for_a_new_one() -> None:
    smtp = FakeSmtp()
    async with smtp.serving(), channel.open_pool(server(smtp), 1, 0, SmtpTimeouts(messages=3)) as pool:
        for _ in range(7):
            await pool.hand_in(mail())
    assert [each.connection for each in smtp.taken] == [1, 1, 1, 2, 2, 2, 3]
    assert smtp.most_open == 1
    assert smtp.commands["QUIT"] == 3


async def test_a_connection_goes_on_after_a_refusal() -> None:
    smtp = FakeSmtp()
    smtp.fail(Stage.RCPT, Says("550 5.1.1 no"))
    async with smtp.serving(), channel.open_pool(server(smtp), 1, 0) as pool:
        with pytest.raises(Exception, match="recipient 550"):
            await pool.hand_in(mail("bea"))
        await pool.hand_in(mail())
    assert smtp.mailboxes == {"ada@reader.example": 1}
    assert smtp.opened == 1


async def test_a_connection_that_nobody_uses_is_closed_and_opened_again_when_needed() -> None:
    smtp = FakeSmtp()
    async with smtp.serving(), channel.open_pool(server(smtp), 2, 0) as pool:
        await asyncio.gather(pool.hand_in(mail()), pool.hand_in(mail()))
        leap(21)
        async with asyncio.timeout(300):
            while smtp.open:  # noqa: ASYNC110 - the server has no event
                await asyncio.sleep(0.02)
        await pool.hand_in(mail())
    assert smtp.commands["QUIT"] == 3
    assert smtp.mailboxes.total() == 3


async def test_where_the_server_takes_few_connections_mail_goes_over_those() -> None:
    smtp = FakeSmtp(connections=2)
    async with smtp.serving(), channel.open_pool(server(smtp), 8, 0) as pool:
        await asyncio.gather(*(pool.hand_in(mail(f"r{number}")) for number in range(40)))
    assert smtp.mailboxes == {f"r{number}@reader.example": 1 for number in range(40)}
    assert smtp.opened <= 8


async def test_once_the_server_takes_more_connections_they_are_tried_again() -> None:
    smtp = FakeSmtp(connections=1)
    async with smtp.serving(), channel.open_pool(server(smtp), 2, 0, SmtpTimeouts(messages=4)) as pool:
        await both(pool)
        smtp.connections = None
        for _ in range(4):
            await both(pool)
    assert smtp.most_open == 2
    assert smtp.mailboxes.total() == 10


async def both(pool: Pool) -> None:
    await asyncio.gather(pool.hand_in(mail()), pool.hand_in(mail()))


async def test_a_letter_goes_before_the_many_that_wait() -> None:
    smtp = FakeSmtp()
    async with smtp.serving(), channel.open_pool(server(smtp), 1, 5) as pool:
        bulk = [asyncio.create_task(pool.hand_in(mail(f"r{number}"))) for number in range(20)]
        while not smtp.taken:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.005)
        await pool.hand_in(mail("letter"), urgent=True)
        before = len(smtp.taken)
        while smtp.mailboxes.total() < 21:
            leap(1)
            await asyncio.sleep(0.01)
        await asyncio.gather(*bulk)
    assert before < 8
    assert smtp.mailboxes.total() == 21


async def test_the_rate_is_kept() -> None:
    smtp = FakeSmtp()
    async with smtp.serving(), channel.open_pool(server(smtp), 4, 20) as pool:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(pool.hand_in(mail()) for _ in range(9)))
        assert asyncio.get_running_loop().time() - began > 0.38


async def test_a_mail_is_marked_once_the_server_takes_the_recipient_and_not_while_it_waits() -> None:
    smtp = FakeSmtp()
    smtp.fail(Stage.RCPT, Says("450 4.2.1 later"), times=1)
    asked: list[str] = []

    async def before() -> None:
        asked.append("")

    async with smtp.serving(), channel.open_pool(server(smtp), 1, 0) as pool:
        with pytest.raises(DeliveryError):
            await pool.hand_in(mail(), before=before)
        assert asked == []
        await pool.hand_in(mail(), before=before)
    assert asked == [""]
    assert smtp.mailboxes == {"ada@reader.example": 1}


async def test_a_mail_that_is_not_wanted_at_the_last_moment_leaves_the_connection_to_the_next() -> None:
    smtp = FakeSmtp()

    async def unwanted() -> None:
        raise LookupError("unsubscribed")

    async with smtp.serving(), channel.open_pool(server(smtp), 1, 0) as pool:
        with pytest.raises(LookupError):
            await pool.hand_in(mail(), before=unwanted)
        await pool.hand_in(mail("bea"))
    assert smtp.mailboxes == {"bea@reader.example": 1}
    assert smtp.opened == 1
