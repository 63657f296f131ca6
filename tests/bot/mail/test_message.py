import re
from dataclasses import replace
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader, DateHeader
from email.policy import default
from itertools import pairwise

import pytest

from bot.core.mailboxes import Mailbox, Sender
from bot.links import Links
from bot.mail import message, return_path
from bot.mail.message import Letterhead, UnsafeHeaderError
from tests.bot.mail.parts import HEAD, LINKS, NOW, READER, body, edition, entry, motley, part, received, sent

CHINESE = "每日论文与解读" * 43
WITH_BOUNCES = replace(HEAD, bounces=Mailbox("bounces", "daily.example"))


def head_of(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[0]


def letter(subject: str) -> bytes:
    return sent(message.part(subject, ("<p>a</p>", ""), ("a", "")))


def test_the_way_out_stands_in_the_raw_bytes_as_clients_look_for_it() -> None:
    raw = head_of(sent(part(motley())))
    leave = LINKS.unsubscribe(7)
    assert (
        f"List-Unsubscribe: <{leave}>,\r\n <mailto:daily@daily.example?subject=unsubscribe%207.".encode()
        in raw
    )
    assert b"List-Unsubscribe: <https://" in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    rest = re.sub(rb"(?:\A|\r\n)(?:From|Subject):.*?(?=\r\n\S)", b"", raw, flags=re.DOTALL)
    assert b"=?" not in rest


def test_the_headers_of_a_mail_say_what_it_is() -> None:
    read = received(sent(part(motley())))
    assert read["To"] == "ada@reader.example"
    assert read["List-Id"] == "arXiv Daily <arxiv-daily.daily.example>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Precedence"] == "bulk"
    assert read["Feedback-ID"] == "2026-02-12:zh-CN:edition:arxiv-daily"
    assert read["MIME-Version"] == "1.0"
    assert read["Reply-To"] is None
    assert isinstance(read["Date"], DateHeader)
    assert read["Date"].datetime == NOW
    assert read["Subject"] == "arXiv 每日论文 · 2026-02-12 · 5 篇"
    assert {name: len(read.get_all(name, [])) for name in read.keys()} == dict.fromkeys(read.keys(), 1)  # noqa: SIM118 - a mail has no items of its own


def test_the_message_id_is_the_deliverys_own_at_each_attempt() -> None:
    made = part(motley())
    ids = [
        received(message.build(made, HEAD, to=READER, subscriber=7, delivery=each, at=NOW).content)[
            "Message-ID"
        ]
        for each in (9, 9, 10)
    ]
    assert ids[0] == ids[1] != ids[2]
    assert [return_path.read_message_id(each, LINKS) for each in ids] == [9, 9, 10]


def test_every_line_is_one_that_servers_take() -> None:
    raw = sent(part(motley()), WITH_BOUNCES)
    raw.decode("ascii")
    assert raw.endswith(b"--\r\n")
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 998 for line in lines)  # RFC 5322 §2.1.1
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    long = [line for line in lines if len(line) > 78]
    assert [line[:26] for line in long] == [b"List-Unsubscribe: <https:/"]  # which must not be folded


def test_both_bodies_are_base64_in_utf_8() -> None:
    raw = sent(part(motley()))
    read = received(raw)
    kinds = [(each.get_content_type(), each.get_content_charset()) for each in read.iter_parts()]
    assert kinds == [("text/plain", "utf-8"), ("text/html", "utf-8")]  # the best comes last (RFC 2046 §5.1.4)
    assert raw.count(b"Content-Transfer-Encoding: base64") == 2


@pytest.mark.parametrize("length", range(7))
def test_what_is_common_and_what_is_personal_fit_together_at_any_length(length: int) -> None:
    common = "论" * 20 + "a" * length
    read = received(sent(message.part("s", (common, "<b>{to}</b>"), (common, "{unsubscribe}\n"))))
    assert body(read, "html").replace(" ", "") == f"{common}<b>ada@reader.example</b>"
    assert body(read, "plain").replace(" ", "") == f"{common}{LINKS.unsubscribe(7)}\n"


@pytest.mark.parametrize(
    "subject",
    [
        CHINESE[:300],
        "Plain",
        "plain " * 50,
        "a" * 300,
        "An =?utf-8?q?odd?= one",
        "🇨🇳👩‍🔬 " * 60 + ".",
        "é" * 300,
        "",
    ],
)
def test_a_subject_is_the_same_after_decoding(subject: str) -> None:
    raw = letter(subject)
    assert str(received(raw)["Subject"]) == subject
    line = re.search(rb"Subject: ?.*?(?=\r\n\S)", raw, re.DOTALL)
    assert line is not None
    words = re.findall(rb"=\?\S+\?=", line[0])
    assert all(len(word) <= 75 for word in words)
    assert all(len(each) <= 78 for each in line[0].split(b"\r\n"))


@pytest.mark.parametrize("ends", ["\r\nBcc: all@reader.example", "\n", "\r", "\x00", "\u2028", "\x85"])
def test_a_line_end_in_a_subject_or_a_name_is_refused(ends: str) -> None:
    with pytest.raises(UnsafeHeaderError):
        letter(f"Papers{ends}")
    with pytest.raises(UnsafeHeaderError):
        Letterhead(Sender(f"arXiv{ends}", READER), LINKS)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "arXiv Daily",
        "arXiv 每日论文",
        "Acme, Inc. <news>",
        'The "Daily"',
        "每日" * 60,
        "a" * 1200,
        "=?utf-8?q?x?=",
    ],
)
def test_the_senders_name_is_the_same_after_decoding(name: str) -> None:
    raw = sent(part(edition(entry(1))), replace(HEAD, sender=Sender(name, HEAD.sender.mailbox)))
    found = received(raw)["From"]
    assert isinstance(found, AddressHeader)
    assert found.addresses[0].addr_spec == "daily@daily.example"
    written = head_of(raw).partition(b"\r\nTo:")[0].decode()
    shown = str(make_header(decode_header(written.removeprefix("From: ").replace("\r\n", ""))))
    assert shown.removesuffix("daily@daily.example").removesuffix(" <daily@daily.example>").strip() == name
    assert all(len(line) <= 76 for line in head_of(raw).partition(b"\r\nTo:")[0].split(b"\r\n"))


def test_answers_and_reports_go_where_the_operator_wants_them() -> None:
    head = replace(WITH_BOUNCES, reply_to=Mailbox("help", "daily.example"))
    envelope = message.build(part(motley()), head, to=READER, subscriber=7, delivery=9, at=NOW)
    assert envelope.to == READER
    assert return_path.read_address(str(envelope.sender), LINKS) == (return_path.BOUNCE, 7)
    read = received(envelope.content)
    assert read["Reply-To"] == "help@daily.example"
    mailto = re.search(r"<mailto:([^?>]+)\?subject=unsubscribe>", read["List-Unsubscribe"])
    assert mailto is not None
    assert return_path.read_address(mailto[1], LINKS) == (return_path.LEAVE, 7)


def test_without_a_mailbox_for_reports_they_go_to_the_sender() -> None:
    envelope = message.build(part(motley()), HEAD, to=READER, subscriber=7, delivery=9, at=NOW)
    assert envelope.sender == HEAD.sender.mailbox
    subject = re.search(r"subject=([^>]+)>", received(envelope.content)["List-Unsubscribe"])
    assert subject is not None
    assert return_path.read_subject(subject[1].replace("%20", " "), LINKS) == 7


def test_nothing_but_the_end_and_the_headers_tells_one_reader_from_another() -> None:
    made = part(motley())
    other = Mailbox("o'hara&co", "reader.example")
    mails = [sent(made), message.build(made, HEAD, to=other, subscriber=8, delivery=10, at=NOW).content]
    for kind in ("html", "plain"):
        first, second = (body(received(each), kind) for each in mails)
        differ = [at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b]
        assert differ[0] > len(first) - 1200
    assert "o&#x27;hara&amp;co@reader.example" in body(received(mails[1]), "html")
    assert "o'hara&co@reader.example" in body(received(mails[1]), "plain")


def test_addresses_and_links_of_any_length_are_whole() -> None:
    far = Links("https://" + "sub." * 100 + "example/daily?a=b&c", LINKS.secret, LINKS.clock)
    head = replace(HEAD, links=far)
    to = Mailbox("l" * 64, ".".join(["d" * 60] * 3) + ".example")
    raw = sent(part(motley(), links=far), head, to)
    read = received(raw)
    assert read["To"] == str(to)
    assert f"List-Unsubscribe: <{far.unsubscribe(7)}>,".encode() in raw
    assert far.unsubscribe(7) in body(read, "plain")
    assert far.unsubscribe(7).replace("&", "&amp;") in body(read, "html")


def test_a_mail_is_made_of_headers_that_the_email_package_reads_alike() -> None:
    raw = head_of(sent(part(motley()), WITH_BOUNCES))
    names = [line.partition(b":")[0].decode() for line in raw.split(b"\r\n") if not line.startswith(b" ")]
    assert names == list(received(sent(part(motley()), WITH_BOUNCES)).keys())
    assert all(a != b for a, b in pairwise(names))
    assert default.header_max_count("Subject") == 1
