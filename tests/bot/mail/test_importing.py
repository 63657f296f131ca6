"""Tests of importing lists of addresses that agreed to get mail."""

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bot.core import mailboxes
from bot.core.models import Consent, Detail
from bot.mail.import_csv import CsvSheet, Defaults, RowFault, read
from bot.subscriptions.preferences import Offer
from tests.bot.mail.people import READER
from tests.bot.mail.reports import NOW

OWN = (mailboxes.parse("daily@example.org"),)
DEFAULTS = Defaults(READER, Offer(("cs.SD", "eess.AS"), ("en", "zh-CN"), NOW.date()), NOW, OWN)
HEAD = "address,consented_at,consent\n"
GOOD = "li@example.org,2025-01-01,paper form\n"


def sheet(content: str) -> CsvSheet:
    return read(content.splitlines(keepends=True), DEFAULTS)


def faults(content: str) -> list[RowFault]:
    return list(sheet(content).faults)


def test_a_row_becomes_a_subscriber_with_the_consent_that_is_recorded() -> None:
    [row] = sheet(HEAD + "Li@Example.ORG, 2025-01-01T09:00 ,the club's form\n").rows
    consent = Consent(datetime(2025, 1, 1, 1, tzinfo=UTC), "the club's form")
    assert row == replace(READER, address="li@example.org", consent=consent)


def test_what_is_chosen_comes_along_and_the_columns_may_stand_in_any_order() -> None:
    [row] = sheet(
        "Hour,consent,consented_at,address,zone,language,detail,categories,include,exclude,quiet\n"
        '7:45,form,2025-01-01T09:00+02:00,li@例え.jp,Europe/Berlin,zh-cn,titles,cs.SD,"语音, echo",drone,on\n'
    ).rows
    assert (row.address, row.hour, row.zone) == ("li@xn--r8jz45g.jp", time(7, 45), ZoneInfo("Europe/Berlin"))
    assert row.quiet_line
    chosen = row.preferences
    assert (chosen.language, chosen.detail, chosen.categories) == ("zh-CN", Detail.TITLES, ("cs.SD",))
    assert [each.text for each in (*chosen.include, *chosen.exclude)] == ["语音", "echo", "drone"]
    assert row.consent == Consent(datetime(2025, 1, 1, 7, tzinfo=UTC), "form")


def test_every_fault_is_told_with_its_line() -> None:
    assert [(fault.line, fault.sentence.partition(":")[0]) for fault in faults(
        "address,consented_at,consent,detail,zone\n"
        "li@example.org,2025-01-01,form,,\n"
        "\n"
        "nobody,2025-01-01,form,,\n"
        'wang@example.org,2025-01-01,"a form\nof two lines",,\n'
        "zhao@example.org,someday,,everything,Moon\n"
        "LI@example.org,2025-01-01,form,,\n"
        "qian@example.org,2025-01-01,form,,,more\n"
        "sun@example.org,2026-02-12,form\n"
    )] == [
        (4, "address"),
        (5, "consent"),
        (7, "consented_at"),
        (7, "consent"),
        (7, "“everything” is not a valid value of detail"),
        (7, "“Moon” is not a valid value of zone"),
        (8, "the same address as in line 2"),
        (9, "6 cells in 5 columns"),
        (10, "consented_at"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("address,consent\n", "the column “consented_at” is missing"),
        ("address,consented_at,consent,consent\n", "the column “consent” occurs twice"),
        (HEAD.replace("\n", ",name\n"), "unknown column “name”"),
        (HEAD + GOOD + '"open', "from here on this is not valid CSV in UTF-8"),
        (HEAD + GOOD + "a" * 200_000 + "\n", "from here on this is not valid CSV in UTF-8"),
        (
            HEAD + f"{'a' * 250}@example.org,2025-01-01,form\n",
            "address: An address may have at most 254 characters",
        ),
        (HEAD + '"li@example.org\nBcc: x@example.org",2025-01-01,form\n', "address: "),
        (HEAD + "li@example.org,2025-01-01," + "x" * 501 + "\n", "consent: "),
        (HEAD + "li@example.org,2025-01-01,a\0b\n", "consent: "),
        (HEAD + "Daily+x@example.org,2025-01-01,form\n", "address: this is one of the newsletter's own"),
        (HEAD + "li@example.org,0001-01-01T00:00+14:00,form\n", "consented_at: "),
    ],
)
def test_a_list_that_is_no_good_says_why(content: str, sentence: str) -> None:
    [fault] = faults(content)
    assert fault.sentence.startswith(sentence)


def test_what_stands_in_a_list_does_not_reach_the_terminal_as_it_is() -> None:
    for content in (
        HEAD.replace("\n", ",\x1b]0;title\x07\u202e" + "x" * 900 + "\n"),
        HEAD.replace("\n", ",zone\n") + "li@example.org,2025-01-01,form,\x1b[2J\n",
    ):
        [fault] = faults(content)
        assert fault.sentence.isprintable()
        assert len(fault.sentence) < 400
    twice = faults("address,consented_at,consent,\x1b[2J,\x1b[2J\n")
    assert all(each.sentence.isprintable() for each in twice)


def test_the_sound_rows_are_there_beside_the_faults() -> None:
    found = sheet(HEAD + GOOD + "nobody,2025-01-01,form\nwang@example.org,2025-01-01,form\n")
    assert [row.address for row in found.rows] == ["li@example.org", "wang@example.org"]
    assert [fault.line for fault in found.faults] == [3]
