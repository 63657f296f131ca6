"""A reading that was made from a part of its paper says so, wherever it is shown."""

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bot.core.models import Detail
from bot.telegram import templates as chat_words
from digest.core.models import Basis, Edition, Entry, Reading
from digest.render import i18n, jekyll, page
from digest.render import terminal as terminal_output
from tests.bot.mail import parts
from tests.editions import edition, entry

SHANGHAI = ZoneInfo("Asia/Shanghai")


def made_of(basis: Basis, language: str) -> Edition:
    made = entry(1)
    assert isinstance(made.reading, Reading)
    reading = replace(made.reading, basis=basis, language=language)
    return edition(replace(made, reading=reading), language=language)


def told(template: str, shown: Edition) -> str:
    made = shown.entries[0]
    return chat_words.render(
        template,
        shown.language,
        paper=made.paper,
        reading=made.reading,
        begun=False,
        entry=made,
        number=1,
        detail=Detail.READINGS,
    )


def terminal(shown: Edition) -> str:
    made: Entry = shown.entries[0]
    return terminal_output.paper(made.paper, made.translation, made.reading, shown.language)


OUTPUTS: dict[str, Callable[[Edition], str]] = {
    "post": lambda shown: jekyll.render(shown, SHANGHAI),
    "page": lambda shown: page.render(shown, SHANGHAI),
    "mail": lambda shown: parts.html(parts.part(shown, Detail.READINGS)),
    "plain mail": lambda shown: parts.text(parts.part(shown, Detail.READINGS)),
    "terminal": terminal,
    **{
        template: lambda shown, template=template: told(template, shown)  # type: ignore[misc]
        for template in ("entry", "entry_rich", "reading", "reading_rich")
    },
}


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_each_output_says_what_a_reading_was_made_of(output: str, language: str) -> None:
    sentences = i18n.words("post", language).basis
    for basis in Basis:
        shown = OUTPUTS[output](made_of(basis, language))
        assert {each for each in Basis if sentences[each] and sentences[each] in shown} == {basis} - {
            Basis.WHOLE
        }
