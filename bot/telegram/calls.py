"""A request to the Bot API, classified for Telegram's rate limits."""

from dataclasses import dataclass
from typing import Any

from bot.telegram.pacing import Scope


@dataclass(frozen=True, slots=True)
class Call:
    """A Bot API method and the chat that it concerns."""

    endpoint: str
    chat: int | str | None

    @property
    def is_message(self) -> bool:
        """Return whether the request counts towards Telegram's message limits."""
        if self.endpoint == "sendChatAction" or self.is_draft:
            return False
        return self.endpoint.startswith(("send", "copy", "forward", "editMessage"))

    @property
    def is_draft(self) -> bool:
        """Return whether the request shows a message draft."""
        return self.endpoint.endswith("Draft")

    @property
    def scope(self) -> Scope:
        """The scope of a 429 response: the chat, or the method itself if it has no chat (setMyCommands).

        Drafts count as typing (https://core.telegram.org/api/bots/ai). Drafts and "typing" actions have scopes of their
        own, so that too many of them never delay an answer.
        """
        if self.endpoint == "sendChatAction":
            return f"{self.endpoint} {self.chat}"
        alone = self.is_draft or (self.chat is None and not self.is_message)
        return self.endpoint if alone else self.chat

    @property
    def heeded(self) -> tuple[Scope, ...]:
        """The scopes whose pauses delay this request."""
        shows_work = self.is_draft or self.endpoint == "sendChatAction"
        return (self.scope, self.chat) if shows_work else (self.scope,)


def call(endpoint: str, data: dict[str, Any]) -> Call:
    """Build the call of a method from its parameters `data`."""
    return Call(endpoint, _chat_of(data))


def _chat_of(data: dict[str, Any]) -> int | str | None:
    chat = data.get("chat_id")
    if isinstance(chat, str):
        return int(chat) if chat.removeprefix("-").isdecimal() else chat.lower()
    return chat if isinstance(chat, int) else None
