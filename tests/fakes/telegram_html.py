"""Telegram's HTML ("Formatting options, HTML style"), read as strictly as its documentation words it.

The real server is more lenient in three places: it shows an unknown `&name;` literally, splits entities nested in
code, and flattens nested quotations. Each of them means that something was not escaped or was overlooked.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tests.fakes.telegram_errors import BotApiError, bad_request
from tests.fakes.telegram_limits import utf16_units

Entity = dict[str, Any]

_TYPES = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("tg-spoiler", "span"), "spoiler"),
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SPECIAL = re.compile(r"[<&]")
_REFERENCE = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]+));")
_TAG_NAME = re.compile(r"/?([^\s>/]*)")
_ATTRIBUTE = re.compile(r"\s*([^\s=>]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([\w./-]+)))?")
_LINK = re.compile(r"(?:https?|tg|mailto):\S+", re.IGNORECASE)
_PERSON = re.compile(r"tg://user\?id=(\d+)")
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")


@dataclass
class _Open:
    tag: str
    start: int
    extra: Entity
    inner: tuple[int, int, str] | None = None
    """In `pre`: the range of its `code`, and the language."""


@dataclass
class _Reading:
    source: str
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    stack: list[_Open] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)


@lru_cache(maxsize=256)  # a digest is sent to many chats
def parsed(source: str) -> tuple[str, tuple[Entity, ...]]:
    """Return the text that `source` shows, and its entities; offsets and lengths in UTF-16 units.

    Raises BotApiError (400, "can't parse entities") if it is not Telegram's HTML.
    """
    reading = _Reading(source)
    position = 0
    while special := _SPECIAL.search(source, position):
        reading.add(source[position : special.start()])
        position = (_tag if special[0] == "<" else _reference)(reading, special.start())
    reading.add(source[position:])
    if reading.stack:
        raise _unreadable(f'Can\'t find end tag corresponding to start tag "{reading.stack[-1].tag}"')
    text, entities = trimmed("".join(reading.pieces), reading.entities)
    return text, tuple(entities)


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Return the text without surrounding white space, and the entities, in code points, cut to the rest."""
    kept = text.strip()
    shift = len(text) - len(text.lstrip()) if kept else 0
    units = _units(kept)
    cut = []
    for entity in entities:
        start = max(entity["offset"] - shift, 0)
        end = min(entity["offset"] + entity["length"] - shift, len(kept))
        if end > start:
            first, last = (start, end) if units is None else (units[start], units[end])
            cut.append({**entity, "offset": first, "length": last - first})
    return kept, sorted(cut, key=lambda entity: (entity["offset"], -entity["length"]))


def _units(text: str) -> list[int] | None:
    """Return the start of each character in UTF-16 units; None if it equals the character's number."""
    if utf16_units(text) == len(text):
        return None
    starts = [0]
    for character in text:
        starts.append(starts[-1] + (2 if ord(character) > 0xFFFF else 1))
    return starts


def code_points(text: str, units: int) -> int:
    """Return the number of the character that starts at `units`. Raises BotApiError if none does."""
    starts = _units(text) or range(len(text) + 1)
    found = bisect_left(starts, units)
    if found == len(starts) or starts[found] != units:
        raise bad_request("ENTITY_BOUNDS_INVALID")
    return found


def _reference(reading: _Reading, position: int) -> int:
    found = _REFERENCE.match(reading.source, position)
    character = _character(found) if found else None
    if found is None or character is None:
        raise _unreadable("Unsupported character entity", reading, position)
    reading.add(character)
    return found.end()


def _character(found: re.Match[str]) -> str | None:
    decimal, hexadecimal, name = found.groups()
    if name:
        return _NAMED.get(name)
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else None


def _tag(reading: _Reading, position: int) -> int:
    name = _TAG_NAME.match(reading.source, position + 1)
    assert name is not None  # it matches the empty string
    if name[0].startswith("/"):
        return _end_tag(reading, position, name[1].lower(), name.end())
    tag = name[1].lower()
    if tag not in _TYPES:
        raise _unreadable(f'Unsupported start tag "{tag}"', reading, position)
    attributes, end = _attributes(reading, position, tag, name.end())
    _check_nesting(reading, position, tag)
    reading.stack.append(_Open(tag, reading.length, _extra(reading, position, tag, attributes)))
    return end


def _attributes(reading: _Reading, position: int, tag: str, at: int) -> tuple[dict[str, str], int]:
    attributes: dict[str, str] = {}
    source = reading.source
    while source[at:].lstrip()[:1] not in ("", ">"):
        found = _ATTRIBUTE.match(source, at)
        values = found.groups()[1:] if found else ()
        value = next((value for value in values if value is not None), None)
        if found is None or (value is None and found[1] != "expandable"):
            why = f'Expected equal sign in declaration of an attribute of the tag "{tag}"'
            raise _unreadable(why, reading, position)
        attributes.setdefault(found[1].lower(), _plain(value or ""))
        at = found.end()
    end = source.find(">", at)
    if end < 0:
        raise _unreadable("Unclosed start tag", reading, position)
    return attributes, end + 1


def _plain(value: str) -> str:
    return _REFERENCE.sub(lambda found: _character(found) or found[0], value)


def _check_nesting(reading: _Reading, position: int, tag: str) -> None:
    around = [outer.tag for outer in reading.stack]
    if tag == "blockquote" and "blockquote" in around:
        raise _unreadable('Tag "blockquote" must not be nested', reading, position)
    if tag == "code" and around and around[-1] == "pre" and reading.stack[-1].start == reading.length:
        return
    if {"code", "pre"} & {*around}:
        raise _unreadable(f'Tag "{tag}" must not be inside of code', reading, position)
    if tag in ("code", "pre") and {*around} - {"blockquote"}:
        raise _unreadable(f'Tag "{tag}" must not be inside of other formatting', reading, position)
    if tag == "a" and "a" in around:
        raise _unreadable('Tag "a" must not be nested', reading, position)


def _extra(reading: _Reading, position: int, tag: str, attributes: dict[str, str]) -> Entity:
    """Return the entity's fields beside its range. Raises BotApiError if an attribute is wrong."""
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise _unreadable('Tag "span" must have class "tg-spoiler"', reading, position)
    if tag == "tg-emoji":
        if not attributes.get("emoji-id", "").isdecimal():
            raise _unreadable("Invalid custom emoji identifier specified", reading, position)
        return {"custom_emoji_id": attributes["emoji-id"]}
    if tag == "tg-time":
        return _time(reading, position, attributes)
    if tag == "a":
        return {"url": attributes.get("href")}
    if tag == "code":
        return {"language": attributes.get("class", "").removeprefix("language-")}
    return {"expandable": True} if tag == "blockquote" and "expandable" in attributes else {}


def _time(reading: _Reading, position: int, attributes: dict[str, str]) -> Entity:
    moment, form = attributes.get("unix", ""), attributes.get("format", "")
    if not moment.isdecimal():
        raise _unreadable('Tag "tg-time" must have attribute "unix"', reading, position)
    if not _TIME_FORMAT.fullmatch(form):
        raise _unreadable("Invalid date-time format specified", reading, position)
    return {"unix_time": int(moment), **({"date_time_format": form} if form else {})}


def _end_tag(reading: _Reading, position: int, tag: str, at: int) -> int:
    if not reading.stack:
        raise _unreadable("Unexpected end tag", reading, position)
    end = reading.source.find(">", at)
    if end < 0 or reading.source[at:end].strip():
        raise _unreadable("Unclosed end tag", reading, position)
    opened = reading.stack.pop()
    if tag != opened.tag:
        why = f"Unmatched end tag at byte offset {_bytes(reading, position)}"
        raise _unreadable(f'{why}, expected "</{opened.tag}>", found "</{tag}>"')
    _close(reading, opened, position)
    return end + 1


def _close(reading: _Reading, opened: _Open, position: int) -> None:
    outer = reading.stack[-1] if reading.stack else None
    if opened.tag == "code" and outer is not None and outer.tag == "pre":
        outer.inner = (opened.start, reading.length, opened.extra["language"])
        return
    kind, extra = _TYPES[opened.tag], opened.extra
    if kind == "blockquote" and extra.get("expandable"):
        kind, extra = "expandable_blockquote", {}
    if kind == "code":
        extra = {}
    if kind == "pre" and opened.inner:
        if opened.inner[:2] != (opened.start, reading.length):
            raise _unreadable('Tag "code" must fill its tag "pre"', reading, position)
        extra = {"language": opened.inner[2]} if opened.inner[2] else {}
    if kind == "text_link":
        url = extra["url"] if extra["url"] is not None else "".join(reading.pieces)[opened.start :]
        if not _LINK.fullmatch(url):
            return  # Telegram shows the text alone
        kind, extra = _linked(url)
    if any(_TYPES[around.tag] == kind for around in reading.stack):
        return
    length = reading.length - opened.start
    reading.entities.append({"type": kind, "offset": opened.start, "length": length, **extra})


def _linked(url: str) -> tuple[str, Entity]:
    """Return the entity of a link: one to a person is a mention of them."""
    person = _PERSON.fullmatch(url)
    if person is None:
        return "text_link", {"url": url}
    return "text_mention", {"user": {"id": int(person[1]), "is_bot": False, "first_name": "?"}}


def _bytes(reading: _Reading, position: int) -> int:
    return len(reading.source[:position].encode())


def _unreadable(why: str, reading: _Reading | None = None, position: int = 0) -> BotApiError:
    where = f" at byte offset {_bytes(reading, position)}" if reading else ""
    return bad_request(f"can't parse entities: {why}{where}")
