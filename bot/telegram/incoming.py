"""Incoming messages and taps, extracted from Telegram's updates, with their addresses and their formatting as Markdown.

Telegram's clients remove `**` and backticks while somebody types, and send the formatting as entities
(https://core.telegram.org/bots/api#messageentity), whose offsets count UTF-16 units.
"""

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telegram import Chat, InaccessibleMessage, Message, MessageEntity, Update
from telegram.constants import ChatType
from telegram.ext import BaseHandler, CommandHandler, ContextTypes, filters

from bot.core.models import ChatKind
from digest.core.invisible import removed, removed_in_line


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


def parse_address(text: str) -> Address:
    """Parse the text that `str(address)` gives. Raises ValueError."""
    chat, _, topic = text.partition(":")
    return Address(int(chat), int(topic) if topic else None)


_MARKS = {
    MessageEntity.BOLD: ("**", "**"),
    MessageEntity.ITALIC: ("_", "_"),
    MessageEntity.CODE: ("`", "`"),
    MessageEntity.PRE: ("\n```\n", "\n```\n"),
}


def markdown_of(text: str, entities: Iterable[MessageEntity]) -> str:
    """Return `text` with Markdown marks for its `entities`, as far as Markdown has them."""
    marks: dict[int, tuple[list[str], list[str]]] = {}  # marks that end there, marks that begin there
    for entity in sorted(entities, key=lambda each: (each.offset, -each.length)):  # outer entities first
        for opens, closes in _marks(entity):
            marks.setdefault(entity.offset, ([], []))[1].append(opens)
            marks.setdefault(entity.offset + entity.length, ([], []))[0].insert(0, closes)
    units = text.encode("utf-16-le", "surrogatepass")
    made, at = [], 0
    for offset in sorted(marks):
        ends, begins = marks[offset]
        made += [units[2 * at : 2 * offset].decode("utf-16-le", "surrogatepass"), *ends, *begins]
        at = offset
    return "".join(made) + units[2 * at :].decode("utf-16-le", "surrogatepass")


def _marks(entity: MessageEntity) -> Iterator[tuple[str, str]]:
    if entity.type in _MARKS:
        yield _MARKS[entity.type]
    elif entity.type == MessageEntity.TEXT_LINK and entity.url:
        yield "[", f"]({entity.url})"
    elif entity.type in {MessageEntity.BLOCKQUOTE, MessageEntity.EXPANDABLE_BLOCKQUOTE}:
        yield "\n> ", "\n\n"


_KINDS = {ChatType.PRIVATE: ChatKind.PRIVATE, ChatType.CHANNEL: ChatKind.CHANNEL}
Handler = BaseHandler[Any, Any, Any]
ORIGINAL = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST
"""A filter for new messages: an edited message is not acted on again."""
AIMED = r"(?:@(-\d{1,19}))?"
"""The channel that a button in an administrator's private chat concerns, after its data. The last group of a pattern.
"""
_AIM = re.compile(r"@(-\d{1,19})\Z")
TEXT_LIMIT = 4096
"""Maximum characters of a text that are read. Telegram allows no longer messages."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """An incoming message or tap; `update` is the id of its update.

    `person` is 0 for channel posts and anonymous administrators. `words` is the text after a command, and `marked` is
    the same text with its formatting as Markdown. `replied` is the bot's message that this one replies to. `name` is
    the person's first name. `aim` is the channel that a tap in an administrator's private chat concerns.
    """

    address: Address
    kind: ChatKind
    person: int
    language: str | None
    message: int
    text: str = ""
    words: str = ""
    marked: str = ""
    replied: Message | None = None
    anonymous_admin: bool = False
    name: str = ""
    update: int = 0
    aim: Address | None = None

    @property
    def about(self) -> Address:
        """The address whose subscription and settings are concerned."""
        return self.aim or self.address.subscription

    @property
    def talks(self) -> bool:
        """Return whether the bot reads text without a command, and replies to its messages: not in channels."""
        return self.kind is not ChatKind.CHANNEL


def incoming(update: Update) -> IncomingMessage | None:
    """Extract the message or tap from `update`. Returns None if it has no message."""
    found = update.effective_message
    if found is None or update.effective_chat is None:
        return _tap_on_what_is_lost(update)
    user = update.effective_user if update.effective_sender is not update.effective_chat else None
    text = removed((found.text or found.caption or "")[:TEXT_LIMIT])
    return IncomingMessage(
        address=Address(
            update.effective_chat.id, found.message_thread_id if found.is_topic_message else None
        ),
        kind=kind(update.effective_chat),
        person=user.id if user else 0,
        language=user.language_code if user else None,
        message=found.message_id,
        text=text,
        words=_behind_command(text),
        marked=_behind_command(removed(markdown_of(found.text or "", found.entities)[:TEXT_LIMIT])),
        replied=_own(found),
        anonymous_admin=_speaks_for_the_chat(update, found),
        name=removed_in_line(user.first_name) if user else "",
        update=update.update_id,
        aim=_aim(update),
    )


def _behind_command(text: str) -> str:
    return ([*text.split(maxsplit=1), "", ""][1] if text.startswith("/") else text).strip()


def on_command(
    name: str, callback: Callable[[Update, ContextTypes.DEFAULT_TYPE], Coroutine[Any, Any, None]]
) -> Handler:
    """Create a handler that calls `callback` for the command `name`, also in channel posts."""
    return CommandHandler(name, callback, filters=ORIGINAL)


def kind(chat: Chat) -> ChatKind:
    """Return the kind of subscriber that `chat` is."""
    return _KINDS.get(ChatType(chat.type), ChatKind.GROUP)


def links(found: Message) -> str:
    """Return the URLs of a message's text links, which its text does not show."""
    entities = (*found.entities, *found.caption_entities)
    urls = [each.url for each in entities if each.type == MessageEntity.TEXT_LINK and each.url]
    return " ".join((*urls, *_leaves(_rich(found), "url")))


def shown(found: Message) -> str:
    """Return the text of a message, with one line per text node of a rich message."""
    return found.text or found.caption or "\n".join(_leaves(_rich(found), "text"))


def _rich(found: Message) -> Any:
    """The part of a rich message that python-telegram-bot leaves unread (Bot API, RichMessage)."""
    return found.api_kwargs.get("rich_message")


def _leaves(node: Any, name: str, under: str = "") -> Iterator[str]:
    """Yield the strings of `node` under the key `name`, in order."""
    if isinstance(node, str):
        if under == name:
            yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, name, key)
    elif isinstance(node, Sequence):
        for value in node:
            yield from _leaves(value, name, under)


def _tap_on_what_is_lost(update: Update) -> IncomingMessage | None:
    """Extract a tap on a message of which Telegram gives only chat and id (Bot API, InaccessibleMessage)."""
    query = update.callback_query
    if query is None or not isinstance(query.message, InaccessibleMessage):
        return None
    lost, user = query.message, query.from_user
    return IncomingMessage(
        address=Address(lost.chat.id),
        kind=kind(lost.chat),
        person=user.id,
        language=user.language_code,
        message=lost.message_id,
        name=removed_in_line(user.first_name),
        update=update.update_id,
    )


def _aim(update: Update) -> Address | None:
    query = update.callback_query
    found = _AIM.search(str(query.data)) if query else None
    return Address(int(found[1])) if found else None


def _own(found: Message) -> Message | None:
    replied = found.reply_to_message
    return replied if replied and replied.from_user and replied.from_user.id == found.get_bot().id else None


def _speaks_for_the_chat(update: Update, found: Message) -> bool:
    """Return whether the message was written as the chat, as only administrators can. A tap does not show it."""
    written = update.callback_query is None and found.sender_chat is not None
    return written and found.sender_chat is not None and found.sender_chat.id == found.chat_id
