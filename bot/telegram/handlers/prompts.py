"""Prompts that ask for a reply, and the command menu that Telegram shows beside the input field.

In a group several people may be asked at once and answer at any time. So the purpose of a reply is read from the prompt
that it replies to, and nothing has to be remembered.
"""

from typing import Any

import structlog
from telegram import BotCommand, BotCommandScopeChat, Message
from telegram.error import TelegramError

from bot.telegram import incoming as arrivals
from bot.telegram import templates
from bot.telegram.context import BotContext
from bot.telegram.incoming import IncomingMessage
from digest.core import ids
from digest.render import telegram_html

SEARCH = "search"
EMAIL = "email"


async def ask(context: BotContext, message: IncomingMessage, language: str, asks: Any) -> None:
    """Ask for a reply. In a group, only one person is asked, who is mentioned for that (Bot API, ForceReply)."""
    person = 0 if message.address.is_private else message.person
    html = templates.render("prompt", language, person=person, name=message.name, asks=asks)
    await context.answer(message, html, prompt=True)


def is_prompt(question: Message) -> bool:
    """Return whether `question` is a prompt, for a value or for a question about a paper."""
    text = arrivals.shown(question)
    asked = (
        templates.words(each).your_question(ref) for each in templates.languages() for ref in ids.find(text)
    )
    return prompt_named(question) is not None or any(
        text.endswith(telegram_html.plain(str(each))) for each in asked
    )


def prompt_named(question: Message | None) -> str | None:
    """Return the purpose of a reply to `question`: a setting, SEARCH or EMAIL; None if it is no such prompt."""
    if question is None:
        return None
    text = arrivals.shown(question)
    asked = (
        row for language in templates.languages() for row in templates.words(language).reply_with.items()
    )
    return next((name for name, asks in asked if text.endswith(str(asks))), None)


_log = structlog.get_logger()


async def show_commands(context: BotContext, person: int) -> None:
    """Set all commands for an operator, in the operator's language. Others get the menu of their client's language."""
    if person not in context.operators:
        return
    says = templates.words(await context.language_of(person, None))
    every = [*commands(offered_commands(context, says)), *commands(says.operator_commands)]
    try:
        await context.bot.set_my_commands(every, BotCommandScopeChat(person))
    except TelegramError as error:  # an operator who never wrote to the bot has no chat with it
        _log.warning("operator_commands_not_set", error=error.message)


def offered_commands(context: BotContext, says: Any) -> dict[str, str]:
    """Return the commands for everybody, without `email` if there is no newsletter."""
    return {name: what for name, what in says.commands.items() if name != "email" or context.links}


def commands(described: dict[str, str]) -> list[BotCommand]:
    """Convert the commands to Telegram's type."""
    return [BotCommand(name, what) for name, what in described.items()]
