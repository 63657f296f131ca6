"""The bot's profile: its commands and descriptions, by scope and language."""

import re
from typing import Any

from tests.fakes.telegram_errors import bad_request
from tests.fakes.telegram_forms import Parameters

_NAME = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"(?:[a-z]{2})?")
_SCOPES: dict[str, tuple[str, ...]] = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


class Profile:
    """`commands` maps a scope ("default", "chat:5", "chat_member:5:7") and a language to names and descriptions."""

    def __init__(self) -> None:
        self.commands: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.descriptions: dict[str, str] = {}
        self.short_descriptions: dict[str, str] = {}

    def commands_for(self, user_id: int, language: str) -> list[tuple[str, str]]:
        """Return the commands shown to a user in the private chat: the first set in the Bot API's order of scopes."""
        for scope in (f"chat:{user_id}", "all_private_chats", "default"):
            for spoken in (language[:2], ""):
                if (scope, spoken) in self.commands:
                    return self.commands[scope, spoken]
        return []

    def set_commands(self, parameters: Parameters) -> bool:
        commands = parameters.items("commands")
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        self.commands[_place(parameters)] = [_command(command) for command in commands]
        return True

    def get_commands(self, parameters: Parameters) -> list[dict[str, str]]:
        stored = self.commands.get(_place(parameters), [])
        return [{"command": name, "description": description} for name, description in stored]

    def delete_commands(self, parameters: Parameters) -> bool:
        self.commands.pop(_place(parameters), None)
        return True

    def set_description(self, parameters: Parameters) -> bool:
        self.descriptions[_language(parameters)] = _at_most(parameters.text("description"), 512)
        return True

    def set_short_description(self, parameters: Parameters) -> bool:
        self.short_descriptions[_language(parameters)] = _at_most(parameters.text("short_description"), 120)
        return True


def _command(command: Any) -> tuple[str, str]:
    if not isinstance(command, dict):
        raise bad_request("expected an Object as a bot command")
    name, description = str(command.get("command", "")).removeprefix("/"), str(command.get("description", ""))
    if not _NAME.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description.strip()) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return name, description


def _place(parameters: Parameters) -> tuple[str, str]:
    scope = parameters.fields("scope") or {"type": "default"}
    kind = str(scope.get("type"))
    if kind not in _SCOPES or not all(name in scope for name in _SCOPES[kind]):
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    return ":".join([kind, *(str(scope[name]) for name in _SCOPES[kind])]), _language(parameters)


def _language(parameters: Parameters) -> str:
    language = parameters.text("language_code")
    if not _LANGUAGE.fullmatch(language):
        raise bad_request("invalid language code specified")
    return language


def _at_most(text: str, characters: int) -> str:
    if len(text) > characters:
        raise bad_request("description is too long")
    return text
