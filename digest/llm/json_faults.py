"""JSON as models write it by mistake, and the objects that they wrap around an answer. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import json_repair

from digest.json_input import InvalidJsonError, bounded, parse

_FULL_WIDTH_COLON = re.compile(r'(?<=["”])\s*：\s*(?=["“\[{])')
_FULL_WIDTH_COMMA = re.compile(r'(?<=["”\]}])\s*，\s*(?=["“{])')
_LONGEST = 60_000  # characters: repairing takes seconds beyond that, and no answer is as long


def repaired(text: str) -> Any | None:
    """The value in `text`, which begins with it, once small faults are repaired; None where more than those is wrong.

    What lacks its end is not repaired: half an answer would pass for a whole one.
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
    """The objects that `value` may stand for where one with the fields `names` was asked for, the likeliest first.

    It, with names in their own case, with fields that are JSON in JSON; then what lies within it: a list of one, a text
    that is JSON, an object around the object.
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
    """`value` with its names as they are in `names`, where they differ in their case only."""
    own = {name.casefold(): name for name in names if name not in value}
    return {own.get(name.strip().casefold(), name): each for name, each in value.items()}


def _is_json(value: object) -> bool:
    return isinstance(value, str) and value.strip()[:1] in {"{", "["}


def _parsed(text: str) -> Any:
    try:
        return parse(text)
    except InvalidJsonError:
        return text
