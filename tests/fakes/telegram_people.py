"""The other side of the bot: people who write, tap, ask, block, and put it into groups and channels."""

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.telegram_chats import Chat, Message, Person
from tests.fakes.telegram_html import Entity
from tests.fakes.telegram_limits import utf16_units
from tests.fakes.telegram_membership import move
from tests.fakes.telegram_queries import Queries
from tests.fakes.telegram_world import World

_MARKS = (
    ("url", re.compile(r"https?://\S+|(?<![\w@./-])(?:[\w-]+\.)+(?:org|com|net|io|edu|cn)\b(?:/\S*)?")),
    ("bot_command", re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,32}(?:@\w+)?")),
    ("mention", re.compile(r"(?<![\w/])@[A-Za-z]\w{3,31}")),
    ("hashtag", re.compile(r"(?<![\w&])#\w+")),
)


def marked(text: str) -> tuple[Entity, ...]:
    """Return the entities that Telegram finds in a plain text: addresses, commands, mentions and hashtags."""
    found: list[Entity] = []
    taken: list[tuple[int, int]] = []
    for kind, pattern in _MARKS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            start = utf16_units(text[: match.start()])
            found.append({"type": kind, "offset": start, "length": utf16_units(match[0])})
    return tuple(sorted(found, key=lambda entity: entity["offset"]))


@dataclass(frozen=True)
class User:
    """A user with a private chat; `json` is the User object."""

    world: World
    queries: Queries
    json: Person
    chat: Chat

    @property
    def id(self) -> int:
        return self.chat.id

    async def says(
        self,
        text: str,
        *,
        chat: Chat | None = None,
        thread: int | None = None,
        reply_to: Message | int | None = None,
        caption: str | None = None,
        forwarded: bool = False,
    ) -> Message:
        """Send a message to the bot, or to a group or channel; with `caption`, `text` is the name of a photo's file.

        The bot gets it unless its privacy mode prevents that: see `heard`.
        """
        place = self._enter(chat)
        message = Message(
            id=place.next_id(),
            chat_id=place.id,
            from_bot=False,
            text="" if caption is not None else text,
            at=self.world.clock(),
            date=self.world.date(),
            entities=() if caption is not None else marked(text),
            reply_to=reply_to.id if isinstance(reply_to, Message) else reply_to,
            thread=thread,
            sender=self.json,
            extra=self._extra(text, caption, forwarded=forwarded),
        )
        self.world.show(place, message)
        if heard(self.world, place, message):
            self.world.tell("channel_post" if place.type == "channel" else "message", place, message)
        return message

    def _enter(self, chat: Chat | None) -> Chat:
        place = chat or self.chat
        place.started = True
        if not place.private:
            place.members.setdefault(self.id, self.json)
        assert not (place.private and self.id in self.world.blocked), "who blocks the bot cannot write to it"
        return place

    def _extra(self, text: str, caption: str | None, *, forwarded: bool) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        if caption is not None:
            photo = {"file_id": text, "file_unique_id": text, "width": 90, "height": 60}
            extra = {"photo": [photo], "caption": caption, "caption_entities": list(marked(caption))}
        if forwarded:
            origin = {"type": "hidden_user", "sender_user_name": "Somebody", "date": self.world.date()}
            extra["forward_origin"] = origin
        return extra

    async def edits(self, message: Message, text: str) -> Message:
        """Edit a message of one's own."""
        chat = self.world.chats[message.chat_id]
        assert message.sender == self.json, "only one's own messages can be edited"
        current = chat.messages[message.id]
        edited = replace(current, text=text, entities=marked(text), edits=current.edits + 1)
        kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
        if not heard(self.world, chat, edited):
            self.world.show(chat, edited)
            return edited
        return self.world.tell(kind, chat, edited)

    async def taps(self, message: Message, wanted: str) -> str:
        """Tap the button whose text or data is `wanted`, as the message shows it now; returns the query's id.

        Raises AssertionError if there is no such button, or the message is gone.
        """
        shown = self.world.chats[message.chat_id].messages.get(message.id)
        assert shown is not None, f"message {message.id} has been deleted"
        rows = (shown.markup or {}).get("inline_keyboard", [])
        fitting = [one for row in rows for one in row if wanted in (one["text"], one.get("callback_data"))]
        assert fitting, f"no button {wanted!r} among {shown.buttons}"
        assert "callback_data" in fitting[0], f"the button {wanted!r} tells the bot nothing"
        return await self.sends_data(shown, fitting[0]["callback_data"])

    async def sends_data(self, message: Message, data: str) -> str:
        """Tap with any data, as a forged client sends it; returns the query's id."""
        chat = self.world.chats[message.chat_id]
        return self.queries.tap(self.json, chat, chat.messages.get(message.id, message), data)

    async def asks_inline(
        self,
        query: str,
        offset: str = "",
        *,
        timeout: float = 60,  # noqa: ASYNC109 - as for `Chat.waits_for`
    ) -> list[dict[str, Any]]:
        """Return the bot's inline results. Raises TimeoutError if there are none within `timeout` seconds."""
        async with asyncio.timeout(timeout):
            return await self.queries.ask(self.json, query, offset)

    async def blocks(self) -> None:
        move(self.world, self.chat, "kicked", self.json)
        self.world.blocked.add(self.id)

    async def unblocks(self) -> None:
        self.world.blocked.discard(self.id)
        move(self.world, self.chat, "member", self.json)


def heard(world: World, chat: Chat, message: Message) -> bool:
    """Return whether the bot gets it ("Privacy mode"): in groups, commands, mentions of it and replies to it."""
    if chat.bot in ("left", "kicked") and not chat.private:
        return False
    if chat.type not in ("group", "supergroup") or not world.privacy or chat.bot == "administrator":
        return True
    name = str(world.me["username"]).lower()
    original = chat.messages.get(message.reply_to or 0)
    text = (message.text or str(message.extra.get("caption", ""))).lower()
    to_others = re.match(r"/\w+@(\w+)", text)
    if text.startswith("/"):
        return to_others is None or to_others[1] == name
    return bool(re.search(rf"@{name}\b", text)) or (original is not None and original.from_bot)
