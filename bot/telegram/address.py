"""Addresses of Telegram messages: a chat, or a topic of a chat."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A Telegram chat by its id, with the topic (`message_thread_id`) if the chat is a forum."""

    chat: int
    topic: int | None = None

    def __str__(self) -> str:
        return str(self.chat) if self.topic is None else f"{self.chat}:{self.topic}"

    @property
    def subscription(self) -> "Address":
        """The address that subscribes. A private chat is one subscriber, whatever topics it has (Bot API 9.3)."""
        return Address(self.chat) if self.is_private else self

    @property
    def is_private(self) -> bool:
        """Return whether the chat is private. Users have positive ids, groups and channels negative ones (Bot API)."""
        return self.chat > 0


def parse(text: str) -> Address:
    """Parse the text that `str(address)` gives. Raises ValueError."""
    chat, _, topic = text.partition(":")
    return Address(int(chat), int(topic) if topic else None)
