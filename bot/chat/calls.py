"""A request to the Bot API, as Telegram's rates look at it."""

from dataclasses import dataclass
from typing import Any

from bot.chat.pacing import Scope


@dataclass(frozen=True, slots=True)
class Call:
    """A method, and the chat that it is about."""

    endpoint: str
    chat: int | str | None

    @property
    def is_message(self) -> bool:
        """Whether Telegram's rates for messages count it."""
        if self.endpoint == "sendChatAction" or self.is_draft:
            return False
        return self.endpoint.startswith(("send", "copy", "forward", "editMessage"))

    @property
    def is_draft(self) -> bool:
        """Whether it shows what is only being written."""
        return self.endpoint.endswith("Draft")

    @property
    def scope(self) -> Scope:
        """What a 429 to it concerns: its chat; a method without one (setMyCommands) is limited on its own.

        So are drafts, which are a kind of typing (https://core.telegram.org/api/bots/ai), and "typing" in its chat:
        no answer is to wait because there were too many.
        """
        if self.endpoint == "sendChatAction":
            return f"{self.endpoint} {self.chat}"
        alone = self.is_draft or (self.chat is None and not self.is_message)
        return self.endpoint if alone else self.chat

    @property
    def heeded(self) -> tuple[Scope, ...]:
        """The scopes whose pauses hold it up."""
        shows_work = self.is_draft or self.endpoint == "sendChatAction"
        return (self.scope, self.chat) if shows_work else (self.scope,)


def call(endpoint: str, data: dict[str, Any]) -> Call:
    """The call of a method with `data` as its parameters."""
    return Call(endpoint, _chat_of(data))


def _chat_of(data: dict[str, Any]) -> int | str | None:
    chat = data.get("chat_id")
    if isinstance(chat, str):
        return int(chat) if chat.removeprefix("-").isdecimal() else chat.lower()
    return chat if isinstance(chat, int) else None
