"""A Bot API request's parameters, from any of its three kinds of bodies."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.telegram_errors import bad_request

_STRUCTURES = {
    "allowed_updates": "allowed updates",
    "button": "inline query results button",
    "caption_entities": "entities",
    "commands": "commands",
    "entities": "entities",
    "link_preview_options": "link preview options",
    "reply_markup": "reply keyboard markup",
    "reply_parameters": "reply parameters",
    "results": "inline query results",
    "rich_message": "rich message",
    "scope": "BotCommandScope",
}
_NUMBER = re.compile(r"-?\d{1,19}\Z")
_NUMBERS = frozenset(
    {"cache_time", "chat_id", "draft_id", "limit", "max_connections", "message_id", "message_thread_id"}
    | {"offset", "reply_to_message_id", "timeout", "user_id"}
)
_BOOLEANS = {"true": True, "false": False, "True": True, "False": False}
_TEXTS = frozenset({"text", "caption", "description", "short_description", "next_offset"})
_NAME = re.compile(r'[; ]name="([^"]*)"')
_FILE_NAME = re.compile(r'filename="([^"]*)"')


@dataclass(frozen=True, slots=True)
class File:
    """A file of a multipart body."""

    name: str
    content: bytes


class Parameters:
    """The decoded parameters of a request; `unread` tells which of them the method never read."""

    def __init__(self, values: Mapping[str, Any], files: Mapping[str, File] | None = None) -> None:
        self.values = {name: _decoded(name, value) for name, value in values.items() if value is not None}
        self.files = files or {}
        self._read: set[str] = set()

    @property
    def unread(self) -> set[str]:
        return {*self.values} - self._read

    def get(self, name: str) -> Any:
        self._read.add(name)
        return self.values.get(name)

    def text(self, name: str) -> str:
        value = self.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int | None:
        """Return a number. Raises BotApiError for anything else."""
        value = self.get(name)
        if value is not None and not isinstance(value, int):
            raise bad_request(f"field {name} must be a number")
        return value

    def flag(self, name: str) -> bool:
        return self.get(name) in (True, 1, "1")

    def fields(self, name: str) -> dict[str, Any] | None:
        """Return a JSON object. Raises BotApiError for anything else."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise bad_request(f"object expected as {_STRUCTURES[name]}")
        return value

    def items(self, name: str) -> list[Any]:
        """Return a JSON array. Raises BotApiError for anything else."""
        value = self.get(name)
        if value is not None and not isinstance(value, list):
            raise bad_request(f"expected an array of {_STRUCTURES[name]}")
        return value or []

    def file(self, name: str) -> File | None:
        """Return the file of parameter `name`, or the one that it refers to as `attach://…`."""
        given = self.text(name)
        return self.files.get(given.removeprefix("attach://") if given else name)


def parameters(content_type: str, body: bytes, query: bytes = b"") -> Parameters:
    """Return a request's parameters; the Bot API reads the query string, a form, a multipart form or a JSON object.

    Raises BotApiError if they cannot be parsed.
    """
    values: dict[str, Any] = dict(parse_qsl(query.decode(), keep_blank_values=True)) if query else {}
    files: dict[str, File] = {}
    kind, _, options = content_type.partition(";")
    if kind == "application/json":
        values |= _json(body)
    elif kind == "multipart/form-data":
        for name, part in _parts(body, options.partition("boundary=")[2].strip('" ').encode()):
            if isinstance(part, File):
                files[name] = part
            else:
                values[name] = part
    elif body:
        values |= parse_qsl(body.decode(), keep_blank_values=True)
    return Parameters(values, files)


def _json(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body) if body else {}
    except ValueError as error:
        raise bad_request("can't parse JSON object") from error
    if not isinstance(values, dict):
        raise bad_request("object expected")
    return values


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, str | File]]:
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        header = head.decode()
        name = _NAME.search(header)
        if name is None:
            raise bad_request("unnamed part of a multipart form")
        file = _FILE_NAME.search(header)
        yield name[1], File(file[1], content) if file else content.decode()


def _decoded(name: str, value: Any) -> Any:
    if not isinstance(value, str) or name in _TEXTS:
        return value
    if name in _STRUCTURES:
        return _structure(name, value)
    if name in _NUMBERS:
        return int(value) if _NUMBER.match(value) else value
    return _BOOLEANS.get(value, value)


def _structure(name: str, value: str) -> Any:
    if not value:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise bad_request(f"can't parse {_STRUCTURES[name]} JSON object") from error
