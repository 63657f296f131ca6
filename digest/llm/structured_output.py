"""Structured output: requests JSON by a schema, and parses and repairs what models write instead. Pure.

Around the object models leave thoughts, drafts, code fences and a polite sentence; inside it, TeX with single
backslashes, and small faults. The answer follows the end of the thoughts; of several objects there, it is the last that
fits, taken out of any object around it. A draft within the thoughts is never the answer.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import json_repair
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from digest.core.json_input import InvalidJsonError, bounded, parse
from digest.llm.endpoint_profile import ResponseFormat
from digest.llm.errors import CallError, CallOutcome

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


def candidate_objects(value: object, names: Sequence[str], deep: int = 3) -> Iterator[dict[str, Any]]:
    """Yield the objects that `value` may stand for if one with the fields `names` was asked for, the likeliest first.

    These are: the object itself, with its names in the right case, with JSON in strings parsed; then its content: the
    items of a list, a string that is JSON, an object wrapped in another.
    """
    if not deep:
        return
    if isinstance(value, str):
        yield from candidate_objects(_parsed(value), names, deep - 1)
    elif isinstance(value, list):
        for each in reversed(value[-3:]):
            yield from candidate_objects(each, names, deep - 1)
    elif isinstance(value, dict):
        yield value
        cased = _cased(value, names)
        yield cased
        yield {name: _parsed(each) if _is_json(each) else each for name, each in cased.items()}
        wrapped = [each for each in value.values() if isinstance(each, dict | list) or _is_json(each)]
        if len(wrapped) == 1:
            yield from candidate_objects(wrapped[0], names, deep - 1)


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


A = TypeVar("A", bound=BaseModel)
V = TypeVar("V")

_LIMIT = 200_000  # characters of an answer
_STARTS = 50  # positions in an answer at which an object is searched
_MARKS = 8  # the last ends of thoughts after which an answer is searched
_START = re.compile(r'\{\s*"|"\s*\{\s*\\"')  # an object, or one that was written as a string
_LOOSE_START = re.compile(
    r"\{\s*(?:(?://|#)[^\n]*\n\s*|/\*[^*]{0,200}\*/\s*)?(?:[\"“']|[A-Za-z_]+\s*[:：])"
)  # an object that needs repair
_LONE_BACKSLASH = re.compile(r'\\\\|\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
_DECODER = json.JSONDecoder(strict=False)

# DeepSeek and Qwen <think>, Magistral [THINK], Kimi ◁think▷, Seed <seed:think>, Cohere <|START_THINKING|>, Gemma
# <|channel>thought and <unused94>; others use words of their own. gpt-oss has channels
# (https://cookbook.openai.com/articles/openai-harmony); some servers drop their special tokens.
_WORDS = r"(?:\w{1,10}:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad)"
_END_OF_THOUGHTS = re.compile(
    rf"</\s?{_WORDS}\s?>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<｜end▁of▁thinking｜>|<channel\|>|<unused95>"
    r"|<\|channel\|>\s*final\b(?:[^<{]{0,40}<\|constrain\|>)?[^<{]{0,40}<\|message\|>|(?<=[^\s\w\"])assistantfinal(?=\s*[\[{\"`])",
    re.IGNORECASE,
)
_BEGIN_OF_THOUGHTS = re.compile(
    rf"<{_WORDS}\s?>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<｜begin▁of▁thinking｜>|<\|channel>|<unused94>"
    r"|<\|channel\|>\s*(?:analysis|commentary)|\A\s*(?-i:analysis)(?=(?-i:[A-Z{]))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Placed(Generic[V]):
    """A value and its position in the text."""

    start: int
    end: int
    value: V


def answer(text: str, form: type[A], language: str) -> A:
    """Parse the value of type `form` from a model's `text`.

    `language` (a BCP 47 tag) is passed to the validators as context. Raises CallError.
    """
    if not text.strip():
        raise CallError(CallOutcome.BLANK)
    if len(text) > _LIMIT:
        raise CallError(CallOutcome.TOO_LARGE, f"over {_LIMIT:,} characters")
    said = _doubled(text)
    marks = [*_END_OF_THOUGHTS.finditer(said)][-_MARKS:]
    fault = None
    for number in range(len(marks), -1, -1):
        # Search after each end of thoughts, from the last: an answer about such marks contains them in its object.
        start = marks[number - 1].end() if number else 0
        found = _last_fitting(said, start, form, language)
        if isinstance(found, CallError):
            fault = fault or found
        elif all(found.start < mark.start() < found.end for mark in marks[number:]):
            return found.value
    raise fault or CallError(CallOutcome.PROSE)


def so_far(text: str) -> dict[str, Any] | None:
    """Parse the object that a model has written so far, without an unfinished string; None if there is none yet.

    For a preview only; `answer` decides on the final text.
    """
    said = without_thoughts(text)
    start = _START.search(said)
    if start is None or len(said) > _LIMIT:
        return None
    try:
        found = from_json(_doubled(said[start.start() :]), allow_partial=True)
    except (
        ValueError,
        TypeError,
    ):  # a line break within a string, half a character: the next chunk may complete it
        return None
    return found if isinstance(found, dict) else None


def without_thoughts(text: str) -> str:
    """Remove the thoughts before the answer from `text`; some servers drop the opening tag.

    A paper can be about such tags, so those within the answer's object are left alone.
    """
    found = _END_OF_THOUGHTS.search(text)
    if _BEGIN_OF_THOUGHTS.match(text.lstrip()):
        return text[found.end() :] if found else ""
    return text[found.end() :] if found and not _START.search(text, 0, found.start()) else text


def _last_fitting(text: str, start: int, form: type[A], language: str) -> "_Placed[A] | CallError":
    """Return the last object after `start` that validates as `form`, repaired if necessary; else the fault."""
    objects = [*_objects(text, start)]
    text = _before_thoughts(text, start, objects)
    objects = [each for each in objects if each.end <= len(text)]
    fault: CallError | None = None
    for each in reversed(objects):
        made = _validated(each.value, form, language)
        if isinstance(made, CallError):
            fault = fault or made
            continue
        broken = _broken(text, each.end, form)
        return _repaired(text, broken, form, language) if broken else _Placed(each.start, each.end, made)
    first = _LOOSE_START.search(text, start)
    if first is None:
        return fault or CallError(CallOutcome.PROSE if text[start:].strip() else CallOutcome.BLANK)
    repaired = _repaired(text, first.start(), form, language)
    return fault or repaired if isinstance(repaired, CallError) else repaired


def _before_thoughts(text: str, start: int, objects: list["_Placed[Any]"]) -> str:
    """Cut `text` before thoughts that begin after `start` and do not end: any object in them is a draft.

    Marks within an object are part of the answer.
    """

    def outside(marks: re.Pattern[str]) -> Iterator[int]:
        places = (found.start() for found in marks.finditer(text, start))
        return (place for place in places if not any(each.start < place < each.end for each in objects))

    ended = max(outside(_END_OF_THOUGHTS), default=-1)
    return text[: next((place for place in outside(_BEGIN_OF_THOUGHTS) if place > ended), len(text))]


def _broken(text: str, start: int, form: type[BaseModel]) -> int | None:
    """Return the position after `start` of a broken object that has a field name of `form`; None if there is none."""
    begun = _START.search(text, start)
    names = "|".join(map(re.escape, form.model_fields))
    if begun is None or not re.search(rf'"(?:{names})\\*"', text[begun.start() :], re.IGNORECASE):
        return None
    return begun.start()


def _repaired(text: str, start: int, form: type[A], language: str) -> "_Placed[A] | CallError":
    """Repair small faults of the object at `start` and validate it."""
    value = repaired(text[start:])
    if value is None:
        return CallError(CallOutcome.HALF_JSON if _START.search(text, start) else CallOutcome.PROSE)
    made = _validated(value, form, language)
    return made if isinstance(made, CallError) else _Placed(start, len(text), made)


def _doubled(text: str) -> str:
    return _LONE_BACKSLASH.sub(r"\\\\", text)


def _objects(text: str, start: int) -> Iterator["_Placed[Any]"]:
    """Yield the outermost objects in `text` after `start`; the braces of formulas around them are skipped."""
    place = start
    for _ in range(_STARTS):
        match = _START.search(text, place)
        if match is None:
            return
        try:
            value, place = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            place = match.start() + 1
        else:
            yield _Placed(match.start(), place, value)


def _validated(value: object, form: type[A], language: str) -> A | CallError:
    """Validate `value` as `form` in the first shape that fits."""
    fault: CallError | None = None
    for shape in candidate_objects(value, [*form.model_fields]):
        try:
            return form.model_validate(shape, context={"language": language})
        except ValidationError as error:
            fault = fault or CallError(CallOutcome.WRONG_SHAPE, _fields(error))
    return fault or CallError(CallOutcome.PROSE)


def _fields(error: ValidationError) -> str:
    """Name the fields that do not validate, without quoting the answer."""
    places = (".".join(str(part) for part in each["loc"]) for each in error.errors(include_input=False))
    return ", ".join([*dict.fromkeys(place or "as a whole" for place in places)][:3])


def response_format(wanted: ResponseFormat, name: str, form: type[BaseModel]) -> dict[str, Any] | None:
    """Return the request's `response_format`; None if the request should have none."""
    if wanted is ResponseFormat.TEXT:
        return None
    if wanted is ResponseFormat.JSON_OBJECT:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema(form)}}


@lru_cache(
    maxsize=32
)  # every call needs it, and computing it takes as long as building the rest of the request
def schema(form: type[BaseModel]) -> Mapping[str, Any]:
    """Return the JSON schema of `form` in the subset that every strict server accepts.

    It has no references, bounds or descriptions; every field is required, and no others are allowed.
    """
    full = form.model_json_schema()
    return _plain(full, full.get("$defs", {}))


def _plain(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if node["type"] == "array":
        return {"type": "array", "items": _plain(node["items"], definitions)}
    if node["type"] == "object":
        fields = {name: _plain(field, definitions) for name, field in node["properties"].items()}
        return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    return {"type": node["type"]}
