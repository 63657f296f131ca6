"""Repair of the JSON that models write, and unwrapping of the objects around an answer. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import json_repair

from digest.core.json_input import InvalidJsonError, bounded, parse

_FULL_WIDTH_COLON = re.compile(r'(?<=["”])\s*：\s*(?=["“\[{])')
_FULL_WIDTH_COMMA = re.compile(r'(?<=["”\]}])\s*，\s*(?=["“{])')
_LONGEST = 60_000  # characters; repairing more takes seconds, and no answer is that long


def repaired(text: str) -> Any | None:
    """Repair small faults and return the value that `text` begins with; None if more is wrong.

    A truncated value is not repaired, because half an answer would pass for a whole one.
    """
    end = text.rfind("}")
    whole = text[: end + 1]
    if not 0 < len(whole) <= _LONGEST or whole.count("{") != whole.count("}"):
        return None
    ascii_signs = _FULL_WIDTH_COMMA.sub(",", _FULL_WIDTH_COLON.sub(":", whole))
    try:
        return bounded(json_repair.loads(ascii_signs, skip_json_loads=True))
    except (ValueError, RecursionError, InvalidJsonError):
        return None


def shapes(value: object, names: Sequence[str], deep: int = 3) -> Iterator[dict[str, Any]]:
    """Yield the objects that `value` may stand for if one with the fields `names` was asked for, the likeliest first.

    These are: the object itself, with its names in the right case, with JSON in strings parsed; then its content: the
    items of a list, a string that is JSON, an object wrapped in another.
    """
    if not deep:
        return
    if isinstance(value, str):
        yield from shapes(_parsed(value), names, deep - 1)
    elif isinstance(value, list):
        for each in reversed(value[-3:]):
            yield from shapes(each, names, deep - 1)
    elif isinstance(value, dict):
        yield value
        cased = _cased(value, names)
        yield cased
        yield {name: _parsed(each) if _is_json(each) else each for name, each in cased.items()}
        wrapped = [each for each in value.values() if isinstance(each, dict | list) or _is_json(each)]
        if len(wrapped) == 1:
            yield from shapes(wrapped[0], names, deep - 1)


def _cased(value: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return `value` with its names spelled as in `names` if only the case differs."""
    own = {name.casefold(): name for name in names if name not in value}
    return {own.get(name.strip().casefold(), name): each for name, each in value.items()}


def _is_json(value: object) -> bool:
    return isinstance(value, str) and value.strip()[:1] in {"{", "["}


def _parsed(text: str) -> Any:
    try:
        return parse(text)
    except InvalidJsonError:
        return text
