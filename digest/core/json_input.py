"""Strict parser for JSON from outside: RFC 8259 within limits that all later code can handle. Pure.

Python's parser accepts documents that its own serializer cannot write again (nesting up to the recursion limit, NaN,
integers of any length, 1e400 as infinity) and strings that no database accepts (NUL, lone surrogates).
"""

import json
import math
import re
from typing import Any

DEEPEST = 100
"""The maximum nesting depth: Telegram's updates and completions have about ten levels."""
_LARGEST = 2**63 - 1  # the largest integer of the databases
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class InvalidJsonError(ValueError):
    """The input is not JSON, or exceeds the limits."""


def parse(body: bytes | str) -> Any:
    """Parse `body` (UTF-8) and return its value as `bounded` does. Raises InvalidJsonError."""
    try:
        text = body if isinstance(body, str) else body.decode()
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidJsonError("not JSON that can be handled") from None
    return bounded(value)


def bounded(value: Any, levels: int = DEEPEST) -> Any:
    """Return a copy of the parsed `value` in whose strings each NUL and lone surrogate is replaced by U+FFFD.

    Raises InvalidJsonError if it is nested deeper than `levels`, or if it contains an infinite number or an integer
    of more than 64 bits.
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
