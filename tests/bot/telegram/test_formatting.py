"""Tests of an operator's formatting in a Telegram client, converted to Markdown."""

import pytest
from telegram import MessageEntity

from bot.telegram.incoming import markdown_of
from digest.render import announcement, telegram_split


def entity(kind: str, offset: int, length: int, url: str | None = None) -> MessageEntity:
    return MessageEntity(kind, offset, length, url=url)


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        ("/broadcast a", [entity("bot_command", 0, 10)], "/broadcast a"),
        ("😀 bold", [entity("bold", 3, 4)], "😀 **bold**"),
        ("ab cd", [entity("italic", 3, 2), entity("bold", 0, 5)], "**ab _cd_**"),
        ("see here", [entity("text_link", 4, 4, "https://a.org/b_c")], "see [here](https://a.org/b_c)"),
        ("run x*y*", [entity("code", 4, 4)], "run `x*y*`"),
        ("a", [entity("bold", 0, 9)], "**a**"),
    ],
)
def test_formatting_becomes_marks(text: str, entities: list[MessageEntity], expected: str) -> None:
    assert markdown_of(text, entities) == expected


def test_what_was_formatted_goes_out_formatted() -> None:
    text = "甲 乙：丙\n引文"
    entities = [entity("bold", 0, 1), entity("italic", 2, 1), entity("blockquote", 6, 2)]
    assert telegram_split.split(announcement.message(markdown_of(text, entities))) == [
        "<b>甲</b> <i>乙</i>：丙\n\n<blockquote>引文</blockquote>"
    ]
