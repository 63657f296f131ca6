"""Tests of classifying servers' refusals: their text, and whether they concern the address or the sender."""

import json
from collections import Counter

import pytest

from bot.delivery.channel import HaltedError
from bot.mail import refusals, smtp
from bot.mail.bounces import ReportKind, read
from bot.mail.refusal_rules import HINTS, RULES, Verdict
from bot.mail.refusals import judge, likeness
from tests.bot.mail.reports import LINKS, dsn
from tests.shared import shared_data

CHANNEL, GONE, ADDRESS, MESSAGE, UNCLEAR = Verdict
COUNTED = {ReportKind.GONE, ReportKind.HARD, ReportKind.SOFT, ReportKind.COMPLAINT}
ABOUT_US = (  # as servers say it to every recipient
    "553 5.7.1 <daily@daily.example>: Sender address rejected: not owned by user ada",
    "550 5.7.23 <ada@reader.example>: Recipient address rejected: Message rejected due to: SPF fail",
    "550 5.1.8 <daily@daily.example>: Sender address rejected: Domain not found",
    "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
    "554 5.7.1 Service unavailable; Sender address [daily@daily.example] blocked using dbl.spamhaus.org",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    "550 Verification failed for <daily@daily.example> Unrouteable address Sender verify failed",
    "550 Domain daily.example has exceeded the max emails per hour (103/100 (103%)) allowed. Message discarded.",
    "550 Mailbox unavailable or access denied [xY+8=]. Connection frequency limited.",
    "550 Ip frequency limited [a1b2= IP: 192.0.2.1]. https://service.mail.qq.com/detail/122/172",
    "550 发信频率过高，请稍后再试",
    "550 您的发信量超过限制",
    "501 Mail from address must be same as authorization user.",
    "554 DT:SPM 163 smtp14,EsCowABH 1700000000 http://mail.163.com/help/help_spam_16.htm",
    "451 MI:SFQ 163 smtp5 http://mail.163.com/help/help_spam_16.htm",
    "553 Mail from must equal authorized user",
    "554 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
    "554 5.2.252 SendAsDenied; login@example.org not allowed to send as daily@daily.example",
    "550 5.2.2 Submission quota exceeded",
    "550 5.7.501 Access denied, spam abuse detected from IP",
    "550 5.7.708 Access denied, traffic not accepted from this IP",
    "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)",
    "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to",
    "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address",
    "550 5.7.26 Your email has been blocked because the sender is unauthenticated. SPF did not pass",
    "550 5.1.1 <ada@reader.example> - 192.0.2.1 has sent to too many recipients this hour",
    "450 4.7.0 daily quota of messages exceeded",
    "452 4.5.3 Too many recipients received this hour",
    "554 5.7.1 <ada@reader.example>: Relay access denied",
    "550 relay not permitted",
    "530 5.7.57 Client not authenticated to send mail",
    "550 5.7.25 The sending IP does not have a PTR record",
    "550 5.7.1 Message rejected as spam by Content Filtering.",
    "554 5.7.9 Message not accepted for policy reasons.",
    "452 4.3.1 Insufficient system storage",
    "554 5.7.1 <ada@reader.example>: Recipient address rejected: see http://www.openspf.net/Why?id=daily@daily.example",
    "550 5.1.1 User unknown: sender <daily@daily.example> does not exist here",
    "550 5.1.0 sender mailbox does not exist",
    "550 From address user not found",
    "550 Unrouteable sender",
    "550 no valid sender mailbox found for daily@daily.example",
    "550 5.1.1 Your sending domain does not exist",
    "550 Your domain is not found in DNS",
    "501 5.5.4 Invalid domain name",
    "550 5.1.1 No such user in our list of allowed senders",
    "550 The from address does not match a verified Sender Identity. Mail cannot be sent until this is resolved.",
    '550 Outgoing mail from "daily@daily.example" has been suspended.',
    "554 Sending suspended for this account. Please check the inbox of the address of your account.",
    "550 5.4.6 Your account has been temporarily suspended from sending, contact support",
    "550 5.1.1 mailbox daily@daily.example may not send: unpaid invoice",
    "550 Your account has reached its quota of recipients. Contact support",
    "550 5.7.1 Outgoing messages limit for this mailbox reached",
    "451 You have exceeded your messaging limits",
    "550 5.4.6 Unusual sending activity detected. Please try after sometime.",
    "550 5.7.1 [192.0.2.1] The IP you're using to send mail is not authorized to send email directly to us.",
    "550 5.7.1 Message refused. Your host name doesn't match with your IP address",
    "550 Administrative prohibition - envelope blocked - https://community.mimecast.com/docs/DOC-1369#550",
    "451 4.3.5 <ada@reader.example>: Recipient address rejected: Server configuration error",
    "550 发件人域名不存在",
    "550 您的账号已被暂停发信",
    "550 IP地址被拒绝",
    "553 5.1.1 Relaying disallowed as daily@daily.example",
    "550 5.1.1 Mail rejected: not on our whitelist",
)
ABOUT_THE_ADDRESS = (
    ("550 5.1.1 <ada@reader.example>: Recipient address rejected: User unknown in virtual mailbox table", GONE),
    ("550 5.1.1 <ada@reader.example>: Recipient address rejected: User unknown in relay recipient table", GONE),
    ("550 5.1.1 The email account that you tried to reach does not exist. Please try 5.1.1 double-checking", GONE),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", GONE),
    ("550 User not found: ada@163.com", GONE),
    ("550 收件人地址不存在", GONE),
    ("550 The mail address doesn't exist", GONE),
    ("550 address unknown", GONE),
    ("550 5.1.1 unknown or illegal alias: ada@icloud.com", GONE),
    ("550 ada@reader.example is not a known user on this system", GONE),
    ("550 Unable to find user <ada@reader.example>", GONE),
    ("554 delivery error: dd This user doesn't have a yahoo.com account (ada@yahoo.com) [0]", GONE),
    ("550 Mail is rejected by recipients [a1b2= IP: 192.0.2.1].", ADDRESS),
    ("550 Mailbox not found. https://service.mail.qq.com/detail/122/169", GONE),
    ("550 No such user here", GONE),
    ("550 5.1.2 <ada@reader.example>: Recipient address rejected: Domain not found", GONE),
    ("450 4.1.1 <ada@reader.example>: Recipient address rejected: User unknown", ADDRESS),
    ("550 5.5.0 Requested action not taken: mailbox unavailable", ADDRESS),
    ("552 5.2.2 The email account that you tried to reach is over quota", ADDRESS),
    ("550 5.2.1 The email account that you tried to reach is disabled.", ADDRESS),
    ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", ADDRESS),
    ("450 4.2.0 <ada@reader.example>: Recipient address rejected: Greylisted, see http://postgrey.example/", ADDRESS),
    ("550 4.4.7 QUEUE.Expired; message expired", ADDRESS),
    ("550 5.4.1 Recipient address rejected: Access denied. [x.prod.protection.outlook.com]", ADDRESS),
    ("552 5.3.4 Message size exceeds fixed limit", MESSAGE),
    ("550 Rejected", UNCLEAR),
    ("450 4.7.1 try again", UNCLEAR),
)  # fmt: skip


def judged(answer: str) -> Verdict:
    """Return the verdict on a reply as it is written in a log."""
    code, _, text = answer.partition(" ")
    status = next(iter(text.split()), "")
    return judge(int(code), status if status[:1].isdigit() and status.count(".") == 2 else None, text).verdict


@pytest.mark.parametrize("answer", ABOUT_US)
def test_what_meets_every_recipient_is_about_us(answer: str) -> None:
    assert judged(answer) is CHANNEL


@pytest.mark.parametrize(("answer", "verdict"), ABOUT_THE_ADDRESS)
def test_what_meets_one_recipient_is_about_the_address_or_unclear(answer: str, verdict: Verdict) -> None:
    assert judged(answer) is verdict


def test_the_address_itself_says_nothing() -> None:
    assert judged("550 5.1.1 <spam.blocked@policy.example>: User unknown") is GONE
    assert judged("550 <unknown.user@reader.example>: no") is UNCLEAR


def test_nobody_is_gone_by_a_status_whose_words_speak_of_something_else() -> None:
    assert judged("550 5.1.1 Our lawyers have asked us to take nothing of this kind") is ADDRESS
    assert judged("550 5.1.1 Rejected") is GONE
    assert judged("550 5.1.1") is GONE


def test_each_row_names_its_source_and_stands_in_lower_case() -> None:
    for rule in (*RULES, *HINTS):
        assert rule.source
        assert rule.pattern == rule.pattern.lower() or r"\S" in rule.pattern


def test_refusals_that_say_the_same_are_alike_whomever_they_are_about() -> None:
    first = "5.1.1 <li.wei@a.example>: user li.wei not found (id a640c23a62f3a, mx1.a.example, 2026-02-11)"
    second = "5.1.1 <ada@b.example>: user ada not found (id 99f, mx7.b.example, 2026-02-12)"
    assert likeness(550, first, "li.wei@a.example") == likeness(550, second, "ada@b.example")
    assert likeness(550, first) != likeness(450, first)
    assert len(likeness(550, "no " * 1000)) <= 120


def test_words_in_the_encodings_of_chinese_servers_are_read_in_answers_and_reports() -> None:
    for encoding in ("utf-8", "gb18030"):
        raw = "553 请先登录后再发信".encode(encoding)
        error = smtp.refusal_of(smtp.SmtpStage.RECIPIENT, 553, raw[4:].decode("ascii", "surrogateescape"))
        assert "请先登录后再发信" in str(error)
        assert isinstance(error, HaltedError)
        report = dsn(status="5.1.1", diagnostic="ANSWER").replace(b"ANSWER", raw)
        assert read(report, LINKS).kind is ReportKind.REFUSED


def test_a_hostile_answer_is_judged_at_once() -> None:
    for text in ("user " * 5000, "a" * 100_000, "(" * 50_000, "recipient rejected: " * 5000):
        assert judge(550, None, text).verdict in Verdict
        assert len(refusals.words(text)) <= 1000


def test_of_real_reports_none_about_us_counts_and_most_of_certain_ones_are_found() -> None:
    """sisimai's own judgement is the reference; its "filtered" means that the user is unknown."""
    folder = shared_data("bounces")
    address = {"userunknown", "hostunknown", "hasmoved", "suspend", "mailboxfull", "expired", "networkerror"}
    others = {"feedback", "filtered", "notaccept"}
    found: Counter[tuple[str, bool]] = Counter()
    counted = []
    for each in json.loads((folder / "expected.json").read_text()):
        report = read((folder / each["file"]).read_bytes(), LINKS)
        found[each["reason"], report.kind is ReportKind.GONE] += 1
        if each["reason"] not in address | others and report.kind in COUNTED:
            counted.append(each["file"])
    assert counted == []
    assert found["userunknown", True] >= 57
    assert found["hostunknown", True] + found["hasmoved", True] >= 9
    assert not any(is_gone and reason in ("expired", "suspend") for reason, is_gone in found)
