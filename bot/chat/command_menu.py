"""The commands that Telegram offers beside the field where people write."""

from typing import Any

import structlog
from telegram import BotCommand, BotCommandScopeChat
from telegram.error import TelegramError

from bot.chat import words
from bot.chat.desk import Desk

_log = structlog.get_logger()


async def show(desk: Desk, person: int) -> None:
    """Gives an operator all commands, in the language that they chose; others have those of their client's."""
    if person not in desk.operators:
        return
    says = words.of(await desk.language_of(person, None))
    every = [*commands(offered(desk, says)), *commands(says.operator_commands)]
    try:
        await desk.bot.set_my_commands(every, BotCommandScopeChat(person))
    except TelegramError as error:  # who never wrote to the bot has no chat with it
        _log.warning("operator_commands_not_set", error=error.message)


def offered(desk: Desk, says: Any) -> dict[str, str]:
    """The commands for everybody, without that of a newsletter where there is none."""
    return {name: what for name, what in says.commands.items() if name != "email" or desk.links}


def commands(described: dict[str, str]) -> list[BotCommand]:
    """The commands by their names, as Telegram takes them."""
    return [BotCommand(name, what) for name, what in described.items()]
