"""The methods that write to chats."""

from dataclasses import dataclass, replace
from typing import Any

from tests.fakes import telegram_html as html
from tests.fakes import telegram_keyboards as keyboards
from tests.fakes import telegram_rich as rich
from tests.fakes.telegram_chats import Chat, Document, Draft, Message
from tests.fakes.telegram_errors import BotApiError, bad_request, not_found
from tests.fakes.telegram_forms import Parameters
from tests.fakes.telegram_html import Entity
from tests.fakes.telegram_limits import CAPTION_UNITS, DOCUMENT_BYTES, ENTITIES, MESSAGE_UNITS, utf16_units
from tests.fakes.telegram_world import World

_ACTIONS = frozenset(
    {"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice"}
    | {"upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note"}
)
_UNMODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
_WITHOUT_EFFECT = (
    "allow_paid_broadcast",
    "business_connection_id",
    "disable_content_type_detection",
    "disable_notification",
    "disable_web_page_preview",
    "link_preview_options",
    "message_effect_id",
    "protect_content",
)


@dataclass(frozen=True)
class _Content:
    text: str
    html: str
    entities: tuple[Entity, ...]
    rich: dict[str, Any] | None = None


class Messages:
    """Methods that take a request's parameters and return the response's `result`, or raise BotApiError."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._files: dict[str, Document] = {}

    def send_message(self, parameters: Parameters) -> dict[str, Any]:
        chat = self._world.open_chat(parameters)
        return self._send("sendMessage", chat, parameters, self._text(parameters))

    def send_rich_message(self, parameters: Parameters) -> dict[str, Any]:
        content = self._rich(parameters)
        return self._send("sendRichMessage", self._world.open_chat(parameters), parameters, content)

    def send_document(self, parameters: Parameters) -> dict[str, Any]:
        chat = self._world.open_chat(parameters)
        document = self._document(parameters)
        caption = self._content(parameters, "caption", CAPTION_UNITS, "message caption is too long")
        return self._send("sendDocument", chat, parameters, caption, document)

    def edit_message_text(self, parameters: Parameters) -> dict[str, Any]:
        chat, message = self._own(parameters)
        if message.document is not None:
            raise bad_request("there is no text in the message to edit")
        is_rich = parameters.get("rich_message") is not None
        content = self._rich(parameters) if is_rich else self._text(parameters)
        edited = replace(
            message, text=content.text, html=content.html, entities=content.entities, rich=content.rich
        )
        return self._edit("editMessageText", chat, message, edited, parameters)

    def edit_message_reply_markup(self, parameters: Parameters) -> dict[str, Any]:
        chat, message = self._own(parameters)
        return self._edit("editMessageReplyMarkup", chat, message, message, parameters)

    def delete_message(self, parameters: Parameters) -> bool:
        chat = self._world.open_chat(parameters, write=False)
        message = chat.messages.get(parameters.number("message_id") or 0)
        if message is None:
            raise bad_request("message to delete not found")
        if not (message.from_bot or chat.private or chat.bot == "administrator"):
            raise bad_request("message can't be deleted")
        del chat.messages[message.id]
        return True

    def send_chat_action(self, parameters: Parameters) -> bool:
        chat = self._world.open_chat(parameters)
        _thread(chat, parameters)
        action = parameters.text("action")
        if action not in _ACTIONS:
            raise bad_request("wrong parameter action in request")
        if self._world.keep:
            chat.actions.append(action)
        return True

    def send_message_draft(self, parameters: Parameters) -> bool:
        if not self._world.drafts:
            raise not_found()
        too_long = "message is too long"
        return self._draft(parameters, self._content(parameters, "text", MESSAGE_UNITS, too_long))

    def send_rich_message_draft(self, parameters: Parameters) -> bool:
        return self._draft(parameters, self._rich(parameters))

    def _draft(self, parameters: Parameters, content: _Content) -> bool:
        chat = self._world.open_chat(parameters)
        number = parameters.number("draft_id")
        if not chat.private:
            raise bad_request("TEXTDRAFT_PEER_INVALID")
        if not number:
            raise bad_request("RANDOM_ID_INVALID")
        draft = Draft(number, content.text, content.entities, _thread(chat, parameters), self._world.clock())
        if self._world.keep:
            chat.drafts.append(draft)
        return True

    def _send(
        self,
        method: str,
        chat: Chat,
        parameters: Parameters,
        content: _Content,
        document: Document | None = None,
    ) -> dict[str, Any]:
        for name in _WITHOUT_EFFECT:
            parameters.get(name)
        markup = keyboards.checked(parameters.fields("reply_markup"), inline_only=chat.type == "channel")
        reply_to, thread = _reply_to(chat, parameters), _thread(chat, parameters)
        self._world.count(method, chat)
        message = Message(
            id=chat.next_id(),
            chat_id=chat.id,
            from_bot=True,
            text=content.text,
            at=self._world.clock(),
            date=self._world.date(),
            html=content.html,
            entities=content.entities,
            markup=markup,
            reply_to=reply_to,
            thread=thread,
            document=document,
            rich=content.rich,
            sender=self._world.me,
        )
        return self._world.show(chat, message)

    def _own(self, parameters: Parameters) -> tuple[Chat, Message]:
        chat = self._world.open_chat(parameters)
        message = chat.messages.get(parameters.number("message_id") or 0)
        if message is None:
            raise bad_request("message to edit not found")
        if not message.from_bot:
            raise bad_request("message can't be edited")
        return chat, message

    def _edit(
        self, method: str, chat: Chat, message: Message, edited: Message, parameters: Parameters
    ) -> dict[str, Any]:
        for name in _WITHOUT_EFFECT:
            parameters.get(name)
        markup = keyboards.checked(parameters.fields("reply_markup"), inline_only=True)
        edited = replace(edited, markup=markup)
        if _substance(edited) == _substance(message):
            raise bad_request(_UNMODIFIED)
        self._world.count(method, chat)
        return self._world.show(chat, replace(edited, edits=message.edits + 1))

    def _text(self, parameters: Parameters) -> _Content:
        content = self._content(parameters, "text", MESSAGE_UNITS, "message is too long")
        if not content.text:
            raise bad_request("message text is empty")
        return content

    def _content(self, parameters: Parameters, name: str, most_units: int, too_long: str) -> _Content:
        source, mode = parameters.text(name), parameters.text("parse_mode").lower()
        given = parameters.items("entities" if name == "text" else "caption_entities")
        if mode not in ("", "html"):
            raise bad_request("unsupported parse_mode")
        if mode:
            text, entities = html.parsed(source)
        else:
            text, placed = html.trimmed(source, _given(source, given))
            entities = tuple(placed)
        if utf16_units(text) > most_units:
            raise bad_request(too_long)
        self._world.dropped_entities += max(0, len(entities) - ENTITIES)
        return _Content(text, source, entities[:ENTITIES])

    def _rich(self, parameters: Parameters) -> _Content:
        if not self._world.rich:
            raise not_found()
        given = parameters.fields("rich_message") or {}
        text, source = rich.read(given)
        return _Content(text, source, (), given)

    def _document(self, parameters: Parameters) -> Document:
        file = parameters.file("document")
        if file is None:
            known = self._files.get(parameters.text("document"))
            if known is None:
                raise bad_request("wrong remote file identifier specified: Wrong string length")
            return known
        if not file.content:
            raise bad_request("file must be non-empty")
        if len(file.content) > DOCUMENT_BYTES:
            raise BotApiError(413, "Request Entity Too Large")
        document = Document(f"document-{self._world.serial()}", file.name, file.content)
        if self._world.keep:
            self._files[document.file_id] = document
        return document


def _given(text: str, entities: list[Any]) -> list[Entity]:
    """Return the entities that came beside the text, in code points as `html.trimmed` takes them."""
    placed = []
    for entity in entities:
        start, length = entity.get("offset"), entity.get("length")
        if not (isinstance(start, int) and isinstance(length, int) and start >= 0 and length > 0):
            raise bad_request("can't parse entities: ENTITY_BOUNDS_INVALID")
        first, last = html.code_points(text, start), html.code_points(text, start + length)
        placed.append({**entity, "offset": first, "length": last - first})
    return placed


def _reply_to(chat: Chat, parameters: Parameters) -> int | None:
    given = parameters.fields("reply_parameters") or {}
    wanted = given.get("message_id") or parameters.number("reply_to_message_id")
    lenient = given.get("allow_sending_without_reply") or parameters.flag("allow_sending_without_reply")
    if wanted is None or wanted in chat.messages:
        return wanted
    if lenient:
        return None
    raise bad_request("message to be replied not found")


def _thread(chat: Chat, parameters: Parameters) -> int | None:
    thread = parameters.number("message_thread_id")
    if thread is None:
        return None
    if not (chat.forum or chat.private) or thread not in chat.topics:
        raise bad_request("message thread not found")
    if not chat.topics[thread]:
        raise bad_request("TOPIC_CLOSED")
    return thread


def _substance(message: Message) -> tuple[Any, ...]:
    return message.text, message.entities, message.markup, message.rich
