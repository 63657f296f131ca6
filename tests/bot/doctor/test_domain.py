"""Tests of the DNS records of the sender's domain."""

import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.doctor import domain
from bot.doctor.domain import Names
from bot.doctor.findings import BrokenError, OffError, UnsureError
from bot.settings import Settings, given
from tests.fakes.dns import FakeDns

Check = Callable[[Settings, Names], Awaitable[str]]
# Public addresses, because those for documentation count as private.
RELAY = {"smtp.example.net A": ["1.2.3.4"], "4.3.2.1.in-addr.arpa PTR": ["smtp.example.net."]}
ALL = {
    **RELAY,
    "example.org TXT": ["v=spf1 ip4:1.2.3.4 -all"],
    "example.org MX": ["10 mx.example.org."],
    "_dmarc.example.org TXT": ["v=DMARC1; p=quarantine; rua=mailto:x@example.org"],
}


def mailing(**more: object) -> Settings:
    return given(
        **{
            "smtp_host": "smtp.example.net",
            "mail_from": "arXiv Daily <daily@example.org>",
            "public_url": "https://papers.example.org",
            "secret_key": "a secret of thirty-two characters",
            **more,
        }
    )


async def told(check: Check, records: dict[str, list[str]], settings: Settings | None = None) -> str:
    async with FakeDns(records).serve() as resolver:
        return await check(settings or mailing(), Names(resolver))


def without(*names: str) -> dict[str, list[str]]:
    return {name: values for name, values in ALL.items() if name not in names}


async def test_a_domain_that_is_set_up_has_nothing_to_mend() -> None:
    assert await told(domain.spf, ALL) == "example.org includes 1.2.3.4"
    assert await told(domain.dmarc, ALL) == "example.org has p=quarantine"
    assert await told(domain.exchangers, ALL) == "example.org can receive mail"
    assert await told(domain.reverse, ALL) == "1.2.3.4 has a name"


async def test_a_domain_without_records_is_told_each() -> None:
    for check, sentence in (
        (domain.spf, "example.org has no SPF record"),
        (domain.dmarc, "set _dmarc.example.org to “v=DMARC1; p=none”"),
        (domain.exchangers, "example.org accepts no mail"),
    ):
        with pytest.raises(BrokenError, match=sentence):
            await told(check, RELAY)


async def test_where_no_mail_is_sent_nothing_is_asked() -> None:
    for check in (domain.spf, domain.dkim, domain.dmarc, domain.exchangers, domain.reverse):
        with pytest.raises(OffError, match="SMTP_HOST is not set"):
            await told(check, ALL, given())


async def test_a_server_that_the_record_does_not_name_may_yet_hand_on_to_one_that_it_does() -> None:
    with pytest.raises(UnsureError, match=r"does not include 1\.2\.3\.4"):
        await told(domain.spf, ALL | {"example.org TXT": ["v=spf1 mx -all"]})
    with pytest.raises(UnsureError, match="no PTR record that leads back"):
        await told(domain.reverse, ALL | {"4.3.2.1.in-addr.arpa PTR": ["elsewhere.example.net."]})
    with pytest.raises(UnsureError, match="has no public address"):
        await told(domain.reverse, ALL | {"smtp.example.net A": ["10.0.0.1"]})
    with pytest.raises(UnsureError, match="depends on the address from which SMTP_HOST sends"):
        await told(domain.spf, ALL, mailing(smtp_host="127.0.0.1"))


async def test_bounces_to_another_domain_leave_spf_without_effect() -> None:
    with pytest.raises(BrokenError, match=r"MAIL_BOUNCES belongs to example\.net"):
        await told(domain.spf, ALL, mailing(mail_bounces="back@example.net"))
    below = ALL | {"mail.example.org TXT": ["v=spf1 a:smtp.example.net -all"]}
    settings = mailing(mail_bounces="back@mail.example.org")
    assert await told(domain.spf, below, settings) == "mail.example.org includes 1.2.3.4"
    with pytest.raises(BrokenError, match=r"mail\.example\.org accepts no mail"):
        await told(domain.exchangers, below, settings)
    assert "mail.example.org" in await told(
        domain.exchangers, below | {"mail.example.org A": ["1.2.3.5"]}, settings
    )


async def test_a_domain_that_says_that_it_takes_no_mail_cannot_get_answers() -> None:
    with pytest.raises(BrokenError, match="accepts no mail"):
        await told(domain.exchangers, ALL | {"example.org MX": ["0 ."], "example.org A": ["1.2.3.5"]})


async def test_dmarc_may_be_said_by_a_domain_above_but_only_once_and_with_a_policy() -> None:
    below = mailing(mail_from="daily@news.example.org")
    assert await told(domain.dmarc, ALL, below) == "example.org has p=quarantine"
    with pytest.raises(BrokenError, match="several DMARC records"):
        await told(domain.dmarc, {"_dmarc.example.org TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]})
    with pytest.raises(BrokenError, match="no policy"):
        await told(domain.dmarc, {"_dmarc.example.org TXT": ["v=DMARC1; rua=mailto:x@example.org"]})
    with pytest.raises(BrokenError, match="no DMARC record"):
        await told(domain.dmarc, {"_dmarc.org TXT": ["v=DMARC1; p=reject"]})


async def test_the_dkim_record_has_to_hold_the_key_that_signs(tmp_path: Path) -> None:
    key, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = mailing(dkim_selector="s1", dkim_key_file=path)
    name = "s1._domainkey.example.org"
    record = f"v=DKIM1; k=rsa; p={_record(key)}"
    assert len(record) > 255
    assert await told(domain.dkim, {f"{name} TXT": [record]}, settings) == f"{name} matches DKIM_KEY_FILE"
    with pytest.raises(BrokenError) as missing:
        await told(domain.dkim, {}, settings)
    assert str(missing.value) == f"{name} has no DKIM record: set it to “{record}”."
    for wrong in (f"v=DKIM1; p={_record(other)}", "v=DKIM1; p="):
        with pytest.raises(BrokenError, match="a key other than that of DKIM_KEY_FILE"):
            await told(domain.dkim, {f"{name} TXT": [wrong]}, settings)
    with pytest.raises(OffError, match="your SMTP server has to sign"):
        await told(domain.dkim, {})


async def test_a_dkim_key_that_cannot_be_read_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    settings = mailing(dkim_selector="s1", dkim_key_file=path)
    with pytest.raises(BrokenError, match="cannot be read"):
        await told(domain.dkim, {}, settings)
    path.write_text("a secret that is no key")
    with pytest.raises(BrokenError, match="holds no private key") as refused:
        await told(domain.dkim, {}, settings)
    assert "secret" not in str(refused.value)


async def test_a_dns_that_does_not_answer_breaks_nothing() -> None:
    broken = {"example.org", "_dmarc.example.org"}
    async with FakeDns(RELAY, broken).serve() as resolver:
        for check in (domain.spf, domain.dmarc, domain.exchangers):
            with pytest.raises(UnsureError, match="The DNS does not answer for"):
                await check(mailing(), Names(resolver))


def _record(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()
