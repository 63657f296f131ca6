"""Editions that the model left untranslated: the sentence that says so, and headings without promises."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from bot import scheduler
from bot.core.models import Preferences
from bot.mail import templates as mail
from bot.telegram import messages as chat
from digest.core.models import Call, Edition, Gap, Origin, Purpose
from digest.llm.errors import CallOutcome
from digest.render import jekyll, page
from tests.editions import edition, entry
from tests.papers import paper

DAY = date(2026, 2, 11)


def call(outcome: CallOutcome | str, purpose: Purpose = Purpose.TRANSLATION) -> Call:
    at = datetime(2026, 2, 11, tzinfo=UTC)
    return Call(at, purpose, paper(1).version, "zh-CN", Origin("model", "prompt"), outcome, 0, 0, 0)


def test_the_sentence_says_what_failed_most_how_often_and_what_helps() -> None:
    asked = [
        call(CallOutcome.QUOTA),
        call(CallOutcome.BLANK),
        call(CallOutcome.QUOTA),
        *[call("ok", Purpose.READING)] * 3,
    ]
    assert scheduler.sentence(DAY, 1, 4, asked) == (
        "The language model translated only 1 of the 5 papers of 2026-02-11: the account behind OPENAI_API_KEY has no "
        "quota left (2 times); top up the account, or name another endpoint in OPENAI_BASE_URL; `arxiv-daily doctor` "
        "tests the endpoint, and the next run tries the missing papers again."
    )


@pytest.mark.parametrize("purpose", [Purpose.TERM_LIST, Purpose.READING])
def test_if_another_call_closed_the_endpoint_its_failure_is_named(purpose: Purpose) -> None:
    asked = [call("ok", purpose), call(CallOutcome.BLANK, purpose), call(CallOutcome.UNAUTHORISED, purpose)]
    assert "does not accept OPENAI_API_KEY (once)" in scheduler.sentence(DAY, 0, 3, asked)


@pytest.mark.parametrize("outcome", CallOutcome)
def test_there_is_one_sentence_for_each_fault(outcome: CallOutcome) -> None:
    said = scheduler.sentence(DAY, 0, 3, [call(outcome)])
    assert said.count(". ") == 0
    assert said.endswith("again.")
    assert "doctor" in said


@pytest.mark.parametrize("asked", [[], [call("of-an-earlier-version")]])
def test_without_a_call_the_log_says_why(asked: list[Call]) -> None:
    assert "the log says why" in scheduler.sentence(DAY, 0, 3, asked)


def test_only_papers_that_a_model_was_asked_about_count() -> None:
    gaps = [entry(number, translation=gap) for number, gap in enumerate(Gap, start=1)]
    assert len(scheduler.failures(edition(*gaps))) == 2


def shown(made: Edition) -> list[str]:
    """Return the text above the papers in the post, the page, the mail and Telegram."""
    zone = ZoneInfo("Asia/Shanghai")
    [rich] = chat.digest(made, Preferences("zh-CN", rich=True))
    return [
        jekyll.render(made, zone).partition("\n## ")[0],
        str(page.papers(made, zone)).partition("<article")[0],
        mail.words("zh-CN").subject(made),
        rich.classic[0].html.partition("\n\n")[0],
        (rich.rich or "").partition("</p>")[0],
    ]


@pytest.mark.parametrize("gap", [Gap.NO_KEY, Gap.MODEL, Gap.BUDGET, Gap.ON_DEMAND])
def test_no_heading_promises_chinese_where_all_is_english(gap: Gap) -> None:
    for head in shown(edition(entry(1, translation=gap), entry(2, translation=gap))):
        assert "英文原文" in head
        assert "中文" not in head


def test_a_heading_says_where_most_is_english() -> None:
    made = edition(entry(1), *(entry(number, translation=Gap.MODEL) for number in (2, 3)))
    for head in shown(made):
        assert "多为英文原文" in head
        assert "中文" not in head


def test_where_half_is_translated_the_heading_is_the_usual_one() -> None:
    made = edition(entry(1), entry(2, translation=Gap.MODEL))
    assert not any("英文" in head for head in shown(made))
