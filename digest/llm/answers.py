"""What a model wrote -> the value that was asked for. Pure.

Around the JSON object models leave thoughts, code fences and a polite sentence; inside it, TeX whose
backslashes they forgot to double.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from digest.llm.faults import CallError, Outcome

A = TypeVar("A", bound=BaseModel)

_LIMIT = 200_000  # characters of an answer that are looked at
_STARTS = 50  # places in an answer at which an object is looked for
_START = re.compile(r'\{\s*"')
_LONE_BACKSLASH = re.compile(r'\\\\|\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
_DECODER = json.JSONDecoder(strict=False)


def answer(text: str, form: type[A], language: str) -> A:
    """The value of type `form` in what a model wrote in `language` (a BCP 47 tag, the validators' context).

    Raises CallError.
    """
    said = without_thoughts(text)
    if not said.strip():
        raise CallError(Outcome.BLANK)
    if len(said) > _LIMIT:
        raise CallError(Outcome.TOO_LARGE, f"over {_LIMIT:,} characters")
    try:
        return form.model_validate(_object(said), context={"language": language})
    except ValidationError as error:
        raise CallError(Outcome.WRONG_SHAPE, _fields(error)) from None


def so_far(text: str) -> dict[str, Any] | None:
    """The object in what a model has written so far, without the string that it is at; None where none can be told.

    For a look at an answer in the making: what it will be, `answer` decides.
    """
    said = without_thoughts(text)
    start = _START.search(said)
    if start is None or len(said) > _LIMIT:
        return None
    try:
        found = from_json(_LONE_BACKSLASH.sub(r"\\\\", said[start.start() :]), allow_partial=True)
    except (
        ValueError,
        TypeError,
    ):  # a line break within a string, half a character: the next piece may mend it
        return None
    return found if isinstance(found, dict) else None


def without_thoughts(text: str) -> str:
    """`text` without the thinking before the answer; some servers swallow the tag that opens it.

    A paper can be about such tags: what stands within the answer's object is left alone.
    """
    before, found, after = text.partition("</think>")
    if text.lstrip().startswith("<think>"):
        return after
    return after if found and not _START.search(before) else text


def _object(text: str) -> dict[str, Any]:
    """The longest JSON object in `text`; the braces of a formula beside it are none."""
    found = [*_objects(_LONE_BACKSLASH.sub(r"\\\\", text))]
    if found:
        return max(found, key=lambda each: each[0])[1]
    raise CallError(Outcome.HALF_JSON if _START.search(text) else Outcome.PROSE)


def _objects(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects in `text` that lie in no other, each with its length in characters."""
    place = 0
    for _ in range(_STARTS):
        match = _START.search(text, place)
        if match is None:
            return
        try:
            value, place = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            place = match.start() + 1
        else:
            yield place - match.start(), value


def _fields(error: ValidationError) -> str:
    """Where the answer does not fit, without the answer's words."""
    places = (".".join(str(part) for part in each["loc"]) for each in error.errors(include_input=False))
    return ", ".join([*dict.fromkeys(place or "as a whole" for place in places)][:3])
