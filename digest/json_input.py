"""JSON from outside, within the bounds that all that handles it later can bear: RFC 8259, and no more. Pure.

Python's parser takes documents that its own writer cannot write again (nested to the limit of recursion, NaN, integers
of any length, 1e400 as infinity), and strings that no database takes (NUL, halves of surrogate pairs).
"""

import json
import math
import re
from typing import Any

DEEPEST = 100
"""Levels of nesting: Telegram's updates and completions have about ten."""
_LARGEST = 2**63 - 1  # what databases have for integers
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class InvalidJsonError(ValueError):
    """What came is no JSON, or none that can be handled."""


def parse(body: bytes | str) -> Any:
    """The value that `body` (UTF-8) holds, as `bounded` gives it. Raises InvalidJsonError."""
    try:
        text = body if isinstance(body, str) else body.decode()
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidJsonError("not JSON that can be handled") from None
    return bounded(value)


def bounded(value: Any, levels: int = DEEPEST) -> Any:
    """A copy of the parsed `value` in whose strings NUL and lone surrogates are U+FFFD, one for one.

    Raises InvalidJsonError where it is nested deeper than `levels`, or a number is infinite or an integer of over 64
    bits.
    """
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
        case int() if not -_LARGEST <= value <= _LARGEST:
            raise InvalidJsonError("an integer of over 64 bits")
        case float() if not math.isfinite(value):
            raise InvalidJsonError("a number that is too large")
        case dict() | list() if not levels:
            raise InvalidJsonError("nested too deep")
        case dict():
            return {bounded(name): bounded(each, levels - 1) for name, each in value.items()}
        case list():
            return [bounded(each, levels - 1) for each in value]
    return value


def _refuse(name: str) -> Any:
    raise InvalidJsonError(f"{name} is no JSON")
