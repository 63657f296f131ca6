"""Tests of the evaluation of SPF records for an address."""

import ipaddress

import pytest

from bot.doctor.domain import Names, Policy, SpfResult
from bot.doctor.findings import BrokenError, UnsureError
from tests.fakes.dns import FakeDns

ELSEWHERE = {
    "mail.example.net TXT": ["v=spf1 ip4:198.51.100.0/24 -all"],
    "deep.example.net TXT": ["v=spf1 include:mail.example.net ~all"],
    "example.org A": ["203.0.113.7"],
    "example.org AAAA": ["2001:db8::7"],
    "example.org MX": ["20 b.example.org.", "10 a.example.org."],
    "a.example.org A": ["203.0.113.20"],
    "b.example.org AAAA": ["2001:db8::20"],
}


async def verdict(record: str, address: str, **others: str) -> SpfResult:
    records = {**ELSEWHERE, "example.org TXT": ["unrelated", record]}
    records |= {f"{name.replace('_', '.')} TXT": [text] for name, text in others.items()}
    async with FakeDns(records).serve() as resolver:
        return await Policy(Names(resolver), "example.org").of(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("record", "address", "expected"),
    [
        ("v=spf1 ip4:203.0.113.9 -all", "203.0.113.9", SpfResult.PASS),
        ("v=spf1 ip4:203.0.113.0/24 -all", "203.0.113.200", SpfResult.PASS),
        ("v=spf1 ip4:203.0.113.9 -all", "203.0.113.10", SpfResult.FAIL),
        ("V=SPF1 IP4:203.0.113.9 ~ALL", "203.0.113.10", SpfResult.SOFTFAIL),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1", SpfResult.PASS),
        ("v=spf1 ip4:203.0.113.9", "203.0.113.10", SpfResult.NEUTRAL),
        ("v=spf1 -ip4:203.0.113.9 +all", "203.0.113.9", SpfResult.FAIL),
        ("v=spf1 a -all", "203.0.113.7", SpfResult.PASS),
        ("v=spf1 a -all", "2001:db8::7", SpfResult.PASS),
        ("v=spf1 a/24 -all", "203.0.113.200", SpfResult.PASS),
        ("v=spf1 a//64 -all", "2001:db8::99", SpfResult.PASS),
        ("v=spf1 a/24 -all", "2001:db8::99", SpfResult.FAIL),
        ("v=spf1 a:a.example.org -all", "203.0.113.20", SpfResult.PASS),
        ("v=spf1 mx -all", "2001:db8::20", SpfResult.PASS),
        ("v=spf1 include:mail.example.net -all", "198.51.100.5", SpfResult.PASS),
        ("v=spf1 include:deep.example.net -all", "198.51.100.5", SpfResult.PASS),
        ("v=spf1 include:mail.example.net ?all", "203.0.113.1", SpfResult.NEUTRAL),
        ("v=spf1 redirect=mail.example.net", "198.51.100.5", SpfResult.PASS),
        ("v=spf1 exp=why.example.net exists:%{i}.x.example.net -all", "198.51.100.5", SpfResult.FAIL),
    ],
)
async def test_a_record_says_whose_mail_it_lets_pass(record: str, address: str, expected: SpfResult) -> None:
    assert await verdict(record, address) is expected


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ("v=spf10 -all", "example.org has no SPF record"),
        ("v=spf1 ip4:nowhere -all", "an invalid address"),
        ("v=spf1 ip4:203.0.113.9/99 -all", "an invalid address"),
        ("v=spf1 what -all", "an unknown part: what"),
        ("v=spf1 !! -all", "an invalid part: !!"),
        ("v=spf1 include:nowhere.example.net -all", "nowhere.example.net has no SPF record"),
        ("v=spf1 include:example.org -all", "more than 10 lookups"),
        ("v=spf1 redirect=example.org", "more than 10 lookups"),
    ],
)
async def test_a_record_in_error_is_said_to_be_so(record: str, sentence: str) -> None:
    with pytest.raises(BrokenError, match=sentence):
        await verdict(record, "203.0.113.1")


async def test_two_records_are_one_too_many() -> None:
    async with FakeDns({"example.org TXT": ["v=spf1 -all", "v=spf1 +all"]}).serve() as resolver:
        with pytest.raises(BrokenError, match="several SPF records"):
            await Policy(Names(resolver), "example.org").of(ipaddress.ip_address("203.0.113.1"))


async def test_a_server_that_fails_leaves_it_open() -> None:
    async with FakeDns(broken={"example.org"}).serve() as resolver:
        with pytest.raises(UnsureError, match=r"does not answer for example\.org"):
            await Policy(Names(resolver), "example.org").of(ipaddress.ip_address("203.0.113.1"))
