"""Prompts that ask for a reply.

In a group several people may be asked at once and answer at any time. So the purpose of a reply is read from the prompt
that it replies to, and nothing has to be remembered.
"""

from typing import Any

from telegram import Message

from bot.telegram import incoming as arrivals
from bot.telegram import words
from bot.telegram.context import Desk
from bot.telegram.incoming import Incoming
from digest.core import ids
from digest.render import telegram_html

SEARCH = "search"
EMAIL = "email"


async def ask(desk: Desk, came: Incoming, language: str, asks: Any) -> None:
    """Ask for a reply. In a group, only one person is asked, who is mentioned for that (Bot API, ForceReply)."""
    person = 0 if came.address.is_private else came.person
    html = words.render("prompt", language, person=person, name=came.name, asks=asks)
    await desk.answer(came, html, prompt=True)


def is_one(question: Message) -> bool:
    """Return whether `question` is a prompt, for a value or for a question about a paper."""
    text = arrivals.shown(question)
    asked = (words.of(each).your_question(ref) for each in words.languages() for ref in ids.find(text))
    return named(question) is not None or any(text.endswith(telegram_html.plain(str(each))) for each in asked)


def named(question: Message | None) -> str | None:
    """Return the purpose of a reply to `question`: a setting, SEARCH or EMAIL; None if it is no such prompt."""
    if question is None:
        return None
    text = arrivals.shown(question)
    asked = (row for language in words.languages() for row in words.of(language).reply_with.items())
    return next((name for name, asks in asked if text.endswith(str(asks))), None)
