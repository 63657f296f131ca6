"""Where a message goes: a chat, or a topic of one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A Telegram chat by its id, and the topic (`message_thread_id`) where it is one of a forum."""

    chat: int
    topic: int | None = None

    def __str__(self) -> str:
        return str(self.chat) if self.topic is None else f"{self.chat}:{self.topic}"

    @property
    def subscription(self) -> "Address":
        """What subscribes here: a private chat as one, whatever topics its person has opened (Bot API 9.3)."""
        return Address(self.chat) if self.is_private else self

    @property
    def is_private(self) -> bool:
        """Users have positive ids; groups and channels, negative ones (Bot API, Chat)."""
        return self.chat > 0


def parse(text: str) -> Address:
    """The address that `str` gave. Raises ValueError."""
    chat, _, topic = text.partition(":")
    return Address(int(chat), int(topic) if topic else None)
