"""Chats from their members' side: the messages that are shown now, and those since the last check."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, overload

from tests.fakes import telegram_keyboards as keyboards
from tests.fakes import telegram_rich as rich
from tests.fakes.telegram_html import Entity

Person = dict[str, Any]
"""A User object of the Bot API."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file in a message; `content` is None if it was sent by its `file_id` alone."""

    file_id: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """A preview that was shown; `at` is in seconds of the fake's clock."""

    id: int
    text: str
    entities: tuple[Entity, ...]
    thread: int | None
    at: float


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as it stands after `edits` edits; `at` is in seconds of the fake's clock, `date` of Unix time.

    `text` is the visible text (of a document, its caption), `html` the HTML that was sent; offsets of `entities` are in
    UTF-16 units.
    """

    id: int
    chat_id: int
    from_bot: bool
    text: str
    at: float
    date: int
    html: str = ""
    entities: tuple[Entity, ...] = ()
    markup: dict[str, Any] | None = None
    reply_to: int | None = None
    thread: int | None = None
    document: Document | None = None
    rich: dict[str, Any] | None = None
    sender: Person | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    edits: int = 0

    @property
    def buttons(self) -> list[list[keyboards.Button]]:
        """The rows of its keyboard: each button's text, and its data or URL."""
        return keyboards.buttons(self.markup)


_Wanted = Callable[[Message], bool]


@dataclass(eq=False)
class Chat:
    """A private chat, group, supergroup or channel; `bot` is the bot's status in it, as in ChatMember."""

    id: int
    type: str
    title: str = ""
    username: str | None = None
    person: Person | None = None
    """The person whose private chat it is."""
    forum: bool = False
    bot: str = "member"
    started: bool = True
    """True if its person has ever written to the bot."""
    migrated_to: int | None = None
    members: dict[int, Person] = field(default_factory=dict)
    admins: set[int] = field(default_factory=set)
    topics: dict[int, bool] = field(default_factory=dict)
    """The existing topics, and whether each is open."""
    actions: list[str] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict)
    last_id: int = 0
    _news: list[Message] = field(default_factory=list)
    _seen: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def shown(self) -> list[Message]:
        """The messages that the chat shows now, oldest first: edited ones as edited, deleted ones not at all."""
        return list(self.messages.values())

    @property
    def private(self) -> bool:
        return self.type == "private"

    @property
    def json(self) -> dict[str, Any]:
        """Return a Chat object of the Bot API."""
        if self.person is not None:
            names = {key: name for key, name in self.person.items() if key in ("first_name", "username")}
            return {"id": self.id, "type": "private", **names}
        chat: dict[str, Any] = {"id": self.id, "type": self.type, "title": self.title}
        if self.username:
            chat["username"] = self.username
        return {**chat, "is_forum": True} if self.forum else chat

    def opens_topic(self) -> int:
        """Open a topic and return its number, the `message_thread_id`."""
        self.last_id += 1
        self.topics[self.last_id] = True
        return self.last_id

    def closes_topic(self, thread: int) -> None:
        self.topics[thread] = False

    def deletes_topic(self, thread: int) -> None:
        del self.topics[thread]

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def show(self, message: Message, *, tell: bool = True) -> None:
        """Show a new message, or a new version of a shown one; `tell` notifies those who wait for the bot's."""
        self.messages[message.id] = message
        if tell and message.from_bot:
            self._news.append(message)
            self._came.set()

    @overload
    async def waits_for(self, wanted: int = 1, /, *, timeout: float = 300) -> list[Message]: ...  # noqa: ASYNC109
    @overload
    async def waits_for(self, wanted: _Wanted, /, *, timeout: float = 300) -> Message: ...  # noqa: ASYNC109
    async def waits_for(
        self,
        wanted: int | _Wanted = 1,
        /,
        *,
        timeout: float = 300,  # noqa: ASYNC109 - a test's timeout; the error has to tell what came instead
    ) -> list[Message] | Message:
        """Return the bot's next `wanted` messages, or its next message or edit of which `wanted` is true.

        Next: after those that an earlier call returned. Raises TimeoutError after `timeout` seconds, and tells what
        has come instead.
        """
        try:
            async with asyncio.timeout(timeout):
                while (found := self._found(wanted)) is None:
                    self._came.clear()
                    await self._came.wait()
                return found
        except TimeoutError as error:
            came = [message.text for message in self._news[self._seen :]]
            raise TimeoutError(f"Chat {self.id} waited for {wanted}; since then came {came}.") from error

    def _found(self, wanted: int | _Wanted) -> list[Message] | Message | None:
        fresh = list(enumerate(self._news[self._seen :], self._seen + 1))
        if callable(wanted):
            for seen, message in fresh:
                if wanted(message):
                    self._seen = seen
                    return message
            return None
        new = [(seen, message) for seen, message in fresh if message.edits == 0][:wanted]
        if len(new) < wanted:
            return None
        self._seen = new[-1][0] if new else self._seen
        return [message for _, message in new]


def message_json(message: Message, chat: Chat) -> dict[str, Any]:
    """Return a Message object of the Bot API."""
    return {**dict(_fields(message, chat)), **message.extra}


def _fields(message: Message, chat: Chat) -> Iterator[tuple[str, Any]]:
    yield from (("message_id", message.id), ("date", message.date), ("chat", chat.json))
    if chat.type == "channel":
        yield "sender_chat", chat.json
    elif message.sender is not None:
        yield "from", message.sender
    yield from _content(message)
    if message.edits:
        yield "edit_date", message.date
    if message.thread is not None:
        yield from (("message_thread_id", message.thread), ("is_topic_message", True))
    if message.markup and "inline_keyboard" in message.markup:
        yield "reply_markup", message.markup
    original = chat.messages.get(message.reply_to) if message.reply_to else None
    if original is not None:
        shallow = {key: value for key, value in _fields(original, chat) if key != "reply_to_message"}
        yield "reply_to_message", {**shallow, **original.extra}


def _content(message: Message) -> Iterator[tuple[str, Any]]:
    entities = list(message.entities)
    if message.rich is not None:
        yield "rich_message", {"blocks": rich.blocks(message.rich)}
    elif message.document is not None:
        sent = message.document
        file = {"file_id": sent.file_id, "file_unique_id": sent.file_id, "file_name": sent.name}
        yield "document", {**file, "file_size": len(sent.content)}
        if message.text:
            yield "caption", message.text
        if entities:
            yield "caption_entities", entities
    elif message.text:
        yield "text", message.text
        if entities:
            yield "entities", entities


def people(members: Iterable[Person]) -> dict[int, Person]:
    """Return `members` by their ids."""
    return {member["id"]: member for member in members}
