"""What the bot asks people to answer by a reply.

In a group several people are asked at once, and answer when they like. So what an answer is for is read from the
question that it answers, and nothing has to be remembered.
"""

from typing import Any

from telegram import Message

from bot.chat import incoming as arrivals
from bot.chat import words
from bot.chat.desk import Desk
from bot.chat.incoming import Incoming
from digest import ids
from digest.render import telegram

SEARCH = "search"
EMAIL = "email"


async def ask(desk: Desk, came: Incoming, language: str, asks: Any) -> None:
    """Asks for a reply: in a group, of the one person alone, who is named for that (Bot API, ForceReply)."""
    person = 0 if came.address.is_private else came.person
    html = words.render("prompt", language, person=person, name=came.name, asks=asks)
    await desk.answer(came, html, prompt=True)


def is_one(question: Message) -> bool:
    """Whether `question` asked for a reply: for a value, or for a question about a paper."""
    text = arrivals.shown(question)
    asked = (words.of(each).your_question(ref) for each in words.languages() for ref in ids.find(text))
    return named(question) is not None or any(text.endswith(telegram.plain(str(each))) for each in asked)


def named(question: Message | None) -> str | None:
    """What an answer to `question` is for: a setting, SEARCH or EMAIL; None where it asks for none of them."""
    if question is None:
        return None
    text = arrivals.shown(question)
    asked = (row for language in words.languages() for row in words.of(language).reply_with.items())
    return next((name for name, asks in asked if text.endswith(str(asks))), None)
