"""Invisible and bidirectional characters in each output: stored before the input filter removed them."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import structlog
from telegram import Chat, Message, Update, User

from bot import process
from bot.command_line import say
from bot.core.models import Detail
from bot.telegram.incoming import incoming
from digest.arxiv.query_api import clean
from digest.core.models import Claim, Edition
from digest.llm import answer_text
from digest.render import jekyll, page, telegram_html, terminal
from tests.bot.mail import parts
from tests.editions import edition, entry

HOSTILE = "a\u202eb\u2066c\u200bd\x9b31me\ufefff\u00adg\U000e0041h\x1b[2Ji"
PLAIN = "abcd31mefgh[2Ji"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def hostile() -> Edition:
    made = entry(1, title=HOSTILE, abstract=HOSTILE, claims=(Claim(HOSTILE, (Claim(HOSTILE),)),))
    return edition(
        replace(made, paper=replace(made.paper, authors=(HOSTILE,), comment=HOSTILE, abstract=HOSTILE))
    )


def mailed() -> str:
    made = parts.part(hostile(), Detail.READINGS)
    return parts.html(made) + parts.text(made)


OUTPUTS: dict[str, Callable[[], str]] = {
    "post": lambda: jekyll.render(hostile(), SHANGHAI),
    "page": lambda: page.render(hostile(), SHANGHAI),
    "mail": mailed,
    "message": lambda: str(telegram_html.html(HOSTILE)),
    "rich message": lambda: str(telegram_html.rich(HOSTILE)),
    "name in a message": lambda: str(telegram_html.literal(HOSTILE)),
    "terminal": lambda: terminal.paper(
        hostile().entries[0].paper,
        hostile().entries[0].translation,
        hostile().entries[0].reading,
        "zh-CN",
    ),
    "arXiv's door": lambda: clean(HOSTILE),
    "the models' door": lambda: answer_text.one_line(HOSTILE),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_output_has_what_nobody_sees(output: str) -> None:
    shown = OUTPUTS[output]()
    assert PLAIN in shown.replace("\\[", "[")
    assert not set(shown) & set("\u202e\u2066\u200b\x9b\ufeff\u00ad\U000e0041\x1b")


def test_a_command_gives_the_terminal_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{HOSTILE}\nanother line", err=True)
    assert capsys.readouterr().err == f"{PLAIN}\nanother line\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_line_is_one_line_and_commands_nothing(
    form: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # the tests' own handlers stay
    process.configure_logs("json" if form == "json" else "text")
    try:
        structlog.get_logger().warning("refused", reason=f"{HOSTILE}\nforged=line")
        try:
            int(HOSTILE)
        except ValueError:
            structlog.get_logger().exception("failed")
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert PLAIN in said
    assert not set(said) & set("\u202e\u2066\u200b\x9b\ufeff\u00ad\U000e0041\x1b")
    assert "\nforged" not in said
    assert "Traceback" in said


def test_what_somebody_says_in_a_chat_is_cleaned_at_the_door() -> None:
    user = User(7, HOSTILE, is_bot=False)
    message = Message(1, datetime(2026, 2, 9, tzinfo=UTC), Chat(7, "private"), from_user=user, text=HOSTILE)
    came = incoming(Update(5, message=message))
    assert came is not None
    assert (came.name, came.text, came.words) == (PLAIN, PLAIN, PLAIN)
