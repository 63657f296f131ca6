"""The command menu that Telegram shows beside the input field."""

from typing import Any

import structlog
from telegram import BotCommand, BotCommandScopeChat
from telegram.error import TelegramError

from bot.telegram import words
from bot.telegram.context import Desk

_log = structlog.get_logger()


async def show(desk: Desk, person: int) -> None:
    """Set all commands for an operator, in the operator's language. Others get the menu of their client's language."""
    if person not in desk.operators:
        return
    says = words.of(await desk.language_of(person, None))
    every = [*commands(offered(desk, says)), *commands(says.operator_commands)]
    try:
        await desk.bot.set_my_commands(every, BotCommandScopeChat(person))
    except TelegramError as error:  # an operator who never wrote to the bot has no chat with it
        _log.warning("operator_commands_not_set", error=error.message)


def offered(desk: Desk, says: Any) -> dict[str, str]:
    """Return the commands for everybody, without `email` if there is no newsletter."""
    return {name: what for name, what in says.commands.items() if name != "email" or desk.links}


def commands(described: dict[str, str]) -> list[BotCommand]:
    """Convert the commands to Telegram's type."""
    return [BotCommand(name, what) for name, what in described.items()]
