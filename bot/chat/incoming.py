"""What a person sent, taken out of Telegram's update: who, where, and which words."""

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telegram import Chat, InaccessibleMessage, Message, MessageEntity, Update
from telegram.constants import ChatType
from telegram.ext import BaseHandler, CommandHandler, ContextTypes, filters

from bot.chat import formatting
from bot.chat.address import Address
from bot.models import Kind
from digest.invisible import removed, removed_in_line

_KINDS = {ChatType.PRIVATE: Kind.PRIVATE, ChatType.CHANNEL: Kind.CHANNEL}
Handler = BaseHandler[Any, Any, Any]
ORIGINAL = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST
"""What is new: an edited message is not acted on again."""
AIMED = r"(?:@(-\d{1,19}))?"
"""Behind a button's data in an administrator's own chat: the channel that it is about. The last group of a pattern."""
_AIM = re.compile(r"@(-\d{1,19})\Z")
TEXT_LIMIT = 4096
"""Characters of a text that are looked at; Telegram lets nobody send more."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message or a tap; `update` is the number of the update that brought it.

    `person` is 0 for posts of a channel and for anonymous administrators. `words` is what stands behind a command,
    `marked` the same with its formatting as Markdown. `replied` is the message of the bot's own that this one answers.
    `name` is what the person calls themselves. `aim` is the channel that a tap in an administrator's own chat is about.
    """

    address: Address
    kind: Kind
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
        """Whose subscription and settings it is about."""
        return self.aim or self.address.subscription

    @property
    def talks(self) -> bool:
        """Whether the bot takes words without a command there, and answers to its messages: in channels it does not."""
        return self.kind is not Kind.CHANNEL


def incoming(update: Update) -> Incoming | None:
    """What `update` brings; None where it has no message to speak of."""
    found = update.effective_message
    if found is None or update.effective_chat is None:
        return _tap_on_what_is_lost(update)
    user = update.effective_user if update.effective_sender is not update.effective_chat else None
    text = removed((found.text or found.caption or "")[:TEXT_LIMIT])
    return Incoming(
        address=Address(
            update.effective_chat.id, found.message_thread_id if found.is_topic_message else None
        ),
        kind=kind(update.effective_chat),
        person=user.id if user else 0,
        language=user.language_code if user else None,
        message=found.message_id,
        text=text,
        words=_behind_command(text),
        marked=_behind_command(removed(formatting.markdown(found.text or "", found.entities)[:TEXT_LIMIT])),
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
    """Calls `callback` for the command `name`, also in a channel's posts."""
    return CommandHandler(name, callback, filters=ORIGINAL)


def kind(chat: Chat) -> Kind:
    """What stands behind a chat."""
    return _KINDS.get(ChatType(chat.type), Kind.GROUP)


def links(found: Message) -> str:
    """The addresses behind the words of a message, which its text does not show."""
    entities = (*found.entities, *found.caption_entities)
    urls = [each.url for each in entities if each.type == MessageEntity.TEXT_LINK and each.url]
    return " ".join((*urls, *_leaves(_rich(found), "url")))


def shown(found: Message) -> str:
    """The words of a message; those of a rich one a line each."""
    return found.text or found.caption or "\n".join(_leaves(_rich(found), "text"))


def _rich(found: Message) -> Any:
    """What python-telegram-bot leaves unread of a rich message (Bot API, RichMessage)."""
    return found.api_kwargs.get("rich_message")


def _leaves(node: Any, name: str, under: str = "") -> Iterator[str]:
    """The texts of `node` that stand under the key `name`, in order."""
    if isinstance(node, str):
        if under == name:
            yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, name, key)
    elif isinstance(node, Sequence):
        for value in node:
            yield from _leaves(value, name, under)


def _tap_on_what_is_lost(update: Update) -> Incoming | None:
    """A tap under a message of which Telegram tells no more than chat and number (Bot API, InaccessibleMessage)."""
    query = update.callback_query
    if query is None or not isinstance(query.message, InaccessibleMessage):
        return None
    lost, user = query.message, query.from_user
    return Incoming(
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
    """Whether the message was written as the chat itself: only administrators can. A tap tells nothing of that."""
    written = update.callback_query is None and found.sender_chat is not None
    return written and found.sender_chat is not None and found.sender_chat.id == found.chat_id
